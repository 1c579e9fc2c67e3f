#include "cluster/process/memory_kills.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace camshaft::cluster {
namespace {

namespace fs = std::filesystem;

constexpr int kChild = 42;

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
  EXPECT_FALSE(kills.lately(kChild));
  write("proc/vmstat", "oom_kill 101\n");  // elsewhere
  EXPECT_FALSE(kills.lately(kChild));
  write("sys/fs/cgroup/user/ada/memory.events", "low 0\noom 3\noom_kill 3\n");
  EXPECT_TRUE(kills.lately(kChild));
  kills.forget();
  EXPECT_TRUE(kills.lately(kChild));  // it may have been a moment ago
  kills.forget();
  EXPECT_FALSE(kills.lately(kChild));
}

TEST_F(MemoryKillsTest, GroupsOfTheFirstVersion) {
  write("proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/job/7\n0::/\n");
  write("sys/fs/cgroup/memory/job/7/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
  MemoryKills kills(root);
  write("sys/fs/cgroup/memory/job/7/memory.oom_control", "oom_kill_disable 0\nunder_oom 1\noom_kill 1\n");
  EXPECT_TRUE(kills.lately(kChild));
}

TEST_F(MemoryKillsTest, WithoutGroupsTheWholeComputerCounts) {
  write("proc/self/cgroup", "0::/\n");
  write("proc/vmstat", "nr_free_pages 1\noom_kill 7\n");
  MemoryKills kills(root);
  write("proc/vmstat", "nr_free_pages 1\noom_kill 8\n");
  EXPECT_TRUE(kills.lately(kChild));
}

TEST_F(MemoryKillsTest, AChildMayHaveAGroupOfItsOwn) {
  write("proc/self/cgroup", "0::/ada\n");
  write("proc/42/cgroup", "0::/ada/engine\n");
  write("proc/43/cgroup", "0::/ada\n");
  write("sys/fs/cgroup/ada/memory.events", "oom_kill 1\n");
  write("sys/fs/cgroup/ada/engine/memory.events", "oom_kill 5\n");
  MemoryKills kills(root);
  kills.follow(kChild);
  kills.follow(43);
  kills.follow(44);  // gone already
  EXPECT_FALSE(kills.lately(kChild));
  write("sys/fs/cgroup/ada/engine/memory.events", "oom_kill 6\n");
  fs::remove_all(root / "proc/42");
  EXPECT_TRUE(kills.lately(kChild));
  EXPECT_FALSE(kills.lately(43));
  EXPECT_FALSE(kills.lately(44));
  kills.forget();  // and with it the dead one
  EXPECT_FALSE(kills.lately(kChild));
}

TEST_F(MemoryKillsTest, OldKernelsOfTheFirstVersionCountRefusals) {
  write("proc/self/cgroup", "4:memory:/job\n");
  write("sys/fs/cgroup/memory/job/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n");
  write("sys/fs/cgroup/memory/job/memory.failcnt", "12\n");
  MemoryKills kills(root);
  EXPECT_FALSE(kills.lately(kChild));
  write("sys/fs/cgroup/memory/job/memory.failcnt", "13\n");
  EXPECT_TRUE(kills.lately(kChild));
}

TEST_F(MemoryKillsTest, InAContainerThePathIsTheHosts) {
  write("proc/self/cgroup", "0::/kubepods/pod7\n");
  write("sys/fs/cgroup/memory.events", "oom_kill 0\n");
  MemoryKills kills(root);
  write("sys/fs/cgroup/memory.events", "oom_kill 1\n");
  EXPECT_TRUE(kills.lately(kChild));
}

TEST_F(MemoryKillsTest, AKernelThatDoesNotTell) {
  MemoryKills kills(root);
  EXPECT_FALSE(kills.lately(kChild));
}

}  // namespace
}  // namespace camshaft::cluster
