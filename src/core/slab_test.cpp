#include "core/slab.hpp"

#include <gtest/gtest.h>

#include <array>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace camshaft {
namespace {

using Small = Slab<std::shared_ptr<int>, 4096>;

TEST(Slab, FindsWhatWasPutInAndForgetsWhatWasGivenBack) {
  Small slab;
  std::map<std::uint32_t, int> there;
  std::mt19937 random(1);
  for (int step = 0; step < 20'000; ++step) {
    const bool grows = step / 2000 % 2 == 0;
    if (there.empty() || random() % 3 < (grows ? 2u : 1u)) {
      const std::uint32_t slot = slab.take();
      ASSERT_EQ(slab[slot], nullptr);
      ASSERT_TRUE(there.emplace(slot, step).second);
      slab[slot] = std::make_shared<int>(step);
    } else {
      const auto one = std::next(there.begin(), static_cast<std::ptrdiff_t>(random() % there.size()));
      ASSERT_EQ(**slab.find(one->first), one->second);
      slab.give(one->first);
      ASSERT_EQ(slab.find(one->first), nullptr);
      there.erase(one);
    }
    ASSERT_EQ(slab.size(), there.size());
  }
  std::map<std::uint32_t, int> seen;
  slab.each([&](std::uint32_t slot, const std::shared_ptr<int>& item) { seen.emplace(slot, *item); });
  EXPECT_EQ(seen, there);
}

TEST(Slab, EndsItsObjects) {
  const auto watched = std::make_shared<int>(0);
  {
    Small slab;
    for (int n = 0; n < 1000; ++n) slab[slab.take()] = watched;
    EXPECT_EQ(watched.use_count(), 1001);
  }
  EXPECT_EQ(watched.use_count(), 1);
}

TEST(Slab, GivesMemoryBackAsSoonAsAPieceIsEmpty) {
  const std::size_t before = pages::mapped();
  Small slab;
  std::vector<std::uint32_t> slots;
  for (std::uint32_t n = 0; n < 10 * Small::kPiece; ++n) slots.push_back(slab.take());
  EXPECT_EQ(slab.capacity(), 10 * Small::kPiece);
  EXPECT_EQ(pages::mapped() - before, 10 * 4096);
  for (const std::uint32_t slot : slots) slab.give(slot);
  EXPECT_EQ(slab.capacity(), Small::kPiece);
  EXPECT_EQ(pages::mapped() - before, 4096);
}

TEST(Slab, AnEmptyPieceIsAsNewAfterItsMemoryWentBack) {
  Slab<std::array<std::uint64_t, 16>> slab;
  std::vector<std::uint32_t> slots;
  for (std::uint32_t n = 0; n < decltype(slab)::kPiece; ++n) slots.push_back(slab.take());
  for (const std::uint32_t slot : slots) slab[slot].fill(slot + 1);
  for (const std::uint32_t slot : slots) slab.give(slot);
  for (std::uint32_t n = 0; n < decltype(slab)::kPiece; ++n) {
    const std::uint32_t slot = slab.take();
    ASSERT_EQ(slot, n);
    ASSERT_EQ(slab[slot], (std::array<std::uint64_t, 16>{}));
  }
}

}  // namespace
}  // namespace camshaft
