// weir-history-check FILE...: judges a recorded history (checker.h says what is decided).
//
// Prints the violations and one line of figures (--json: as JSON). Exit status: 0 none, 1 violated,
// 2 unreadable.

#include <cstdio>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tests/support/history/checker.h"
#include "tests/support/history/reader.h"

namespace {

using weir::history::Report;

template <std::size_t kCount, class Enum>
std::string counted(const std::array<std::uint64_t, kCount>& counts, Enum) {
  std::string out;
  for (std::size_t at = 0; at < kCount; ++at)
    out += fmt::format("{}\"{}\":{}", at == 0 ? "" : ",",
                       weir::history::to_string(static_cast<Enum>(at)), counts[at]);
  return out;
}

void print_json(const Report& report) {
  fmt::print(
      "{{\"events\":{},\"streams\":{},\"epochs\":{},\"sessions\":{},\"held\":{},\"faults\":{},"
      "\"generations\":[{}],\"raises_allowed\":{},\"displaced\":{{{}}},\"violations\":{{{}}}}}\n",
      report.events, report.streams, report.epochs, report.sessions, report.held, report.faults,
      fmt::join(report.generations, ","), report.raises_allowed,
      counted(report.displaced, weir::history::Cause{}),
      counted(report.violations, weir::history::Rule{}));
}

void print_text(const Report& report) {
  fmt::print(
      "{} events, {} streams, {} epochs, {} sessions given a stream, {} accepted by an origin, {} "
      "faults, {} generations ({} raises allowed); displaced {{{}}}; {} violations\n",
      report.events, report.streams, report.epochs, report.sessions, report.held, report.faults,
      report.generations.size(), report.raises_allowed,
      counted(report.displaced, weir::history::Cause{}), report.violation_count());
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Judges a recorded history of who owned which stream.");
  std::vector<std::string> files;
  bool json = false;
  app.add_option("FILE", files, "Files of one history")->required();
  app.add_flag("--json", json, "Figures as one JSON object, after the violations");
  CLI11_PARSE(app, argc, argv);

  weir::history::Checker checker(files);
  const auto read = weir::history::read_histories(
      files, [&](const auto& event, auto place) { checker.add(event, place); });
  if (!read) {
    fmt::print(stderr, "{}\n", read.error().message);
    return 2;
  }
  const Report report = checker.finish();
  for (const auto& violation : report.shown) fmt::print("VIOLATION {}\n", violation.text);
  json ? print_json(report) : print_text(report);
  return report.violation_count() == 0 ? 0 : 1;
}
