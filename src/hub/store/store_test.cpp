// What every store that keeps records must do, run over each; what is special to one stands below.
#include "hub/store/store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "hub/store/memory.hpp"
#include "hub/store/none.hpp"

namespace camshaft::hub {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

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
std::vector<std::string> ids(const std::vector<TaskRecord>& records) {
  std::vector<std::string> out;
  for (const auto& each : records) out.push_back(each.id.value);
  return out;
}

struct StoreCase {
  const char* name;
  std::function<std::unique_ptr<Store>()> make;
};
class StoreTest : public testing::TestWithParam<StoreCase> {
 protected:
  std::unique_ptr<Store> store = GetParam().make();
  std::vector<std::string> history() {
    std::vector<std::string> out;
    const std::vector<MsgId> all = store->history().value();
    for (const MsgId& id : all) out.push_back(id.value);
    return out;
  }
};
INSTANTIATE_TEST_SUITE_P(All, StoreTest,
                         testing::Values(StoreCase{"memory", [] { return std::make_unique<MemoryStore>(); }}),
                         [](const auto& each) { return each.param.name; });

TEST_P(StoreTest, KeepsWhatItIsGiven) {
  TaskRecord a = record("a", 1, 10);
  store->insert(a);
  EXPECT_TRUE(store->contains(a.id));
  EXPECT_FALSE(store->completed(a.id));
  EXPECT_EQ(store->get(a.id).value(), a);
  EXPECT_EQ(store->get(MsgId("b")).value(), std::nullopt);
  store->update(a.id, finished(2));
  apply(a, finished(2));
  EXPECT_TRUE(store->completed(a.id));
  EXPECT_EQ(store->get(a.id).value(), a);
  EXPECT_EQ(store->stats(), (StoreStats{.records = 1, .bytes = 10}));
}

TEST_P(StoreTest, ASecondRecordOfAnIdIsIgnoredAndCounted) {
  store->insert(record("a", 1));
  store->insert(record("a", 5));
  store->update(MsgId("nobody"), finished(1));
  EXPECT_EQ(store->get(MsgId("a")).value()->submitted, WallTime(std::chrono::seconds(1)));
  EXPECT_EQ(store->stats().ignored, 2u);
}

TEST_P(StoreTest, HistoryIsByTimeOfSubmissionWithoutStubs) {
  TaskRecord stub;
  stub.id = MsgId("s");
  store->insert(record("b", 2));
  store->insert(stub);
  store->insert(record("c", 3));
  store->insert(record("a", 1));
  EXPECT_THAT(history(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(store->select(Filter()).value(), SizeIs(4));

  store->update(stub.id, Printed{Stream::out, "early"});
  store->insert(record("s", 0));
  EXPECT_THAT(history(), ElementsAre("s", "a", "b", "c"));
  EXPECT_EQ(store->get(stub.id).value()->out, "early");
  store->insert(stub);
  EXPECT_EQ(store->stats().ignored, 1u);
}

TEST_P(StoreTest, SelectsAndRemovesByFilterAndById) {
  for (int i = 1; i <= 4; ++i) store->insert(record(std::to_string(i), i));
  store->update(MsgId("2"), finished(9));
  store->update(MsgId("4"), finished(9));
  const Filter done({{Field::completed, Op::ne, nullptr}});
  EXPECT_THAT(ids(store->select(done).value()), ElementsAre("2", "4"));
  const std::vector<MsgId> some{MsgId("1"), MsgId("nobody")};
  EXPECT_TRUE(store->remove(some));
  EXPECT_TRUE(store->remove(done));
  EXPECT_THAT(history(), ElementsAre("3"));
  EXPECT_EQ(store->stats(), (StoreStats{.records = 1}));
}

TEST(MemoryStore, ATenthOfTheRecordsLeavesWhenThereAreTooMany) {
  MemoryStore store;
  for (int i = 0; i < 1024; ++i) store.insert(record(std::to_string(i), i));
  EXPECT_EQ(store.stats().culled, 0u);
  store.insert(record("last", -1));  // the oldest by its own clock
  EXPECT_EQ(store.stats(), (StoreStats{.records = 1025 - 102, .culled = 102}));
  EXPECT_FALSE(store.contains(MsgId("last")));
  EXPECT_FALSE(store.contains(MsgId("100")));
  EXPECT_TRUE(store.contains(MsgId("101")));
  store.check();
}

TEST(MemoryStore, TheOldestLeaveUntilNineTenthsOfTheBytesAreLeft) {
  MemoryStore store({.records = 100, .bytes = 1000, .cull_fraction = 0.1});
  for (int i = 0; i < 10; ++i) store.insert(record(std::to_string(i), i, 100));
  EXPECT_EQ(store.stats().culled, 0u);
  store.update(MsgId("9"), Printed{Stream::out, "x"});
  EXPECT_EQ(store.stats(), (StoreStats{.records = 8, .bytes = 801, .culled = 2}));
  Finished big = finished(1);
  big.buffers = {Blob::of(std::string(5000, 'x'))};
  store.update(MsgId("5"), big);
  store.check();
  EXPECT_FALSE(store.contains(MsgId("5")));
  EXPECT_TRUE(store.contains(MsgId("6")));
}

TEST(MemoryStore, StubsLeaveToo) {
  MemoryStore store({.records = 5, .bytes = 1000, .cull_fraction = 0.1});
  for (int i = 0; i < 20; ++i) {
    TaskRecord stub;
    stub.id = MsgId("s" + std::to_string(i));
    store.insert(stub);
    store.check();
  }
  EXPECT_EQ(store.stats(), (StoreStats{.records = 5, .culled = 15}));
  EXPECT_TRUE(store.contains(MsgId("s19")));
}

TEST(NoneStore, KeepsOnlyTheIdsOfTheLastTasks) {
  NoneStore store(2);
  store.insert(record("a", 1));
  EXPECT_FALSE(store.contains(MsgId("a")));
  store.update(MsgId("a"), Dispatched{EngineId("e")});
  EXPECT_FALSE(store.completed(MsgId("a")));
  for (const char* id : {"a", "a", "b", "c"}) store.update(MsgId(id), finished(1));
  EXPECT_FALSE(store.completed(MsgId("a")));
  EXPECT_TRUE(store.completed(MsgId("b")));
  EXPECT_TRUE(store.completed(MsgId("c")));
  EXPECT_EQ(store.get(MsgId("b")).error().code, Errc::unavailable);
  EXPECT_EQ(store.select(Filter()).error().code, Errc::unavailable);
  EXPECT_EQ(store.history().error().code, Errc::unavailable);
  const std::vector<MsgId> b{MsgId("b")};
  EXPECT_TRUE(store.remove(b));
  EXPECT_TRUE(store.remove(Filter()));
  EXPECT_FALSE(store.completed(MsgId("b")));
  EXPECT_EQ(store.stats(), StoreStats{});
}

}  // namespace
}  // namespace camshaft::hub
