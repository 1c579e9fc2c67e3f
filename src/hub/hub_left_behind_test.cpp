// Direct requests that a break left without a reply: with their engine after all, or ended.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hub/hub.hpp"
#include "hub/store/memory.hpp"

namespace camshaft::hub {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

const EngineId here("here"), never_seen("never-seen");
const WallTime kNow{};

struct LeftBehindTest : ::testing::Test {
  LeftBehindTest() { hub.restore({{{EngineNumber{0}, here}}, 1}, now); }

  /// As the store has it from the controller before.
  void leave(const char* id) {
    TaskRecord record;
    record.id = MsgId(id);
    record.submitted = kNow;
    record.engine = here;
    record.queue = Queue::mux;
    sink.put(Insert{record});
    hub.resume(record.id, record.queue);
    hub.check();
  }
  std::string error_of(const char* id) {
    const auto record = store.get(MsgId(id)).value();
    return record && record->completed && record->status == Status::error ? record->result_content.str() : "";
  }

  TimePoint now{};
  MemoryStore store;
  DirectSink sink{store};
  Hub hub{{}, sink, now};
};

TEST_F(LeftBehindTest, WhatTheEngineHasIsCountedThereAndEndsWithIt) {
  leave("a");
  leave("b");
  EXPECT_EQ(hub.unassigned(), 2u);
  EXPECT_THAT(hub.direct_requests(here), IsEmpty());
  hub.attach({MsgId("b"), MsgId("a"), MsgId("unheard of")}, here);
  hub.check();
  EXPECT_THAT(hub.direct_requests(here), ElementsAre(MsgId("a"), MsgId("b")));
  hub.attach({MsgId("a")}, never_seen);
  EXPECT_EQ(hub.unassigned(), 0u);
  hub.handle(Unregister{std::nullopt, here, GoneReason::unregistered}, now, kNow);
  now += 31s;
  hub.handle(Tick{}, now, kNow);
  hub.check();
  EXPECT_EQ(hub.pending(), 0u);
  EXPECT_THAT(error_of("a"), testing::HasSubstr("Engine 0 died while running task 'a'"));
}

TEST_F(LeftBehindTest, WhatNobodyHasEndsOnce) {
  leave("a");
  EXPECT_EQ(hub.end({MsgId("a"), MsgId("unheard of")}, here, "was lost", kNow), 1u);
  hub.check();
  EXPECT_EQ(hub.pending(), 0u);
  EXPECT_THAT(error_of("a"), testing::HasSubstr("Task 'a' was lost"));
  EXPECT_EQ(hub.end({MsgId("a")}, here, "was lost", kNow), 0u);
  // Its client has sent it again after all: the reply is the better answer.
  hub.record(MuxReply{{.id = MsgId("a"), .engine = here, .content = Blob::of_static("{}")}}, kNow);
  EXPECT_EQ(store.get(MsgId("a")).value()->status, Status::ok);
}

}  // namespace
}  // namespace camshaft::hub
