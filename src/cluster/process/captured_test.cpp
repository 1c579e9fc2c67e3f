#include "cluster/process/captured.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace camshaft::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

ShortCommand shell(std::string script) { return {{"/bin/sh", "-c", std::move(script)}, {}, {}}; }

TEST(Captured, BothOutputsAndTheExitCode) {
  const auto ran = run(shell("echo out; echo err >&2; exit 3"), seconds(30));
  ASSERT_TRUE(ran);
  EXPECT_EQ(ran->output, "out\nerr\n");
  EXPECT_EQ(ran->exit, (Exit{3, 0}));
}

TEST(Captured, InputComesFromAFile) {
  const std::string path = ::testing::TempDir() + "captured input";
  std::ofstream(path) << "a\nb\n";
  const auto ran = run({{"wc", "-l"}, path, {}}, seconds(30));
  ASSERT_TRUE(ran);
  EXPECT_THAT(ran->output, HasSubstr("2"));
}

TEST(Captured, LongOutputBlocksNobody) {
  const auto ran = run(shell("head -c 300000 /dev/zero | tr '\\0' x"), seconds(30));
  ASSERT_TRUE(ran);
  EXPECT_EQ(ran->output.size(), 300000U);
}

TEST(Captured, WhatDoesNotAnswerOrExistIsSaid) {
  const auto slow = run(shell("exec sleep 1000"), milliseconds(20));
  ASSERT_FALSE(slow);
  EXPECT_THAT(slow.error().message, HasSubstr("/bin/sh does not answer"));
  const auto missing = run({{"no-such-program-anywhere"}, {}, {}}, seconds(30));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_FALSE(run({}, seconds(1)));
}

}  // namespace
}  // namespace camshaft::cluster
