// Flags, file and --set together, as an operator meets them.
#include "common/config/daemon.h"

#include <fstream>
#include <functional>
#include <iterator>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/config/yaml.h"
#include "weir/config/v1/config.pb.h"

namespace weir::config {
namespace {

struct Outcome {
  std::optional<int> code;
  std::string out;
  std::string err;
};

template <class Config>
Outcome load_into(const DaemonSpec& spec, std::vector<std::string> arguments, Config& config) {
  std::vector<const char*> argv{spec.name.c_str()};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.code = load(spec, "1.2.3", static_cast<int>(argv.size()), argv.data(), config);
  std::fflush(stdout);
  outcome.out = ::testing::internal::GetCapturedStdout();
  outcome.err = ::testing::internal::GetCapturedStderr();
  return outcome;
}

class Daemon : public ::testing::Test {
 protected:
  ~Daemon() override { ::unlink(file_.c_str()); }
  void write(const std::string& text) { std::ofstream(file_) << text; }
  Outcome forwarder(std::vector<std::string> arguments) {
    return load_into(forwarder_spec(), std::move(arguments), forwarder_);
  }
  Outcome agent(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--controlplane", "127.0.0.1:7400"});
    return load_into(origin_agent_spec(), std::move(arguments), agent_);
  }
  /// The complaint about a forwarder's file.
  std::string complaint(const std::string& text) {
    write(text);
    forwarder_.Clear();
    const Outcome outcome = forwarder({"--config", file_, "--controlplane", "h:1"});
    EXPECT_EQ(outcome.code, kExitUsage) << text;
    return outcome.err;
  }

  std::string file_ = ::testing::TempDir() + "weir-config-" + std::to_string(::getpid()) + ".yaml";
  v1::ForwarderConfig forwarder_;
  v1::OriginAgentConfig agent_;
};

TEST_F(Daemon, DefaultsComeFromTheRulesAndTheDaemon) {
  EXPECT_EQ(forwarder({"--controlplane", "127.0.0.1:7400"}).code, std::nullopt);
  EXPECT_EQ(forwarder_.rtmp(), ":1935");
  EXPECT_EQ(forwarder_.common().admin(), "127.0.0.1:7481");
  EXPECT_EQ(forwarder_.common().log_level(), "info");
  EXPECT_EQ(forwarder_.rtmp_options().publish_hold_ms(), 15000U);
  v1::ControlplaneConfig controlplane;
  EXPECT_EQ(load_into(controlplane_spec(), {}, controlplane).code, std::nullopt);
  EXPECT_EQ(controlplane.listen(), "127.0.0.1:7400");
  EXPECT_EQ(controlplane.common().admin(), "127.0.0.1:7480");
}

TEST_F(Daemon, FlagsWinOverSetOverFileOverDefaults) {
  write("workers: 2\nzone: file\nid: file\ncontrolplane: [a:1, b:2]\n");
  EXPECT_EQ(
      forwarder({"--config", file_, "--set", "zone=set", "--set", "id=set", "--id", "flag"}).code,
      std::nullopt);
  EXPECT_EQ(forwarder_.workers(), 2U);
  EXPECT_EQ(forwarder_.zone(), "set");
  EXPECT_EQ(forwarder_.id(), "flag");
  EXPECT_EQ(forwarder_.controlplane_size(), 2);
}

TEST_F(Daemon, ListFlagReplacesTheList) {
  write("controlplane: [a:1, b:2]\n");
  EXPECT_EQ(forwarder({"--config", file_, "--controlplane", "c:3,d:4,e:5"}).code, std::nullopt);
  ASSERT_EQ(forwarder_.controlplane_size(), 3);
  EXPECT_EQ(forwarder_.controlplane(2), "e:5");
}

TEST_F(Daemon, EmptyFlagDisablesAListener) {
  EXPECT_EQ(forwarder({"--controlplane", "h:1", "--admin", ""}).code, std::nullopt);
  EXPECT_EQ(forwarder_.common().admin(), "");
}

TEST_F(Daemon, ComplaintsNameFileLineAndKey) {
  EXPECT_NE(complaint("zone: a\nzome: b\n").find(file_ + ":2: zome: unknown key; allowed: common,"),
            std::string::npos);
  EXPECT_NE(complaint("rtmp_options:\n  dial_timeout_ms: 5\n")
                .find(file_ + ":2: rtmp_options.dial_timeout_ms: '5' is not allowed; write a whole "
                              "number from 50 to 30000"),
            std::string::npos);
  EXPECT_NE(complaint("rtmp_options:\n  proxy_protocol_from: [10.0.0.0/8, 10.1.0.0/8]\n")
                .find(file_ + ":2: rtmp_options.proxy_protocol_from[1]: '10.1.0.0/8' is not a "
                              "network: bits are set beyond the prefix; the network is 10.0.0.0/8"),
            std::string::npos);
  EXPECT_NE(complaint("rtmp_options:\n  proxy_protocol_from: ['']\n").find("'' is not a network"),
            std::string::npos);
  EXPECT_NE(complaint("workers: many\n").find(file_ + ":1: workers: 'many'"), std::string::npos);
  EXPECT_NE(complaint("common:\n  log_format: xml\n")
                .find(file_ + ":2: common.log_format: 'xml' is not known; allowed: text, json"),
            std::string::npos);
  EXPECT_NE(complaint("common:\n  log_format: redis://user:s3cret@h/0\n")
                .find("'redis://h/0' is not known; allowed:"),
            std::string::npos);
  EXPECT_NE(complaint("common:\n  insecure: maybe\n").find("write true or false"),
            std::string::npos);
  EXPECT_NE(complaint("rtmp: 1935\n").find(":1: rtmp: '1935' has no port"), std::string::npos);
  EXPECT_NE(complaint("zone: a\nzone: b\n").find(":2: zone: is given twice"), std::string::npos);
  EXPECT_NE(complaint("zone: [a]\n").find(":1: zone: is not a single value"), std::string::npos);
  EXPECT_NE(complaint("advertise: a\n").find(":1: advertise: is not a list"), std::string::npos);
  EXPECT_NE(complaint("common: 5\n").find(":1: common: is not an object"), std::string::npos);
  EXPECT_NE(complaint("zone:\n").find("zone: has no value"), std::string::npos);
  EXPECT_NE(complaint("a: [1\nb: 2\n").find("not YAML"), std::string::npos);
}

TEST_F(Daemon, EveryMistakeIsToldAtOnce) {
  const std::string text = complaint("zome: b\nworkers: -1\n");
  EXPECT_NE(text.find(":1: zome"), std::string::npos);
  EXPECT_NE(text.find(":2: workers"), std::string::npos);
}

TEST_F(Daemon, FlagsAndSetNameThemselves) {
  const auto err = [&](std::vector<std::string> arguments) {
    const Outcome outcome = forwarder(std::move(arguments));
    EXPECT_EQ(outcome.code, kExitUsage);
    return outcome.err;
  };
  EXPECT_NE(err({"--controlplane", "nowhere"}).find("--controlplane: 'nowhere' has no port"),
            std::string::npos);
  EXPECT_NE(err({"--controlplane", "h:1", "--set", "rtmp_options.nope=1"})
                .find("--set rtmp_options.nope: unknown key"),
            std::string::npos);
  EXPECT_NE(err({"--controlplane", "h:1", "--set", "workers"}).find("--set key=value"),
            std::string::npos);
  EXPECT_NE(err({"--controlplane", "h:1", "--workers", "x"}).find("--workers: 'x'"),
            std::string::npos);
  EXPECT_NE(err({"--nonsense"}).find("--nonsense"), std::string::npos);
  EXPECT_NE(err({"--config", "/nonexistent.yaml"}).find("/nonexistent.yaml: cannot be read"),
            std::string::npos);
}

TEST_F(Daemon, RequiredKeysAreAskedFor) {
  EXPECT_NE(forwarder({}).err.find("controlplane: is required"), std::string::npos);
  write("controlplane: [h:1]\norigins:\n- id: o1\n- rtmp: 127.0.0.1:1935\n");
  const Outcome outcome = load_into(origin_agent_spec(), {"--config", file_}, agent_);
  EXPECT_EQ(outcome.code, kExitUsage);
  EXPECT_NE(outcome.err.find(file_ + ":3: origins[0].rtmp: is required"), std::string::npos)
      << outcome.err;
}

TEST_F(Daemon, OriginFlagDescribesOneOriginEach) {
  const Outcome outcome =
      agent({"--origin",
             "id=o1,type=nginx-rtmp,rtmp=127.0.0.1:1936,stat=http://127.0.0.1:8081/stat,"
             "control=http://127.0.0.1:8081/control,pidfile=/run/n.pid,labels=rack:7;disk:ssd,"
             "client_address=proxy-v1",
             "--origin", "rtmp=[::1]:1937"});
  ASSERT_EQ(outcome.code, std::nullopt) << outcome.err;
  ASSERT_EQ(agent_.origins_size(), 2);
  EXPECT_EQ(agent_.origins(0).type(), "nginx-rtmp");
  EXPECT_EQ(agent_.origins(0).stat(), "http://127.0.0.1:8081/stat");
  EXPECT_EQ(agent_.origins(0).labels().at("disk"), "ssd");
  EXPECT_EQ(agent_.origins(0).client_address(), "proxy-v1");
  EXPECT_EQ(agent_.origins(1).type(), "process");
  EXPECT_EQ(agent_.origins(1).client_address(), "none");
  EXPECT_EQ(agent_.origins(1).rtmp(), "[::1]:1937");
}

TEST_F(Daemon, OriginFlagMistakesNameTheKey) {
  EXPECT_NE(agent({"--origin", "id=o1,rmtp=h:1"}).err.find("--origin: rmtp: unknown key"),
            std::string::npos);
  EXPECT_NE(agent({"--origin", "o1"}).err.find("key=value"), std::string::npos);
  EXPECT_NE(agent({"--origin", "rtmp=h:1,type=apache"}).err.find("nginx-rtmp, process"),
            std::string::npos);
  EXPECT_NE(agent({"--origin", "rtmp=h:1,client_address=proxy-v2"})
                .err.find("allowed: none, proxy-v1, srs-prefix"),
            std::string::npos);
  EXPECT_NE(agent({"--origin", "rtmp=h:1,stat=https://h/"}).err.find("http://host"),
            std::string::npos);
  EXPECT_NE(agent({"--origin", "id=o1"}).err.find("origins[0].rtmp: is required"),
            std::string::npos);
}

TEST_F(Daemon, CheckConfigPrintsWhatReadsBackTheSame) {
  const Outcome outcome = agent({"--check-config", "--origin", "id=o1,rtmp=h:1,labels=a:1"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  ASSERT_TRUE(outcome.out.starts_with("configuration ok\n")) << outcome.out;
  const std::string dump = outcome.out.substr(outcome.out.find('\n') + 1);
  v1::OriginAgentConfig again;
  Sources sources;
  EXPECT_TRUE(read_yaml("dump", dump, again, sources).empty()) << dump;
  EXPECT_EQ(again.SerializeAsString().size(), agent_.SerializeAsString().size());
  EXPECT_EQ(again.DebugString(), agent_.DebugString());
}

TEST_F(Daemon, HelpAndVersionEndWithSuccess) {
  const Outcome help = forwarder({"--help"});
  EXPECT_EQ(help.code, 0);
  for (const char* flag : {"--config", "--set", "--check-config", "--state-dir", "--admin",
                           "--token-file", "--insecure", "--log-format", "--log-level", "--version",
                           "--controlplane", "--rtmp", "--workers"})
    EXPECT_NE(help.out.find(flag), std::string::npos) << flag;
  EXPECT_EQ(forwarder({"--version"}).out, "weir-forwarder 1.2.3\n");
}

TEST(ExitCodes, FollowTheErrorsOfStartingUp) {
  namespace errc = boost::system::errc;
  EXPECT_EQ(exit_code_of(make_error(errc::address_in_use, "")), 3);
  EXPECT_EQ(exit_code_of(make_error(errc::operation_not_permitted, "")), 4);
  EXPECT_EQ(exit_code_of(make_error(errc::invalid_argument, "")), 2);
  EXPECT_EQ(exit_code_of(make_error(errc::io_error, "")), 1);
}

TEST(ConfigReference, DescribesEveryKey) {
  std::ifstream in(WEIR_SOURCE_DIR "/docs/operations/config.md");
  const std::string page((std::istreambuf_iterator<char>(in)), {});
  const std::function<void(const google::protobuf::Descriptor&, const std::string&)> check =
      [&](const google::protobuf::Descriptor& type, const std::string& path) {
        for (int i = 0; i < type.field_count(); ++i) {
          const auto& field = *type.field(i);
          const std::string key = path + field.name();
          if (field.message_type() != nullptr && !field.is_map())
            check(*field.message_type(), key + (field.is_repeated() ? "[]." : "."));
          else
            EXPECT_NE(page.find(fmt::format("`{}`", key)), std::string::npos) << key;
        }
      };
  check(*v1::ControlplaneConfig::descriptor(), "");
  check(*v1::ForwarderConfig::descriptor(), "");
  check(*v1::OriginAgentConfig::descriptor(), "");
}

}  // namespace
}  // namespace weir::config
