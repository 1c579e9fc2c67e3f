#include "sched/broadcast.hpp"

#include <gtest/gtest.h>

namespace camshaft::sched {
namespace {

const MsgId kOriginal("s_1_0");
const ClientId kClient("c");

BroadcastTarget target(int n) { return {EngineId("e" + std::to_string(n)), EngineNumber(n)}; }

BroadcastReply reply(const std::string& text, bool failed = false) {
  BroadcastReply r;
  r.failed = failed;
  r.content = Blob::of(text);
  r.buffers = {Blob::of("result of " + text)};
  if (failed) r.buffers.clear();
  return r;
}

TEST(Broadcast, RepliesAreJoinedLeafByLeaf) {
  BroadcastCollector book;
  book.start(kOriginal, kClient, {target(0), target(1), target(2)}, 2);
  EXPECT_FALSE(book.reply(kOriginal, EngineId("e1"), reply("1")));
  EXPECT_FALSE(book.reply(kOriginal, EngineId("e0"), reply("0")));
  const auto whole = book.reply(kOriginal, EngineId("e2"), reply("2"));
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->targets, (std::vector{target(0), target(2), target(1)}));
  EXPECT_EQ(whole->reply.content.view(), "2");
  ASSERT_EQ(whole->reply.buffers.size(), 3u);
  EXPECT_EQ(whole->reply.buffers[1].view(), "result of 2");
  EXPECT_EQ(book.size(), 0u);
}

TEST(Broadcast, AFailureIsShownWheneverItCame) {
  BroadcastCollector book;
  book.start(kOriginal, kClient, {target(0), target(1)}, 2);
  book.reply(kOriginal, EngineId("e0"), reply("broken", true));
  const auto whole = book.reply(kOriginal, EngineId("e1"), reply("fine"));
  ASSERT_TRUE(whole);
  EXPECT_TRUE(whole->reply.failed);
  EXPECT_EQ(whole->reply.content.view(), "broken");
}

TEST(Broadcast, StrangersAndRepetitionsAreIgnored) {
  BroadcastCollector book;
  book.start(kOriginal, kClient, {target(0), target(1)}, 1);
  EXPECT_FALSE(book.reply(MsgId("other"), EngineId("e0"), reply("x")));
  EXPECT_FALSE(book.reply(kOriginal, EngineId("e9"), reply("x")));
  EXPECT_FALSE(book.reply(kOriginal, EngineId("e0"), reply("0")));
  EXPECT_FALSE(book.reply(kOriginal, EngineId("e0"), reply("0")));
  EXPECT_TRUE(book.reply(kOriginal, EngineId("e1"), reply("1")));
}

TEST(Broadcast, ADeadEngineEndsItsCollections) {
  BroadcastCollector book;
  book.start(kOriginal, kClient, {target(0), target(1)}, 1);
  book.engine_left(EngineId("e5"));
  EXPECT_EQ(book.size(), 1u);
  book.engine_left(EngineId("e1"));
  EXPECT_EQ(book.size(), 0u);
}

}  // namespace
}  // namespace camshaft::sched
