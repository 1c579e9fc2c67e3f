#include "sched/requirements.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace camshaft::sched {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

Requirements parsed(std::string_view json) {
  const auto result = parse_requirements(json);
  EXPECT_TRUE(result) << json;
  return result ? *result : Requirements{};
}
Error refused(std::string_view json) {
  const auto result = parse_requirements(json);
  EXPECT_FALSE(result) << json;
  return result ? Error{} : result.error();
}

TEST(Requirements, NothingAskedForIsTheDefault) {
  for (const char* json :
       {"{}", R"({"label": null, "codec": "p5/3.11"})", R"({"label":null})", R"({"label": 3, "retries": 0})",
        R"({"label": null, "after": [], "follow": [], "timeout": 0.0, "targets": [], "retries": 0})",
        R"({"after": null, "follow": null, "timeout": null, "targets": null, "retries": null})",
        R"({"priority": 0, "resources": {}, "where": [], "time_limit": 0, "kill_after": 5})",
        R"({"priority": null, "resources": null, "where": null, "time_limit": null, "kill_after": null})"}) {
    EXPECT_EQ(parsed(json), Requirements{}) << json;
  }
}

TEST(Requirements, EveryKeyIsRead) {
  const Requirements wanted = parsed(
      R"({"after": ["a", "b"], "follow": {"dependencies": ["c"], "all": false, "success": false, "failure": true},)"
      R"( "targets": ["e0", "e1"], "timeout": 2.5, "retries": 3, "label": {"deep": [1, 2]}})");
  EXPECT_EQ(wanted.after, (Dependency{{MsgId("a"), MsgId("b")}, true, true, false}));
  EXPECT_EQ(wanted.follow, (Dependency{{MsgId("c")}, false, false, true}));
  EXPECT_EQ(wanted.targets, (std::vector<EngineId>{EngineId("e0"), EngineId("e1")}));
  EXPECT_EQ(wanted.timeout, 2500ms);
  EXPECT_EQ(wanted.retries, 3);
  EXPECT_EQ(wanted.label, "");  // only texts are labels
}

TEST(Requirements, EveryKeyOfOurOwnIsRead) {
  const Requirements wanted =
      parsed(R"({"label": "a \"quoted\" one", "priority": -3, "resources": {"gpu": 1, "disk": 0.5}, "time_limit": 2.5,)"
             R"( "kill_after": 0, "where": [["cores", ">=", 8], ["rack", "in", ["a", null]], ["gpu", "has", true]]})");
  EXPECT_EQ(wanted.label, "a \"quoted\" one");
  EXPECT_EQ(wanted.priority, -3);
  EXPECT_EQ(wanted.resources, (std::vector<Resource>{{"gpu", 1}, {"disk", 0.5}}));
  EXPECT_EQ(wanted.time_limit, 2500ms);
  EXPECT_EQ(wanted.kill_after, 0s);
  ASSERT_EQ(wanted.where.size(), 3u);
  EXPECT_EQ(wanted.where[0], (Where{"cores", Operator::at_least, Value{8.0}}));
  EXPECT_EQ(wanted.where[1], (Where{"rack", Operator::in, Value{Value::List{Value{std::string("a")}, Value{}}}}));
  EXPECT_EQ(wanted.where[2], (Where{"gpu", Operator::has, Value{true}}));
  EXPECT_EQ(parsed(R"({"label": "after"})").label, "after");
}

TEST(Requirements, TheFunctionStandsInForALabelThatIsMissing) {
  EXPECT_EQ(parsed(R"({"codec": "p5/3.11", "function": "mine.fit"})").label, "mine.fit");
  EXPECT_EQ(parsed(R"({"label": null, "function": "mine.fit"})").label, "mine.fit");
  EXPECT_EQ(parsed(R"({"function": "mine.fit", "label": "night"})").label, "night");
  EXPECT_EQ(parsed(R"({"label": "night", "function": "mine.fit"})").label, "night");
  EXPECT_EQ(parsed(R"({"function": null})"), Requirements{});
  EXPECT_EQ(parsed(R"({"label": "", "function": "mine.fit"})").label, "");
}

TEST(Requirements, AParserRemembersNoMoreThanTheTextItReadLast) {
  RequirementsParser parser;
  for (const int retries : {1, 1, 2, 2, 1}) {
    const auto wanted = parser.parse(fmt::format(R"({{"function": "f", "retries": {}}})", retries));
    ASSERT_TRUE(wanted);
    EXPECT_EQ(wanted->retries, retries);
    EXPECT_FALSE(parser.parse(R"({"retries": "many"})"));
    EXPECT_EQ(*parser.parse("{}"), Requirements{});
  }
}

TEST(Requirements, DependenciesComeInThreeForms) {
  const Dependency one{{MsgId("a")}};
  EXPECT_EQ(parsed(R"({"after": "a"})").after, one);
  EXPECT_EQ(parsed(R"({"after": ["a"]})").after, one);
  EXPECT_EQ(parsed(R"({"after": {"dependencies": ["a"]}})").after, one);
}

TEST(Requirements, KeysMayBeSpelledInEscapes) { EXPECT_EQ(parsed(R"({"retri\u0065s": 2})").retries, 2); }

TEST(Requirements, NumbersAreKeptWithinReason) {
  EXPECT_EQ(parsed(R"({"retries": 1e30})").retries, 2147483647);
  EXPECT_EQ(parsed(R"({"retries": -4})").retries, 0);
  EXPECT_EQ(parsed(R"({"retries": 2.0})").retries, 2);
  EXPECT_EQ(parsed(R"({"timeout": 1e300})").timeout, 1'000'000'000s);
}

TEST(Requirements, WhatCannotBeUsedIsNamed) {
  EXPECT_EQ(refused(R"({"retries": )").code, Errc::bad_json);
  EXPECT_EQ(refused(R"(["retries"])").code, Errc::bad_json);
  for (const auto& [json, key] :
       std::vector<std::pair<const char*, const char*>>{{R"({"retries": "2"})", "'retries'"},
                                                        {R"({"retries": 1.5})", "'retries'"},
                                                        {R"({"timeout": "x"})", "'timeout'"},
                                                        {R"({"timeout": -1})", "'timeout'"},
                                                        {R"({"priority": "high"})", "'priority'"},
                                                        {R"({"priority": 0.5})", "'priority'"},
                                                        {R"({"resources": ["gpu"]})", "'resources'"},
                                                        {R"({"resources": {"gpu": 0}})", "'resources'"},
                                                        {R"({"resources": {"gpu": "1"}})", "'resources'"},
                                                        {R"({"where": {"cores": 8}})", "'where'"},
                                                        {R"({"where": [["cores", 8]]})", "'where'"},
                                                        {R"({"where": [["cores", "=>", 8]]})", "use one of =="},
                                                        {R"({"time_limit": -2})", "'time_limit'"},
                                                        {R"({"time_limit": "2"})", "'time_limit'"},
                                                        {R"({"kill_after": -1})", "'kill_after'"},
                                                        {R"({"after": [1]})", "'after'"},
                                                        {R"({"follow": 3})", "'follow'"},
                                                        {R"({"targets": [["e", 0]]})", "'targets'"},
                                                        {R"({"after": {"all": 1}})", "'after'"}}) {
    const Error error = refused(json);
    EXPECT_EQ(error.code, Errc::bad_value) << json;
    EXPECT_THAT(error.message, HasSubstr(key)) << json;
  }
}

TEST(Requirements, AParserServesManyMessages) {
  RequirementsParser parser;
  EXPECT_EQ(parser.parse(R"({"retries": 1})")->retries, 1);
  EXPECT_FALSE(parser.parse(R"({"retries": )"));
  EXPECT_EQ(parser.parse(R"({"retries": 2})")->retries, 2);
}

}  // namespace
}  // namespace camshaft::sched
