#include "core/delta.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <stdexcept>
#include <string>

namespace camshaft {
namespace {

std::string delta_of(std::string_view base, std::string_view text) {
  std::string delta;
  append_delta(delta, base, text);
  return delta;
}
void expect_round_trip(std::string_view base, std::string_view text) {
  EXPECT_EQ(apply_delta(base, delta_of(base, text)), text) << "base: " << base;
}

TEST(Delta, GivesTheTextAgain) {
  const std::string all[] = {"",
                             "a",
                             "abc",
                             "abcdefghijkl",
                             "abcdefghXjkl",
                             "abcdefghijkl and more",
                             "other",
                             std::string(300, 'x'),
                             std::string("\0\0\xff", 3)};
  for (const std::string& base : all)
    for (const std::string& text : all) expect_round_trip(base, text);
}

TEST(Delta, GivesTheTextAgainAfterRandomEdits) {
  for (unsigned seed = 0; seed < 5'000; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
    std::string base;
    for (std::size_t n = below(400); n > 0; --n) base += static_cast<char>('a' + below(seed % 2 == 0 ? 2 : 26));
    std::string text = base;
    for (std::size_t n = below(6); n > 0; --n) {
      const std::size_t at = below(text.size() + 1);
      text.replace(at, below(40), std::string(below(40), static_cast<char>('a' + below(26))));
    }
    ASSERT_EQ(apply_delta(base, delta_of(base, text)), text) << "seed " << seed;
  }
}

TEST(Delta, HasOnlyWhatDiffers) {
  const auto header = [](std::string_view session, int number, std::string_view micros) {
    return fmt::format(
        R"({{"session":"{0}","msg_id":"{0}_77_{1}","msg_type":"apply_reply","date":"2026-01-02T03:04:05.{2}Z"}})",
        session, number, micros);
  };
  const std::string base = header("engine-0123456789abcdef", 9'999, "123456");
  EXPECT_LE(delta_of(base, base).size(), 4u);
  EXPECT_LE(delta_of(base, header("engine-0123456789abcdef", 9'998, "123499")).size(), 16u);
  EXPECT_LE(delta_of(base, header("engine-0123456789abcdef", 10'001, "543219")).size(), 24u) << "a digit more";
  EXPECT_LE(delta_of(base, header("engine-fedcba9876543210", 9'999, "123456")).size(), 46u) << "another engine";
  EXPECT_LE(delta_of(base, std::string(base.size(), '?')).size(), base.size() + 8) << "nothing in common";
}

TEST(Delta, SaysSoWhenItDoesNotFit) {
  const std::string base = "what is there is there", delta = delta_of(base, base + ", and more");
  EXPECT_THROW(apply_delta("what", delta), std::logic_error);
  EXPECT_THROW(apply_delta(base, delta.substr(0, delta.size() - 1)), std::logic_error);
  EXPECT_THROW(apply_delta(base, ""), std::logic_error);
}

}  // namespace
}  // namespace camshaft
