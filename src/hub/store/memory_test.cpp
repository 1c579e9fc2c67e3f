// What is special to stores that wait for nothing; what every store must do stands in store_contract_test.cpp.
#include "hub/store/store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hub/store/memory.hpp"
#include "hub/store/none.hpp"
#include "hub/store/testing/store_contract.hpp"

namespace camshaft::hub {
namespace {

INSTANTIATE_TEST_SUITE_P(Memory, StoreContract,
                         testing::Values(StoreCase{"memory",
                                                   [](const Folder&) { return std::make_unique<MemoryStore>(); }}),
                         [](const auto& each) { return each.param.name; });

TaskRecord record(const std::string& id, int submitted, std::size_t bytes = 0) {
  TaskRecord made;
  made.id = MsgId(id);
  made.submitted = WallTime(std::chrono::seconds(submitted));
  made.engine = EngineId("e");
  if (bytes > 0) made.buffers = {Blob::of(std::string(bytes, 'x'))};
  return made;
}
Finished finished(int completed) {
  Finished made;
  made.completed = made.received = WallTime(std::chrono::seconds(completed));
  return made;
}
void insert(Store& store, TaskRecord made) {
  Write write = Insert{std::move(made)};
  ASSERT_TRUE(store.write(std::span(&write, 1)));
}
void update(Store& store, const MsgId& id, Change change, bool or_stub = false) {
  Write write = Update{id, std::move(change), or_stub};
  ASSERT_TRUE(store.write(std::span(&write, 1)));
}
TEST(MemoryStore, ATenthOfTheRecordsLeavesWhenThereAreTooMany) {
  MemoryStore store;
  for (int i = 0; i < 1024; ++i) insert(store, record(std::to_string(i), i));
  EXPECT_EQ(store.stats().culled, 0u);
  insert(store, record("last", -1));  // the oldest by its own clock
  EXPECT_EQ(store.stats(), (StoreStats{.records = 1025 - 102, .culled = 102}));
  EXPECT_EQ(store.state(MsgId("last")).value(), State::unknown);
  EXPECT_EQ(store.state(MsgId("100")).value(), State::unknown);
  EXPECT_NE(store.state(MsgId("101")).value(), State::unknown);
  store.check();
}

TEST(MemoryStore, TheOldestLeaveUntilNineTenthsOfTheBytesAreLeft) {
  MemoryStore store({.records = 100, .bytes = 1000, .cull_fraction = 0.1});
  for (int i = 0; i < 10; ++i) insert(store, record(std::to_string(i), i, 100));
  EXPECT_EQ(store.stats().culled, 0u);
  update(store, MsgId("9"), Printed{Stream::out, "x"});
  EXPECT_EQ(store.stats(), (StoreStats{.records = 8, .bytes = 801, .culled = 2}));
  Finished big = finished(1);
  big.buffers = {Blob::of(std::string(5000, 'x'))};
  update(store, MsgId("5"), big);
  store.check();
  EXPECT_EQ(store.state(MsgId("5")).value(), State::unknown);
  EXPECT_NE(store.state(MsgId("6")).value(), State::unknown);
}

TEST(MemoryStore, StubsLeaveToo) {
  MemoryStore store({.records = 5, .bytes = 1000, .cull_fraction = 0.1});
  for (int i = 0; i < 20; ++i) {
    TaskRecord stub;
    stub.id = MsgId("s" + std::to_string(i));
    insert(store, stub);
    store.check();
  }
  EXPECT_EQ(store.stats(), (StoreStats{.records = 5, .culled = 15}));
  EXPECT_NE(store.state(MsgId("s19")).value(), State::unknown);
}

TEST(NoneStore, KeepsOnlyTheIdsOfTheLastTasks) {
  NoneStore store(2);
  insert(store, record("a", 1));
  EXPECT_EQ(store.state(MsgId("a")).value(), State::unknown);
  update(store, MsgId("a"), Dispatched{EngineId("e")});
  EXPECT_NE(store.state(MsgId("a")).value(), State::completed);
  for (const char* id : {"a", "a", "b", "c"}) update(store, MsgId(id), finished(1));
  EXPECT_NE(store.state(MsgId("a")).value(), State::completed);
  EXPECT_EQ(store.state(MsgId("b")).value(), State::completed);
  EXPECT_EQ(store.state(MsgId("c")).value(), State::completed);
  EXPECT_EQ(store.get(MsgId("b")).error().code, Errc::unavailable);
  EXPECT_EQ(store.select(Filter()).error().code, Errc::unavailable);
  EXPECT_EQ(store.history().error().code, Errc::unavailable);
  const std::vector<MsgId> b{MsgId("b")};
  EXPECT_TRUE(store.remove(b));
  EXPECT_TRUE(store.remove(Filter()));
  EXPECT_NE(store.state(MsgId("b")).value(), State::completed);
  EXPECT_EQ(store.stats(), StoreStats{});
}

}  // namespace
}  // namespace camshaft::hub
