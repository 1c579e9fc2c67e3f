// Settings of configuration files and of the environment, against the command line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/configuration.hpp"
#include "apps/ipcluster_options.hpp"
#include "apps/python_program.hpp"

namespace camshaft::apps {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string kFile = "/p/ipcontroller_config.py";

Result<ControllerOptions> parse(std::vector<const char*> arguments, std::vector<Setting> settings,
                                std::map<std::string, std::string> variables = {}) {
  variables.emplace("HOME", "/home/ada");
  return parse_controller_options(
      arguments,
      [&](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
      },
      settings);
}

InForce find(const ControllerOptions& options, const std::string& name) {
  for (const InForce& one : options.in_force) {
    if (one.name == name) return one;
  }
  return {};
}

TEST(Settings, FillWhatTheCommandLineLeavesOpen) {
  auto options = parse({"--hwm=7", "--ports=5"}, {{"TaskScheduler.hwm", 3, kFile},
                                                  {"TaskScheduler.scheme_name", "lru", kFile},
                                                  {"IPController.ports", {1, 2}, kFile},
                                                  {"IPController.engine_ports", {1, 2}, kFile},
                                                  {"IPController.location", nullptr, kFile},
                                                  {"IPController.reuse_files", true, kFile}});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->hwm, 7);
  EXPECT_EQ(options->scheme, "lru");
  EXPECT_THAT(options->ports, ElementsAre(5));  // a list of the command line replaces that of a file
  EXPECT_THAT(options->engine_ports, ElementsAre(1, 2));
  EXPECT_EQ(options->location, "");
  EXPECT_TRUE(options->reuse);
  EXPECT_THAT(options->notices, IsEmpty());
  EXPECT_EQ(find(*options, "TaskScheduler.scheme_name"), (InForce{"TaskScheduler.scheme_name", "lru", kFile}));
  EXPECT_EQ(find(*options, "TaskScheduler.hwm").origin, "command line");
  EXPECT_EQ(find(*options, "HeartMonitor.period"), (InForce{"HeartMonitor.period", 3000, "default"}));
}

TEST(Settings, TheMostSpecialClassWinsAndTheEnvironmentOverAll) {
  const std::vector<Setting> settings = {{"IPController.log_level", 10, kFile},
                                         {"Application.log_level", 30, kFile},
                                         {"BaseParallelApplication.cluster_id", "file", kFile},
                                         {"IPController.cluster_id", "file", kFile}};
  EXPECT_EQ(parse({}, settings)->log_level, Level::debug);
  EXPECT_EQ(parse({}, settings)->cluster_id, "file");
  EXPECT_EQ(parse({}, settings, {{"IPP_CLUSTER_ID", "env"}})->cluster_id, "env");
  EXPECT_EQ(parse({"--cluster-id=mine"}, settings, {{"IPP_CLUSTER_ID", "env"}})->cluster_id, "mine");
  const auto options = parse({}, {{"Session.key", "file", kFile}}, {{"IPP_SESSION_KEY", "env"}});
  EXPECT_EQ(options->key, "env");
  EXPECT_EQ(find(*options, "Session.key").value, "(hidden)");
}

TEST(Settings, UnknownNamesAreNoticedWithTheNearest) {
  const auto options = parse({}, {{"IPController.prots", 1, kFile},
                                  {"Whatever.it_may_be", 1, kFile},
                                  {"InteractiveShell.colors", "x", kFile},
                                  {"Nonsense.x", 1, "/p/ipython_config.py"}});
  ASSERT_TRUE(options);
  EXPECT_THAT(options->notices,
              ElementsAre(kFile + ": ipcontroller knows no c.IPController.prots, so it has no effect; did you mean "
                                  "c.IPController.ports?",
                          kFile + ": ipcontroller knows no c.Whatever.it_may_be, so it has no effect"));
}

TEST(Settings, WrongValuesNameTheFile) {
  const auto options = parse({}, {{"TaskScheduler.hwm", "many", kFile}});
  ASSERT_FALSE(options);
  EXPECT_EQ(options.error().message,
            "c.TaskScheduler.hwm expects auto or a number of at least 0, but is \"many\" in " + kFile);
}

TEST(Settings, ShowConfigSaysWhatDiffersAndFromWhere) {
  const auto options = parse({"--show-config", "--hwm=2"}, {{"TaskScheduler.scheme_name", "lru", kFile}});
  ASSERT_TRUE(options);
  EXPECT_TRUE(options->shows_config);
  EXPECT_EQ(options->profile.label(), "default");  // known, so that its files can be read
  EXPECT_EQ(options->text,
            "TaskScheduler.scheme_name = \"lru\"  # " + kFile + "\nTaskScheduler.hwm = 2  # command line\n");
  const auto json = nlohmann::json::parse(parse({"--show-config-json", "--hwm=2"}, {})->text);
  EXPECT_EQ(json, nlohmann::json::parse(R"([{"name": "TaskScheduler.hwm", "value": 2, "origin": "command line"}])"));
}

TEST(Settings, ShowConfigIsATraitOfEveryClass) {
  EXPECT_TRUE(parse({"--IPController.show_config=True"}, {})->shows_config);
  EXPECT_TRUE(parse({"--Application.show_config_json=true"}, {})->shows_config);
  EXPECT_FALSE(parse({"--BaseParallelApplication.show_config=False", "--hwm=2"}, {})->shows_config);
}

TEST(ConfigFile, SaysNothingUntilSomethingIsChanged) {
  for (const std::string& text : {controller_config_file(), cluster_config_file()}) {
    EXPECT_FALSE(says_something(text));
    EXPECT_TRUE(says_something(text + "c.IPController.ip = '*'\n"));
  }
  EXPECT_THAT(controller_config_file(),
              HasSubstr("\n# milliseconds between heartbeats\n# c.HeartMonitor.period = 3000\n"));
  EXPECT_THAT(controller_config_file(), HasSubstr("# c.IPController.ports = []\n"));
  EXPECT_THAT(controller_config_file(), Not(HasSubstr("c.HubFactory")));
  EXPECT_THAT(cluster_config_file(), HasSubstr("# c.Cluster.n = "));
  EXPECT_FALSE(says_something("\n  # c.X.y = 1\nc = get_config()  # noqa\n"));
}

TEST(Configuration, ReadsWhatPythonPrints) {
  const auto fine = parse_configuration(
      R"({"files": ["/p/a.py"], "warnings": ["w"], "settings": [{"name": "A.b", "value": [1], "origin": "/p/a.py"}]})");
  ASSERT_TRUE(fine);
  EXPECT_THAT(fine->settings, ElementsAre(Setting{"A.b", {1}, "/p/a.py"}));
  EXPECT_THAT(fine->warnings, ElementsAre("w"));
  EXPECT_EQ(parse_configuration(R"({"error": "no such file"})").error().message, "no such file");
  for (const char* text : {"", "[]", "{}", R"({"files": 3})"}) EXPECT_FALSE(parse_configuration(text)) << text;
}

TEST(Python, IsNamedByTheFirstLinesOfAScript) {
  EXPECT_EQ(interpreter_of("#!/opt/x/bin/python3.11\nimport sys"), "/opt/x/bin/python3.11");
  EXPECT_EQ(interpreter_of("#! /usr/bin/python3 -E\n"), "/usr/bin/python3");
  EXPECT_EQ(interpreter_of("#!/bin/sh\n'''exec' \"/a long/python\" \"$0\" \"$@\"\n' '''\n"), "/a long/python");
  EXPECT_EQ(interpreter_of("#!/bin/sh\n'''exec' /long/python \"$0\" \"$@\"\n' '''\n"), "/long/python");
  for (const char* text : {"",
                           "\x7f"
                           "ELF",
                           "#!/bin/sh\necho", "#!/bin/bash"}) {
    EXPECT_EQ(interpreter_of(text), "") << text;
  }
}

}  // namespace
}  // namespace camshaft::apps
