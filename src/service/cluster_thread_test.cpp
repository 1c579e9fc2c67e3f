#include "service/cluster_thread.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

namespace camshaft::service {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Phase = ClusterSnapshot::Phase;

/// Clusters whose controller is a shell script; what needs a real one is in tests/process/.
struct Clusters : ::testing::Test {
  Clusters() {
    std::string name = (fs::temp_directory_path() / "camshaft_XXXXXX").string();
    folder = ::mkdtemp(name.data());
  }
  ~Clusters() override { fs::remove_all(folder); }
  ClusterConfig config(const std::string& script) const {
    ClusterConfig config;
    config.plan.profile = {folder, folder / "profile_x"};
    config.plan.controller_cmd = {"/bin/sh", "-c", script};
    config.plan.engine_cmd = {"/bin/sh", "-c", "exec sleep 60"};
    return config;
  }
  ClusterSnapshot until(const ClusterThread& cluster, const std::function<bool(const ClusterSnapshot&)>& reached) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    for (;;) {
      ClusterSnapshot now = cluster.snapshot();
      if (reached(now)) return now;
      if (std::chrono::steady_clock::now() > deadline) {
        ADD_FAILURE() << "not reached in time";
        return now;
      }
      cluster.wait(now.generation, 1s);
    }
  }
  static bool stopped(const ClusterSnapshot& now) { return now.stopped; }
  fs::path folder;
};

TEST_F(Clusters, AControllerThatFailsIsReportedWithItsLog) {
  ClusterThread cluster(config("echo no such luck; exit 3"));
  ASSERT_TRUE(cluster.start_controller());
  cluster.start_engines("s", 2);
  const auto end = until(cluster, stopped);
  EXPECT_EQ(end.controller, Phase::after);
  ASSERT_THAT(end.troubles, SizeIs(1));
  EXPECT_THAT(end.troubles[0], HasSubstr("exit code 3"));
  EXPECT_EQ(end.log_tail, "no such luck");
  EXPECT_FALSE(fs::exists(folder / "profile_x" / "security" / "cluster-.json"));
}

TEST_F(Clusters, AControllerWithoutFilesIsStoppedInTheEnd) {
  auto slow = config("exec sleep 60");
  slow.limits.controller_timeout = 50ms;
  ClusterThread cluster(slow);
  ASSERT_TRUE(cluster.start_controller());
  const auto end = until(cluster, stopped);
  ASSERT_THAT(end.troubles, SizeIs(1));
  EXPECT_THAT(end.troubles[0], HasSubstr("no connection files in time"));
  EXPECT_EQ(end.controller_process->exit->signal, SIGTERM);
}

TEST_F(Clusters, StoppingWhileStartingLeavesNothing) {
  ClusterThread cluster(config("trap '' TERM; while :; do sleep 0.01; done"));
  ASSERT_TRUE(cluster.start_controller());
  EXPECT_EQ(cluster.snapshot().controller, Phase::starting);
  auto other = std::make_unique<ClusterThread>(config("exit 0"));
  const auto refused = other->start_controller();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("runs already"));
}

TEST_F(Clusters, TheEndOfTheObjectIsTheEndOfItsProcesses) {
  int pid = 0;
  {
    ClusterThread cluster(config("exec sleep 60"));
    ASSERT_TRUE(cluster.start_controller());
    pid = cluster.snapshot().controller_process->pid;
    EXPECT_NE(cluster::birth_of(pid), "");
  }
  EXPECT_TRUE(cluster::wait_process(cluster::open_process({pid, cluster::birth_of(pid)}, ""), 20s));
}

TEST_F(Clusters, WithoutAControllerThereIsNothingToJoin) {
  ClusterThread cluster(config("exit 0"));
  const auto joined = cluster.adopt_controller();
  ASSERT_FALSE(joined);
  EXPECT_THAT(joined.error().message, HasSubstr("no controller to join"));
  cluster.stop();
  until(cluster, stopped);
}

}  // namespace
}  // namespace camshaft::service
