#include "apps/dry_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace camshaft::apps {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

cluster::LocalPlan plan(std::string engines, nlohmann::json options = nlohmann::json::object()) {
  cluster::LocalPlan out;
  out.profile = {"/ip", "/ip/profile_x"};
  out.cluster_id = "id";
  out.controller_cmd = {"/bin/ipcontroller"};
  out.engine_cmd = {"/bin/ipengine"};
  out.engine_launcher = {std::move(engines), std::move(options)};
  out.tether_cmd = {"/bin/ipcluster", "tether"};
  out.work_dir = "/home";
  return out;
}

TEST(DryRun, LocalProcesses) {
  const std::string text = dry_run(plan("local"), 3, true).value();
  EXPECT_THAT(text, HasSubstr("controller (local):\n"));
  EXPECT_THAT(text, HasSubstr("\n  /bin/ipcontroller\n"));
  EXPECT_THAT(text, HasSubstr("3 engines (local), 3 times with"));
  EXPECT_THAT(text, HasSubstr("    IPP_CLUSTER_ID=id\n"));
}

TEST(DryRun, TheScriptAndItsCommand) {
  const std::string text = dry_run(plan("slurm", {{"queue", "main"}}), 3, true).value();
  EXPECT_THAT(text, HasSubstr("  /bin/ipcontroller '--ip=*'\n"));
  EXPECT_THAT(text, HasSubstr("  sbatch /ip/profile_x/slurm_engine-id-SET.sbatch\n"));
  EXPECT_THAT(text, HasSubstr("#SBATCH --partition=main\n"));
  EXPECT_THAT(text, HasSubstr("\nexec srun /bin/ipengine\n"));
  EXPECT_THAT(dry_run(plan("lsf"), 3, false).value(), HasSubstr("  bsub < /ip/profile_x/lsf_engines-id-SET\n"));
  EXPECT_THAT(dry_run(plan("lsf"), 3, false).value(), Not(HasSubstr("controller (")));
  EXPECT_THAT(dry_run(plan("mpi"), 3, false).value(), HasSubstr("mpiexec -n 3 /bin/ipengine --mpi\n"));
}

TEST(DryRun, ControllersElsewhereListenOnAllAddresses) {
  cluster::LocalPlan both = plan("pbs");
  both.controller_launcher.name = "pbs";
  EXPECT_THAT(dry_run(both, 3, true).value(), HasSubstr("\nexec /bin/ipcontroller '--ip=*'\n"));
  both.controller_ip = "10.0.0.1";
  EXPECT_THAT(dry_run(both, 3, true).value(), HasSubstr("\nexec /bin/ipcontroller --ip=10.0.0.1\n"));
}

TEST(DryRun, MistakesInTemplatesAreFound) {
  const auto broken = dry_run(plan("pbs", {{"batch_template", "{m}"}}), 3, false);
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message, HasSubstr("no variable 'm'"));
}

}  // namespace
}  // namespace camshaft::apps
