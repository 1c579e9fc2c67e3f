// What every store must do, over a server that speaks MongoDB's protocol: CAMSHAFT_MONGO is its address
// (test_mongo.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>

#include "hub/store/testing/store_contract.hpp"
#include "mongo/mongo.hpp"

namespace camshaft::hub {
namespace {

MongoOptions options_of(const Folder& folder) {
  const char* address = std::getenv("CAMSHAFT_MONGO");
  if (address == nullptr) throw std::runtime_error("CAMSHAFT_MONGO is not set: run `make test-mongo`");
  return {.uri = address, .database = folder.path.filename().string()};
}

INSTANTIATE_TEST_SUITE_P(Mongo, StoreContract,
                         testing::Values(StoreCase{
                             "mongo", [](const Folder& folder) { return open_mongo(options_of(folder)).value(); }}),
                         [](const auto& each) { return each.param.name; });

TaskRecord record(const std::string& id) {
  TaskRecord r;
  r.id = MsgId(id);
  r.submitted = WallTime(std::chrono::seconds(1));
  return r;
}

TEST(MongoServer, RecordsOutliveTheConnection) {
  const Folder folder;
  {
    Write write = Insert{record("a")};
    ASSERT_TRUE(open_mongo(options_of(folder)).value()->write(std::span(&write, 1)));
  }
  EXPECT_EQ(open_mongo(options_of(folder)).value()->state(MsgId("a")).value(), State::pending);
}

TEST(MongoServer, ARecordThatIsTooLargeIsLeftOutAndNoOther) {
  const Folder folder;
  const auto store = open_mongo(options_of(folder)).value();
  std::vector<Write> batch{Insert{record("a")}, Insert{record("b")}, Insert{record("c")}};
  std::get<Insert>(batch[1]).record.buffers = {Blob::of(std::string(std::size_t{17} << 20, 'x'))};
  ASSERT_TRUE(store->write(batch));
  EXPECT_EQ(store->state(MsgId("a")).value(), State::pending);
  EXPECT_EQ(store->state(MsgId("b")).value(), State::unknown);
  EXPECT_EQ(store->state(MsgId("c")).value(), State::pending);
  EXPECT_EQ(store->stats().ignored, 1U);
}

}  // namespace
}  // namespace camshaft::hub
