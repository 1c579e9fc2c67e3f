// What needs no server; the rest is in tests/mongo.
#include "mongo/mongo.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace camshaft::hub {
namespace {

using testing::HasSubstr;

TEST(Mongo, AnAddressThatIsNoneIsRefusedWithOneLine) {
  const auto refused = open_mongo({.uri = "nonsense"});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("cannot read the address of MongoDB"));
  EXPECT_THAT(refused.error().message, HasSubstr("--MongoDB.connection_args"));
}

TEST(Mongo, AServerThatIsNotThereIsNoticedWhenItIsNeeded) {
  const auto store = open_mongo({.uri = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100"});
  ASSERT_TRUE(store);
  TaskRecord record;
  record.id = MsgId("a");
  Write write = Insert{record};
  const auto written = (*store)->write(std::span(&write, 1));
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("MongoDB: "));
  EXPECT_FALSE((*store)->state(MsgId("a")));
  EXPECT_EQ((*store)->stats().records, 0U);
}

}  // namespace
}  // namespace camshaft::hub
