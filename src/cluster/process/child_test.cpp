#include "cluster/process/child.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "cluster/process/files.hpp"
#include "cluster/process/profile_dirs.hpp"
#include "cluster/process/stopping.hpp"

namespace camshaft::cluster {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

struct Processes : ::testing::Test {
  Processes() {
    std::string name = (fs::temp_directory_path() / "camshaft_XXXXXX").string();
    folder = ::mkdtemp(name.data());
  }
  ~Processes() override { fs::remove_all(folder); }
  Command shell(const std::string& script) const { return {{"/bin/sh", "-c", script}, {}, folder / "log", ""}; }
  Exit wait(Child& child) const {
    Descriptor watch(::dup(child.descriptor()));
    EXPECT_TRUE(wait_process(watch, 20s));
    const auto exit = child.poll();
    EXPECT_TRUE(exit.has_value());
    return exit.value_or(Exit{});
  }
  fs::path folder;
};

TEST_F(Processes, RunWithTheirEnvironmentLogAndFolder) {
  Command command = shell("echo $WHO in $(pwd); echo trouble >&2; cat; exit 3");
  command.environment = {{"WHO", "ada"}};
  command.work_dir = "/";
  auto child = Child::start(command, nullptr);
  ASSERT_TRUE(child) << child.error().message;
  EXPECT_EQ(wait(*child), (Exit{3, 0}));
  EXPECT_EQ(tail(folder / "log", 10), "ada in /\ntrouble");
}

TEST_F(Processes, KeepNoDescriptorOfOurs) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);  // not close-on-exec
  auto child = Child::start(shell("ls /proc/self/fd | wc -l"), nullptr);
  ASSERT_TRUE(child);
  wait(*child);
  EXPECT_EQ(tail(folder / "log", 1), "4");  // three and the folder that ls reads
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(Processes, SayWhyTheyCannotStart) {
  auto child = Child::start({{"/no/such/program"}, {}, folder / "log", ""}, nullptr);
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, Errc::not_found);
  EXPECT_THAT(child.error().message, HasSubstr("/no/such/program"));
  auto no_log = Child::start({{"/bin/true"}, {}, folder / "no" / "log", ""}, nullptr);
  ASSERT_FALSE(no_log);
  EXPECT_THAT(no_log.error().message, HasSubstr("log file"));
}

TEST_F(Processes, AreKilledByTheSignalTheyGet) {
  auto child = Child::start(shell("exec sleep 60"), nullptr);
  ASSERT_TRUE(child);
  EXPECT_FALSE(child->poll());
  child->signal(SIGTERM);
  EXPECT_EQ(wait(*child), (Exit{128 + SIGTERM, SIGTERM}));
}

TEST_F(Processes, SeeTheEndOfWhoHoldsTheLifeline) {
  auto lifeline = Lifeline::make();
  ASSERT_TRUE(lifeline);
  // `cat` ends when its input does, as our programs do.
  auto child = Child::start(shell("exec cat <&$CAMSHAFT_LIFELINE_FD"), &*lifeline);
  ASSERT_TRUE(child);
  EXPECT_FALSE(child->poll());
  *lifeline = Lifeline::make().value();
  EXPECT_EQ(wait(*child), (Exit{0, 0}));
}

TEST_F(Processes, StartedByAThreadOutliveIt) {
  std::optional<Result<Child>> child;
  auto lifeline = Lifeline::make();
  std::thread([&] { child.emplace(Child::start(shell("exec cat <&$CAMSHAFT_LIFELINE_FD"), &*lifeline)); }).join();
  ASSERT_TRUE(*child);
  EXPECT_FALSE((**child).poll());
  *lifeline = Lifeline::make().value();
  EXPECT_EQ(wait(**child), (Exit{0, 0}));
}

TEST_F(Processes, AreRecognisedByTheirBirth) {
  const ProcessId us = this_process();
  EXPECT_TRUE(alive(us, ""));
  EXPECT_FALSE(alive({us.pid, us.birth + "1"}, ""));  // another process under our number
  EXPECT_FALSE(alive({0, ""}, ""));
  EXPECT_FALSE(alive({us.pid, ""}, "no such words in our command line"));
  EXPECT_TRUE(alive({us.pid, ""}, "cluster_test"));
  auto child = Child::start(shell("exit 0"), nullptr);
  ASSERT_TRUE(child);
  const ProcessId gone = child->id();
  wait(*child);
  EXPECT_FALSE(alive(gone, ""));
}

TEST_F(Processes, StoppingTouchesOnlyWhatWasMeant) {
  const Profile profile{folder, folder / "profile_x"};
  ASSERT_TRUE(create_profile(profile));
  auto engine = Child::start(shell("exec sleep 60"), nullptr);
  auto stranger = Child::start(shell("exec sleep 60"), nullptr);
  ASSERT_TRUE(engine && stranger);
  ClusterRecord record;
  record.profile_dir = profile.dir.string();
  record.engine_sets["s"][0] = {engine->id(), ""};
  record.controller = {{stranger->id().pid, "an earlier life"}, ""};
  const fs::path file = cluster_file_path(profile, "");
  ASSERT_TRUE(write_text(file, render(record)));
  const auto found = look_at(file);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->engines_alive, 1);
  EXPECT_FALSE(found->controller_alive);
  // Our own children stay zombies until they are reaped, so reap beside the stop.
  ASSERT_TRUE(stop_cluster(*found, profile, 10s));
  EXPECT_EQ(wait(*engine).signal, SIGTERM);
  EXPECT_FALSE(stranger->poll());
  EXPECT_FALSE(fs::exists(file));
  stranger->signal(SIGKILL);
  wait(*stranger);
}

TEST_F(Processes, AClusterIsStoppedWithTheSignalThatIsWanted) {
  const Profile profile{folder, folder / "profile_x"};
  ASSERT_TRUE(create_profile(profile));
  auto engine = Child::start(shell("trap '' TERM; while :; do sleep 0.01; done"), nullptr);
  ASSERT_TRUE(engine);
  ClusterRecord record;
  record.profile_dir = profile.dir.string();
  record.engine_sets["s"][0] = {engine->id(), ""};
  const fs::path file = cluster_file_path(profile, "");
  ASSERT_TRUE(write_text(file, render(record)));
  ASSERT_TRUE(stop_cluster(*look_at(file), profile, 60s, SIGKILL));  // it would not heed SIGTERM for a minute
  EXPECT_EQ(wait(*engine).signal, SIGKILL);
}

TEST_F(Processes, ALockIsHeldOnce) {
  {
    auto first = ClusterLock::take(folder / "lock");
    ASSERT_TRUE(first);
    EXPECT_FALSE(ClusterLock::take(folder / "lock"));
    EXPECT_EQ(ClusterLock::holder(folder / "lock"), std::to_string(::getpid()));
  }
  EXPECT_TRUE(ClusterLock::take(folder / "lock"));
}

TEST_F(Processes, ProfileFoldersArePrivate) {
  const Profile profile{folder, folder / "deep" / "profile_x"};
  ASSERT_TRUE(create_profile(profile));
  fs::permissions(profile.security_dir(), fs::perms(0755));
  ASSERT_TRUE(create_profile(profile));
  const auto mode = [](const fs::path& path) { return static_cast<int>(fs::status(path).permissions()); };
  EXPECT_EQ(mode(profile.security_dir()), 0700);
  EXPECT_EQ(mode(profile.log_dir()), 0755);
  EXPECT_EQ(mode(profile.pid_dir()), 0700);
  ASSERT_TRUE(write_text(folder / "file", "text"));
  EXPECT_FALSE(create_profile({folder, folder / "file"}));
}

TEST_F(Processes, TextIsWrittenPrivatelyAndWhole) {
  ASSERT_TRUE(write_text(folder / "file", "one\ntwo\nthree\n"));
  EXPECT_EQ(read_text(folder / "file").value(), "one\ntwo\nthree\n");
  EXPECT_EQ(static_cast<int>(fs::status(folder / "file").permissions()), 0600);
  EXPECT_EQ(tail(folder / "file", 2), "two\nthree");
  EXPECT_EQ(tail(folder / "file", 99), "one\ntwo\nthree");
  EXPECT_EQ(tail(folder / "none", 2), "");
  EXPECT_EQ(read_text(folder / "none").error().code, Errc::not_found);
}

}  // namespace
}  // namespace camshaft::cluster
