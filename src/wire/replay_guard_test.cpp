#include "wire/replay_guard.hpp"

#include <gtest/gtest.h>

namespace camshaft::wire {
namespace {

TEST(ReplayGuard, TakesASignatureOnce) {
  ReplayGuard guard;
  EXPECT_TRUE(guard.is_fresh("a"));
  EXPECT_TRUE(guard.is_fresh("b"));
  EXPECT_FALSE(guard.is_fresh("a"));
  EXPECT_FALSE(guard.is_fresh("b"));
}

TEST(ReplayGuard, UnsignedMessagesAreAlwaysFresh) {
  ReplayGuard guard;
  EXPECT_TRUE(guard.is_fresh(""));
  EXPECT_TRUE(guard.is_fresh(""));
}

TEST(ReplayGuard, ForgetsTheOldestFirstAndNothingElse) {
  ReplayGuard guard(1000);
  // Long and short ones: short strings live inside the container that views point into.
  const auto name = [](int i) { return std::to_string(i) + (i % 2 == 0 ? std::string(64, 'x') : ""); };
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(guard.is_fresh(name(i)));
  for (int i = 4000; i < 5000; ++i) ASSERT_FALSE(guard.is_fresh(name(i))) << i;
  EXPECT_TRUE(guard.is_fresh(name(3999)));
  EXPECT_TRUE(guard.is_fresh(name(4000))) << "pushed out by the one before";
  EXPECT_FALSE(guard.is_fresh(name(4002)));
}

TEST(ReplayGuard, WhatWasHandedBackMayComeOnceMore) {
  ReplayGuard guard(2);
  ASSERT_TRUE(guard.is_fresh("a"));
  guard.forget(ReplayGuard::mark_of("a"));
  EXPECT_TRUE(guard.is_fresh("a"));
  EXPECT_FALSE(guard.is_fresh("a"));
  for (const char* name : {"b", "c", "d"}) EXPECT_TRUE(guard.is_fresh(name));
  EXPECT_FALSE(guard.is_fresh("d"));
}

TEST(ReplayGuard, KeepsNoViewOfTheCallersBytes) {
  ReplayGuard guard;
  std::string signature(64, 'a');
  EXPECT_TRUE(guard.is_fresh(signature));
  signature.assign(64, 'b');
  EXPECT_FALSE(guard.is_fresh(std::string(64, 'a')));
  EXPECT_TRUE(guard.is_fresh(signature));
}

}  // namespace
}  // namespace camshaft::wire
