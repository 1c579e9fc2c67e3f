#include "engine/ledger.hpp"

#include <gtest/gtest.h>

#include <array>

namespace camshaft::engine {
namespace {

using std::chrono::seconds;

const TimePoint start{};
Frames reply(std::size_t bytes = 1) { return {Blob::of(std::string(bytes, 'r'))}; }
MsgId id(int n) { return MsgId("s_" + std::to_string(n)); }

std::string fate(const Ledger& ledger, int n) {
  const auto fate = ledger.fates(std::array{id(n)}).front();
  return fate.reply != nullptr ? "at hand" : fate.answered ? "answered" : "unknown";
}

TEST(Ledger, AReplyIsAtHandUntilItIsOld) {
  Ledger ledger;
  EXPECT_EQ(fate(ledger, 1), "unknown");
  ledger.answered(id(1), reply(), start);
  ASSERT_EQ(fate(ledger, 1), "at hand");
  EXPECT_EQ(*ledger.fates(std::array{id(1)}).front().reply, reply());
  ledger.expire(start + seconds(60));
  EXPECT_EQ(fate(ledger, 1), "at hand");
  ledger.expire(start + seconds(61));
  EXPECT_EQ(fate(ledger, 1), "answered");
  EXPECT_EQ(ledger.bytes(), 0u);
}

TEST(Ledger, TheOldestRepliesLeaveFirstAndTheirIdsStay) {
  Ledger ledger({.replies = 2, .bytes = 100, .ids = 3});
  for (int n = 1; n <= 3; ++n) ledger.answered(id(n), reply(), start);
  EXPECT_EQ(fate(ledger, 1), "answered");
  EXPECT_EQ(fate(ledger, 3), "at hand");
  ledger.answered(id(4), reply(100), start);
  EXPECT_EQ(ledger.kept(), 1u);
  EXPECT_EQ(fate(ledger, 1), "unknown");
  ledger.answered(id(5), reply(101), start);
  EXPECT_EQ(fate(ledger, 5), "answered");
  EXPECT_EQ(fate(ledger, 4), "at hand");
}

TEST(Ledger, TheLastAnswerToAnIdCounts) {
  Ledger ledger;
  ledger.answered(id(1), reply(10), start);
  ledger.answered(id(1), reply(20), start + seconds(30));
  EXPECT_EQ(ledger.fates(std::array{id(1)}).front().reply->front().size(), 20u);
}

}  // namespace
}  // namespace camshaft::engine
