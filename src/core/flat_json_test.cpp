#include "core/flat_json.hpp"

#include <gtest/gtest.h>

#include <string>

namespace camshaft {
namespace {

// "key=value;" for each member, or "-" for what is not flat.
std::string members(std::string_view json) {
  std::string seen;
  const bool flat = read_flat(json, [&](std::string_view key, const FlatValue& value) {
    seen += std::string(key) + (value.kind == FlatValue::Kind::string ? "='" : "=") + std::string(value.text) + ";";
  });
  return flat ? seen : "-";
}

TEST(FlatJson, IsReadMemberByMember) {
  EXPECT_EQ(members("{}"), "");
  EXPECT_EQ(members(" { } "), "");
  EXPECT_EQ(members(R"({"a":"b"})"), "a='b;");
  EXPECT_EQ(members(R"({"a": "b", "":"" , "n": -12, "z":0,"t": true, "f":false ,"x": null})"),
            "a='b;=';n=-12;z=0;t=true;f=false;x=null;");
  EXPECT_EQ(members(R"({"a long enough key for whole words": "and a value that is longer than eight letters, too"})"),
            "a long enough key for whole words='and a value that is longer than eight letters, too;");
}

TEST(FlatJson, LeavesTheRestToAGeneralParser) {
  for (const char* json : {"",
                           " ",
                           "[]",
                           "1",
                           "\"a\"",
                           "{",
                           "{\"a\"",
                           "{\"a\":",
                           "{\"a\":}",
                           "{\"a\":1",
                           "{\"a\":1,}",
                           "{,}",
                           "{\"a\" 1}",
                           "{\"a\":1}x",
                           "{\"a\":1 2}",
                           "{\"a\":1}{}",
                           "{a:1}",
                           "{'a':1}",
                           "{\"a\":{}}",
                           "{\"a\":[]}",
                           "{\"a\":1.5}",
                           "{\"a\":1e3}",
                           "{\"a\":01}",
                           "{\"a\":-}",
                           "{\"a\":+1}",
                           "{\"a\":nul}",
                           "{\"a\":NaN}",
                           "{\"a\":True}",
                           "{\"a\":\"\\n\"}",
                           "{\"a\":\"long enough \\\" for a word\"}",
                           "{\"a\":\"\x01\"}",
                           "{\"a\":\"12345678\x1f\"}",
                           "{\"a\":\"\xc3\xa4\"}",
                           "{\"a\":\"12345678\xc3\xa4\"}",
                           "{\n\"a\":1}",
                           "{\"a\":\"b}",
                           "{\"a\":\"bcdefghijklmnop}"})
    EXPECT_EQ(members(json), "-") << json;
}

TEST(FlatJson, ValuesAreWhatTheirKindAllows) {
  using Kind = FlatValue::Kind;
  EXPECT_EQ((FlatValue{Kind::string, "1"}.string()), "1");
  EXPECT_FALSE((FlatValue{Kind::string, "1"}.integer<int>()));
  EXPECT_FALSE((FlatValue{Kind::string, "true"}.boolean()));
  EXPECT_EQ((FlatValue{Kind::integer, "-7"}.integer<int>()), -7);
  EXPECT_FALSE((FlatValue{Kind::integer, "-7"}.integer<unsigned>()));
  EXPECT_FALSE((FlatValue{Kind::integer, "99999999999999999999"}.integer<std::int64_t>()));
  EXPECT_EQ((FlatValue{Kind::literal, "true"}.boolean()), true);
  EXPECT_EQ((FlatValue{Kind::literal, "false"}.boolean()), false);
  EXPECT_FALSE((FlatValue{Kind::literal, "null"}.boolean()));
}

}  // namespace
}  // namespace camshaft
