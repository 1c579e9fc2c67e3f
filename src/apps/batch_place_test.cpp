#include "apps/batch_place.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "apps/controller_options.hpp"

namespace camshaft::apps {
namespace {

using ::testing::HasSubstr;
using Variables = std::map<std::string, std::string>;

cluster::Environment environment(const Variables& variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

std::optional<BatchPlace> place(const Variables& variables) { return batch_place(environment(variables)); }

TEST(BatchPlace, IsReadFromWhatEachSystemSays) {
  EXPECT_EQ(place({}), std::nullopt);
  EXPECT_EQ(place({{"SLURM_JOB_ID", "7"}, {"SLURM_JOB_NUM_NODES", "4"}}), (BatchPlace{"Slurm", "7", 4}));
  EXPECT_EQ(place({{"SLURM_JOB_ID", "7"}, {"SLURM_NNODES", "2"}}), (BatchPlace{"Slurm", "7", 2}));
  EXPECT_EQ(place({{"PBS_JOBID", "8.head"}, {"PBS_NUM_NODES", "3"}}), (BatchPlace{"PBS", "8.head", 3}));
  EXPECT_EQ(place({{"LSB_JOBID", "9"}, {"LSB_MCPU_HOSTS", "a 2 b 2 "}}), (BatchPlace{"LSF", "9", 2}));
  EXPECT_EQ(place({{"LSB_JOBID", "9"}, {"LSB_HOSTS", "a a b c"}}), (BatchPlace{"LSF", "9", 3}));
  EXPECT_EQ(place({{"JOB_ID", "1"}, {"SGE_TASK_ID", "undefined"}, {"NHOSTS", "5"}}),
            (BatchPlace{"Grid Engine", "1", 5}));
  EXPECT_EQ(place({{"JOB_ID", "1"}}), std::nullopt);  // somebody else's variable
  EXPECT_EQ(place({{"SLURM_JOB_ID", "7"}, {"SLURM_JOB_NUM_NODES", "x"}}), (BatchPlace{"Slurm", "7", 1}));
}

TEST(BatchPlace, CountsTheHostsOfAFile) {
  const auto path = std::filesystem::temp_directory_path() / ("camshaft_hosts_" + std::to_string(::getpid()));
  std::ofstream(path) << "a 4 all.q\na\nb 1\n\n";
  EXPECT_EQ(place({{"PBS_JOBID", "8"}, {"PBS_NODEFILE", path.string()}})->nodes, 2);
  EXPECT_EQ(place({{"JOB_ID", "8"}, {"SGE_TASK_ID", "1"}, {"PE_HOSTFILE", path.string()}})->nodes, 2);
  std::filesystem::remove(path);
  EXPECT_EQ(place({{"PBS_JOBID", "8"}, {"PBS_NODEFILE", path.string()}})->nodes, 1);
}

TEST(BatchPlace, AControllerAmongSeveralComputersListensToAll) {
  Variables variables = {{"HOME", "/h"}, {"SLURM_JOB_ID", "7"}, {"SLURM_JOB_NUM_NODES", "2"}};
  const auto parse = [&](std::vector<const char*> arguments) {
    return *parse_controller_options(arguments, environment(variables));
  };
  const auto chosen = parse({});
  EXPECT_EQ(chosen.engine_ip, "*");
  EXPECT_EQ(chosen.client_ip, "*");
  ASSERT_EQ(chosen.notices.size(), 1U);
  EXPECT_THAT(chosen.notices[0], HasSubstr("Slurm job 7 has 2 nodes"));
  EXPECT_EQ(parse({"--ip=127.0.0.1"}).engine_ip, "127.0.0.1");
  EXPECT_EQ(parse({"--IPController.engine_ip=10.0.0.1"}).client_ip, "127.0.0.1");
  variables["SLURM_JOB_NUM_NODES"] = "1";
  EXPECT_EQ(parse({}).engine_ip, "127.0.0.1");
}

}  // namespace
}  // namespace camshaft::apps
