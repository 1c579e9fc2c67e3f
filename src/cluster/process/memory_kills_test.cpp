#include "cluster/process/memory_kills.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace camshaft::cluster {
namespace {

namespace fs = std::filesystem;

class MemoryKillsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "camshaft-oom-XXXXXX").string();
    root = ::mkdtemp(name.data());
  }
  void TearDown() override { fs::remove_all(root); }
  void write(const fs::path& path, const std::string& text) const {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  }
  fs::path root;
};

TEST_F(MemoryKillsTest, TheGroupOfThisProcessCounts) {
  write("proc/self/cgroup", "0::/user/ada\n");
  write("proc/vmstat", "nr_free_pages 1\noom_kill 100\n");
  write("sys/fs/cgroup/user/ada/memory.events", "low 0\noom 3\noom_kill 2\n");
  MemoryKills kills(root);
  EXPECT_FALSE(kills.lately());
  write("proc/vmstat", "oom_kill 101\n");  // elsewhere
  EXPECT_FALSE(kills.lately());
  write("sys/fs/cgroup/user/ada/memory.events", "low 0\noom 3\noom_kill 3\n");
  EXPECT_TRUE(kills.lately());
  kills.forget();
  EXPECT_TRUE(kills.lately());  // it may have been a moment ago
  kills.forget();
  EXPECT_FALSE(kills.lately());
}

TEST_F(MemoryKillsTest, GroupsOfTheFirstVersion) {
  write("proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/job/7\n0::/\n");
  write("sys/fs/cgroup/memory/job/7/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
  MemoryKills kills(root);
  write("sys/fs/cgroup/memory/job/7/memory.oom_control", "oom_kill_disable 0\nunder_oom 1\noom_kill 1\n");
  EXPECT_TRUE(kills.lately());
}

TEST_F(MemoryKillsTest, WithoutGroupsTheWholeComputerCounts) {
  write("proc/self/cgroup", "0::/\n");
  write("proc/vmstat", "nr_free_pages 1\noom_kill 7\n");
  MemoryKills kills(root);
  write("proc/vmstat", "nr_free_pages 1\noom_kill 8\n");
  EXPECT_TRUE(kills.lately());
}

TEST_F(MemoryKillsTest, AKernelThatDoesNotTell) {
  MemoryKills kills(root);
  EXPECT_FALSE(kills.lately());
}

}  // namespace
}  // namespace camshaft::cluster
