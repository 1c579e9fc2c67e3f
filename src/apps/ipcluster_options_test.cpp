#include "apps/ipcluster_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "apps/ipcluster_start.hpp"
#include "apps/progress_line.hpp"

namespace camshaft::apps {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<ClusterOptions> parse(std::vector<const char*> arguments) {
  return parse_cluster_options(arguments, [](const std::string& name) -> std::optional<std::string> {
    if (name == "HOME") return "/home/ada";
    return std::nullopt;
  });
}

std::string error(std::vector<const char*> arguments) {
  auto options = parse(std::move(arguments));
  return options ? "accepted" : options.error().message;
}

TEST(ClusterOptions, TakesTheOriginalsSpellings) {
  auto options = parse({"start", "-n", "4", "--profile=mpi", "--ip=*", "--engines=Local", "--Cluster.delay=2",
                        "--controller=ipyparallel.cluster.launcher.LocalControllerLauncher", "--daemonize",
                        "--cluster-id", "night", "--", "--hwm=0", "--nodb"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->command, "start");
  EXPECT_EQ(options->n, 4);
  EXPECT_EQ(options->profile.dir, "/home/ada/.ipython/profile_mpi");
  EXPECT_EQ(options->cluster_id, "night");
  EXPECT_EQ(options->controller_ip, "*");
  EXPECT_TRUE(options->daemonize);
  EXPECT_THAT(options->controller_args, ElementsAre("--hwm=0", "--nodb"));
}

TEST(ClusterOptions, OptionsAloneMeanStart) {
  EXPECT_EQ(parse({"-n4"})->command, "start");
  EXPECT_EQ(parse({"--IPClusterStart.n=3"})->n, 3);
  EXPECT_THAT(error({}), HasSubstr("start, engines, stop, list or clean"));
}

TEST(ClusterOptions, TakesProgramsAsCommandLines) {
  auto options = parse({"start", "--engine-cmd=python3 -m 'a b'", R"(--controller-cmd=["x y"])"});
  ASSERT_TRUE(options);
  EXPECT_THAT(options->engine_cmd, ElementsAre("python3", "-m", "a b"));
  EXPECT_THAT(options->controller_cmd, ElementsAre("x y"));
  EXPECT_THAT(error({"start", "--engine-cmd='x"}), HasSubstr("a command line"));
}

TEST(ClusterOptions, OnlyStopTakesIds) {
  EXPECT_THAT(parse({"stop", "a", "b"})->cluster_ids, ElementsAre("a", "b"));
  EXPECT_THAT(error({"stop", "a/b"}), HasSubstr("cannot be part of a file name"));
  EXPECT_THAT(error({"start", "a"}), HasSubstr("'a' is not an option of ipcluster start"));
}

TEST(ClusterOptions, SaysWhatIsWrong) {
  EXPECT_THAT(error({"lst"}), HasSubstr("did you mean 'ipcluster list'"));
  EXPECT_THAT(parse({"start", "--engines=slrm"})->unknown_launchers.at(0).message,
              HasSubstr("no launcher is called 'slrm'"));
  EXPECT_THAT(error({"start", "--engine-options=[]"}), HasSubstr("is not an object in JSON"));
  EXPECT_THAT(error({"start", "-n", "0"}), HasSubstr("at least 1"));
  EXPECT_THAT(parse({"--help"})->text, HasSubstr("ipcluster start -n 4"));
}

TEST(Hints, NameWhatIsNotObvious) {
  const cluster::Profile usual{"/ip", "/ip/profile_default"}, other{"/ip", "/ip/profile_x"}, far{"/ip", "/far"};
  EXPECT_THAT(connect_hint(usual, ""), HasSubstr("ipp.Client()"));
  EXPECT_THAT(connect_hint(other, "id"), HasSubstr(R"(ipp.Client(profile="x", cluster_id="id"))"));
  EXPECT_THAT(connect_hint(far, ""), HasSubstr(R"(ipp.Client(profile_dir="/far"))"));
  EXPECT_EQ(selection(usual, ""), "");
  EXPECT_EQ(selection(other, "id"), " --profile=x --cluster-id=id");
  EXPECT_EQ(selection(far, ""), " --profile-dir=/far");
}

TEST(Progress, IsABarOnATerminalAndFewLinesElsewhere) {
  EXPECT_EQ(progress_bar(1, 4, 8), "engines ready: [##      ] 1 of 4");
  EXPECT_EQ(progress_bar(0, 0, 2), "engines ready: [  ] 0 of 0");
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* out = ::open_memstream(&text, &size);
  ProgressLine line(out, false);
  for (int done = 0; done <= 1000; ++done) line.update(done, 1000);
  line.clear();
  std::fclose(out);
  const std::string written(text, size);
  std::free(text);
  EXPECT_EQ(std::count(written.begin(), written.end(), '\n'), 10);
  EXPECT_THAT(written, HasSubstr("engines ready: 1000 of 1000\n"));
}

}  // namespace
}  // namespace camshaft::apps
