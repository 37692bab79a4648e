#include "tests/support/rtmp/script_origin.h"

#include <fstream>
#include <iostream>
#include <utility>

#include <fmt/format.h>

namespace weir::tests {
namespace {

/// What a server does that takes everything; a rule of the script replaces the one of its name.
constexpr const char* kUsualRules[] = {
    R"({"on":"accept","steps":[{"handshake":"server","within_ms":60000}]})",
    R"({"on":"connect","steps":[
        {"control":"window","value":2500000},{"control":"bandwidth","value":2500000},
        {"control":"set_chunk_size","value":4096},
        {"command":"_result","args":[{"fmsVer":"FMS/3,0,1,123","capabilities":31},
          {"level":"status","code":"NetConnection.Connect.Success","description":"connected",
           "objectEncoding":0}]}]})",
    R"({"on":"createStream","steps":[{"command":"_result","args":[null,{"$next_stream":true}]}]})",
    R"({"on":"releaseStream","steps":[{"command":"_result","args":[null,{"$undefined":true}]}]})",
    R"({"on":"FCPublish","steps":[{"command":"_result","args":[null,{"$undefined":true}]}]})",
    R"({"on":"publish","steps":[{"command":"onStatus","transaction":0,"msid":"same","csid":5,
        "args":[null,{"level":"status","code":"NetStream.Publish.Start","description":"go"}]}]})",
    R"({"on":"play","steps":[{"control":"user","event":0,"value":"same"},
        {"command":"onStatus","transaction":0,"msid":"same","csid":5,"args":[null,
          {"level":"status","code":"NetStream.Play.Reset","description":"reset"}]},
        {"command":"onStatus","transaction":0,"msid":"same","csid":5,"args":[null,
          {"level":"status","code":"NetStream.Play.Start","description":"start"}]}]})",
};

bool add_rule(const Json& line, std::vector<ScriptRule>& rules, std::string& why) {
  const Json* on = line.find("on");
  const Json* steps = line.find("steps");
  if (!on || !steps) return why = "a rule needs `on` and `steps`", false;
  ScriptRule rule{on->text, std::nullopt, steps->items};
  if (line.find("session")) rule.session = line.unsigned_or("session", 0);
  rules.push_back(std::move(rule));
  return true;
}

}  // namespace

bool read_script(const std::string& path, std::vector<Json>& lines, std::string& why) {
  std::ifstream file;
  if (path != "-") file.open(path);
  if (path != "-" && !file) return why = fmt::format("{} cannot be read", path), false;
  std::istream& in = path == "-" ? std::cin : file;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos || line[begin] == '#') continue;
    auto value = parse_json(line, why);
    if (!value) return why = fmt::format("{}:{}: {}", path, number, why), false;
    lines.push_back(std::move(*value));
  }
  return true;
}

bool make_rules(const std::vector<Json>& lines, std::vector<ScriptRule>& rules, std::string& why) {
  for (const Json& line : lines)
    if (!add_rule(line, rules, why)) return false;
  for (const char* text : kUsualRules) {
    const auto line = parse_json(text, why);
    if (!line || !add_rule(*line, rules, why)) return false;
  }
  return true;
}

ScriptOrigin::ScriptOrigin(boost::asio::io_context& context,
                           const boost::asio::ip::tcp::endpoint& listen, ScriptOptions options,
                           const EventLog& log, Random& random)
    : options_(std::move(options)), log_(log), random_(random), acceptor_(context, listen, true) {
  accept();
}

void ScriptOrigin::accept() {
  acceptor_.async_accept([this](boost::system::error_code error,
                                boost::asio::ip::tcp::socket socket) {
    if (error) return;
    const std::uint64_t id = next_session_++;
    const auto session = std::make_shared<ScriptSession>(
        std::move(socket), id, options_, log_, random_, [this, id](bool) { sessions_.erase(id); });
    sessions_[id] = session;
    session->start({});
    accept();
  });
}

void ScriptOrigin::go_on() {
  for (const auto& [id, weak] : sessions_)
    if (const auto session = weak.lock()) session->go_on();
}

void ScriptOrigin::close() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  const auto sessions = sessions_;
  for (const auto& [id, weak] : sessions)
    if (const auto session = weak.lock()) session->close();
}

}  // namespace weir::tests
