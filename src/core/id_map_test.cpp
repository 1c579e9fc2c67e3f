#include "core/id_map.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace camshaft {
namespace {

TEST(ShortIds, GiveBackWhatWasTaken) {
  ShortIds ids;
  for (const char* text : {"5f1e-9d7c_4242_17", "5f1e-9d7c_4242_0", "5f1e-9d7c_4242_007", "5f1e-9d7c_4242_", "_1", "12",
                           "", "a_999999999", "a_1000000000", "a_99999999999999999999", "a_1_2", "a_01"}) {
    const ShortId id = ids.take(text);
    EXPECT_EQ(ids.text(id), MsgId(text));
    EXPECT_EQ(ids.find(text), id);
  }
}

TEST(ShortIds, ABeginningStaysAsLongAsAnIdHasIt) {
  ShortIds ids;
  const ShortId first = ids.take("a_1"), second = ids.take("a_2");
  EXPECT_EQ(first.beginning, second.beginning);
  EXPECT_EQ(ids.beginnings(), 1u);
  ids.share(first);
  ids.drop(first);
  ids.drop(second);
  EXPECT_EQ(ids.text(first), MsgId("a_1"));
  ids.drop(first);
  EXPECT_EQ(ids.beginnings(), 0u);
  EXPECT_EQ(ids.find("a_1"), std::nullopt);
}

TEST(IdMap, IsAMap) {
  IdMap<int> map;
  std::map<std::string, int> model;
  std::mt19937 random(1);
  for (int step = 0; step < 60'000; ++step) {
    std::string text = "client-" + std::to_string(random() % 3) + "_7_" + std::to_string(random() % 2000);
    if (random() % 50 == 0) text = "odd-" + text + "x";
    const MsgId id(text);
    const bool grows = step / 10'000 % 2 == 0;
    if (random() % 4 < (grows ? 3u : 1u)) {
      const auto [value, fresh] = map.try_emplace(id, step);
      ASSERT_EQ(fresh, model.emplace(text, step).second);
      ASSERT_EQ(*value, model[text]);
    } else {
      ASSERT_EQ(map.erase(id), model.erase(text) > 0);
    }
    ASSERT_EQ(map.size(), model.size());
    const std::string other = "client-1_7_" + std::to_string(random() % 2000);
    const int* found = map.find(MsgId(other));
    const auto expected = model.find(other);
    ASSERT_EQ(found != nullptr, expected != model.end());
    if (found != nullptr) {
      ASSERT_EQ(*found, expected->second);
    }
  }
  std::map<std::string, int> seen;
  map.each([&](const MsgId& id, int value) { seen.emplace(id.value, value); });
  EXPECT_EQ(seen, model);
}

TEST(IdMap, ManyOfOneClientAreFoundAndTheirMemoryGoesWithThem) {
  const std::size_t before = pages::mapped();
  IdMap<std::uint64_t> map;
  constexpr std::uint64_t kIds = 300'000;
  const auto id = [](std::uint64_t n) { return MsgId("5f1e0c2b-9d7c4f8a1b2c3d4e5f60_4242_" + std::to_string(n)); };
  for (std::uint64_t n = 0; n < kIds; ++n) ASSERT_TRUE(map.try_emplace(id(n), n).second);
  EXPECT_GT(pages::mapped(), before);
  for (std::uint64_t n = 0; n < kIds; ++n) {
    ASSERT_EQ(*map.find(id(n)), n);
    ASSERT_TRUE(map.erase(id(n)));
  }
  EXPECT_TRUE(map.empty());
  EXPECT_EQ(pages::mapped(), before);
}

}  // namespace
}  // namespace camshaft
