#include "controlplane/cli/table.h"

#include <algorithm>

#include "common/base/contract.h"

namespace weir::cli {
namespace {

/// Characters, not bytes: continuation bytes of UTF-8 take no room.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

/// Names come from strangers: nothing may move the cursor of the operator's terminal.
std::string printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

void append_padded(std::string& out, const std::string& text, std::size_t to) {
  out += text;
  out.append(to - width(text), ' ');
}

}  // namespace

void Table::add(std::vector<std::string> cells) {
  WEIR_ASSERT(cells.size() == columns_.size());
  for (std::string& cell : cells) cell = cell.empty() ? "-" : printable(std::move(cell));
  rows_.push_back(std::move(cells));
}

std::string Table::str() const {
  std::vector<std::size_t> shown;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (wide_ || !columns_[i].wide) shown.push_back(i);
  }
  std::vector<std::size_t> widths(columns_.size());
  for (const std::size_t i : shown) {
    widths[i] = width(columns_[i].title);
    for (const auto& row : rows_) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  const auto append_row = [&](const auto& cell) {
    for (const std::size_t i : shown) {
      if (i == shown.back())
        out += cell(i);
      else
        append_padded(out, cell(i), widths[i] + 2);
    }
    out += '\n';
  };
  append_row([&](std::size_t i) { return columns_[i].title; });
  for (const auto& row : rows_) append_row([&](std::size_t i) { return row[i]; });
  return out;
}

void Facts::add(std::string name, std::string value) {
  if (!value.empty()) lines_.emplace_back(std::move(name) + ":", printable(std::move(value)));
}

std::string Facts::str() const {
  std::size_t longest = 0;
  for (const auto& [name, value] : lines_) longest = std::max(longest, width(name));
  std::string out;
  for (const auto& [name, value] : lines_) {
    append_padded(out, name, longest + 2);
    out += value + '\n';
  }
  return out;
}

}  // namespace weir::cli
