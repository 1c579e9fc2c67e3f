#include "sched/properties.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace camshaft::sched {
namespace {

using ::testing::HasSubstr;

Properties machine() {
  const auto read =
      parse_properties(R"({"host": "node7", "cores": 16, "memory": 6.4e10, "gpu": 2, "debug": true, "owner": null,)"
                       R"( "tags": ["fast", 3], "disk": {"free": 10}})");
  EXPECT_TRUE(read);
  return read ? *read : Properties{};
}
bool meets(std::string name, std::string_view op, std::string_view value) {
  const auto read = parse_properties(R"({"value": )" + std::string(value) + "}");
  EXPECT_TRUE(read) << value;
  return holds({std::move(name), *operator_named(op), read->at("value")}, machine());
}

TEST(Properties, EachOperatorBothWays) {
  EXPECT_TRUE(meets("host", "==", "\"node7\""));
  EXPECT_FALSE(meets("host", "==", "\"node8\""));
  EXPECT_TRUE(meets("host", "!=", "\"node8\""));
  EXPECT_FALSE(meets("host", "!=", "\"node7\""));
  EXPECT_TRUE(meets("cores", "<", "17"));
  EXPECT_FALSE(meets("cores", "<", "16"));
  EXPECT_TRUE(meets("cores", "<=", "16"));
  EXPECT_FALSE(meets("cores", "<=", "15.5"));
  EXPECT_TRUE(meets("cores", ">", "15"));
  EXPECT_FALSE(meets("cores", ">", "16"));
  EXPECT_TRUE(meets("memory", ">=", "64000000000"));
  EXPECT_FALSE(meets("memory", ">=", "64000000001"));
  EXPECT_TRUE(meets("host", "in", R"(["node6", "node7"])"));
  EXPECT_FALSE(meets("host", "in", R"(["node6"])"));
  EXPECT_TRUE(meets("tags", "contains", "\"fast\""));
  EXPECT_FALSE(meets("tags", "contains", "\"slow\""));
  EXPECT_TRUE(meets("gpu", "has", "true"));
  EXPECT_FALSE(meets("gpu", "has", "false"));
  EXPECT_TRUE(meets("tpu", "has", "false"));
  EXPECT_FALSE(meets("tpu", "has", "null"));
}

TEST(Properties, TextsAndObjectsContainToo) {
  EXPECT_TRUE(meets("host", "contains", "\"ode\""));
  EXPECT_TRUE(meets("disk", "contains", "\"free\""));
  EXPECT_FALSE(meets("disk", "contains", "10"));
  EXPECT_TRUE(meets("host", "<", "\"node8\""));
}

TEST(Properties, WhatIsMissingOrOfAnotherKindMeetsNothing) {
  for (const char* op : {"==", "!=", "<", "<=", ">", ">=", "in", "contains"}) EXPECT_FALSE(meets("tpu", op, "1")) << op;
  for (const char* op : {"==", "<", "<=", ">", ">=", "in", "contains"}) EXPECT_FALSE(meets("host", op, "1")) << op;
  EXPECT_TRUE(meets("host", "!=", "1"));
  EXPECT_FALSE(meets("owner", "has", "true"));
}

TEST(Properties, TrueIsOneAsInPython) {
  EXPECT_TRUE(meets("debug", "==", "1"));
  EXPECT_TRUE(meets("debug", ">", "false"));
}

TEST(Properties, AmountsAreNumbers) {
  EXPECT_EQ(amount_of("gpu", machine()), 2);
  EXPECT_EQ(amount_of("host", machine()), 0);
  EXPECT_EQ(amount_of("tpu", machine()), 0);
}

TEST(Properties, ValuesReadBackAsTheyWereWritten) {
  const Properties here = machine();
  EXPECT_EQ(to_text(here.at("tags")), R"(["fast", 3])");
  EXPECT_EQ(to_text(here.at("disk")), R"({"free": 10})");
  EXPECT_EQ(to_text(here.at("owner")), "null");
  EXPECT_EQ(to_text(here.at("debug")), "true");
  EXPECT_EQ(to_text(Value{std::string("a\"\\\n")}), R"("a\"\\\u000a")");
}

TEST(Properties, WhatCannotBeReadIsRefused) {
  EXPECT_EQ(parse_properties("[1]").error().code, Errc::bad_json);
  EXPECT_EQ(parse_properties("{").error().code, Errc::bad_json);
  const auto op = operator_named("=>");
  ASSERT_FALSE(op);
  EXPECT_THAT(op.error().message, HasSubstr("'=>'"));
  const std::string deep = R"({"a": )" + std::string(100, '[') + std::string(100, ']') + "}";
  EXPECT_TRUE(parse_properties(deep));
}

}  // namespace
}  // namespace camshaft::sched
