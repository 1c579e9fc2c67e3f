#include "service/spill_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace camshaft::service {
namespace {

using testing::HasSubstr;

TEST(SpillFile, GivesBackWhatItTookInAnyOrder) {
  SpillFile file(std::filesystem::temp_directory_path());
  const std::string many(1'000'000, 'm');
  const auto first = file.put(std::array<std::string_view, 3>{"a", "", "bc"}).value();
  const auto second = file.put(std::array<std::string_view, 2>{many, "end"}).value();
  const auto third = file.put(std::array<std::string_view, 1>{"third"}).value();
  EXPECT_EQ(file.size(), 3u + 1'000'003u + 5u);
  EXPECT_EQ(file.take(second).value(), many + "end");
  EXPECT_EQ(file.take(first).value(), "abc");
  file.drop(third);
  EXPECT_EQ(file.size(), 0u);
}

TEST(SpillFile, LeavesNothingInItsFolder) {
  std::string name = (std::filesystem::temp_directory_path() / "camshaft-spill-XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(name.data());
  SpillFile file(folder);
  ASSERT_TRUE(file.put(std::array<std::string_view, 1>{"abc"}));
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  std::filesystem::remove(folder);
}

TEST(SpillFile, SaysWhatTheSystemSays) {
  SpillFile file("/nowhere");
  const auto refused = file.put(std::array<std::string_view, 1>{"abc"});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("a file in /nowhere: No such file or directory"));
}

}  // namespace
}  // namespace camshaft::service
