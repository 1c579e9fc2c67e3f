#include "wire/bodies.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace camshaft::wire {
namespace {

Blob bytes(std::size_t size, char filler) { return Blob::of(std::string(size, filler)); }

TEST(Bodies, DigestsAreOfTheBytes) {
  EXPECT_EQ(digest_of(Blob::of("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_NE(digest_of(bytes(5000, 'a')), digest_of(bytes(5001, 'a')));
}

TEST(Bodies, MetadataNamesOne) {
  for (const char* metadata : {"{}", "{ }", R"({"codec": "p5/3.11"})", R"({"targets": ["a", "b"], "label": "}"})"}) {
    const auto before = nlohmann::json::parse(metadata);
    EXPECT_EQ(body_of(metadata), "");
    const std::string named = with_body(metadata, "0123");
    EXPECT_EQ(body_of(named), "0123");
    auto after = nlohmann::json::parse(named);
    after.erase("body");
    EXPECT_EQ(after, before);
  }
}

TEST(Bodies, WhatIsNoNameIsNone) {
  for (const char* metadata :
       {"", "[]", "nonsense", R"({"body": 7})", R"({"body": ["x"]})", R"({"label": "\"body\": \"x\""})"})
    EXPECT_EQ(body_of(metadata), "") << metadata;
}

TEST(Bodies, SizesDecideWhatIsOne) {
  EXPECT_FALSE(is_body(bytes(kSmallestBody - 1, 'a')));
  EXPECT_TRUE(is_body(bytes(kSmallestBody, 'a')));
  EXPECT_FALSE(is_body(Blob{nullptr, {static_cast<const std::byte*>(nullptr), kLargestBody + 1}}));
}

TEST(Bodies, TheOneUsedLongestAgoGoes) {
  Bodies bodies(10);
  bodies.put("a", bytes(4, 'a'));
  bodies.put("b", bytes(4, 'b'));
  EXPECT_EQ(bodies.find("a")->view(), "aaaa");
  bodies.put("c", bytes(4, 'c'));
  EXPECT_FALSE(bodies.find("b"));
  EXPECT_TRUE(bodies.find("a"));
  EXPECT_TRUE(bodies.find("c"));
  EXPECT_EQ(bodies.bytes(), 8U);
  bodies.put("a", bytes(2, 'x'));
  EXPECT_EQ(bodies.find("a")->view(), "xx");
  EXPECT_EQ(bodies.bytes(), 6U);
  bodies.put("d", bytes(11, 'd'));  // more than there may be at all
  EXPECT_FALSE(bodies.find("d"));
  EXPECT_EQ(bodies.size(), 2U);
  bodies.clear();
  EXPECT_EQ(bodies.bytes(), 0U);
  EXPECT_FALSE(bodies.find("a"));
}

}  // namespace
}  // namespace camshaft::wire
