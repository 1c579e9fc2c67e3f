#include "sched/requirements.hpp"

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
       {"{}", R"({"label": null, "codec": "p5/3.11"})", R"({"label": "after"})", R"({"label": "a \"quoted\" one"})",
        R"({"label": null, "after": [], "follow": [], "timeout": 0.0, "targets": [], "retries": 0})",
        R"({"after": null, "follow": null, "timeout": null, "targets": null, "retries": null})"}) {
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
