#pragma once
// Tables of plain text with aligned columns, and lists of "name: value" lines.
// Threading: pure. Lifetime: values.

#include <string>
#include <utility>
#include <vector>

namespace weir::cli {

class Table {
 public:
  struct Column {
    std::string title;
    bool wide = false;  ///< only with -o wide
  };
  Table(std::vector<Column> columns, bool wide) : columns_(std::move(columns)), wide_(wide) {}

  /// One cell per column, wide ones included; an empty cell shows as "-".
  void add(std::vector<std::string> cells);
  std::string str() const;

 private:
  std::vector<Column> columns_;
  bool wide_;
  std::vector<std::vector<std::string>> rows_;
};

/// Facts of one object.
class Facts {
 public:
  /// An empty value is left out.
  void add(std::string name, std::string value);
  std::string str() const;

 private:
  std::vector<std::pair<std::string, std::string>> lines_;
};

}  // namespace weir::cli
