#include "cluster/launchers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/commands.hpp"

namespace camshaft::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

LocalPlan plan(Launcher engines) {
  LocalPlan plan;
  plan.profile = {"/ip", "/ip/profile_x"};
  plan.cluster_id = "id";
  plan.controller_cmd = {"ipcontroller"};
  plan.engine_cmd = {"ipengine"};
  plan.launcher_pid = 42;
  plan.tether_cmd = {"ipcluster", "tether"};
  plan.python_cmd = {"python3"};
  plan.engine_launcher = std::move(engines);
  return plan;
}

TetherSpec spec_of(const Command& command) {
  for (const auto& [name, value] : command.environment) {
    if (name == "CAMSHAFT_TETHER") return parse_tether_spec(value).value();
  }
  ADD_FAILURE() << "no CAMSHAFT_TETHER";
  return {};
}

TEST(Launchers, AreFoundByAnyOfTheirNames) {
  for (const char* name : {"mpi", "MPI", "mpiexec", "MPIExec", "MPIEngineSetLauncher", "MPIExecEngineSetLauncher",
                           "ipyparallel.cluster.launcher.MPIEngineSetLauncher"}) {
    EXPECT_EQ(find_launcher(name, Role::engines).value().name, "mpi") << name;
  }
  EXPECT_EQ(find_launcher("LocalControllerLauncher", Role::controller).value().name, "local");
  EXPECT_EQ(find_launcher("a.b.Mine", Role::engines).value().name, "a.b:Mine");
  EXPECT_TRUE(find_launcher("a.b:Mine", Role::engines).value().foreign());
}

TEST(Launchers, AnUnknownNameIsAnsweredWithTheNearest) {
  const auto wrong = find_launcher("lokal", Role::engines);
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("no launcher is called 'lokal'; did you mean 'local'?"));
  EXPECT_FALSE(find_launcher("", Role::engines));
  EXPECT_FALSE(find_launcher(".", Role::engines));
  EXPECT_FALSE(find_launcher("ipyparallel.cluster.launcher.Nothing", Role::engines));
}

TEST(Launchers, LocalOnesAreOneProcessAnEngine) {
  const auto processes = engine_processes(plan({}), "7", 3, "{}");
  ASSERT_EQ(processes.size(), 3U);
  EXPECT_EQ(engine_process_count(plan({}), 3), 3);
  EXPECT_EQ(processes[2], engine_command(plan({}), "7", 2, "{}"));
}

TEST(Launchers, OthersAreOneTetherThatKnowsWhatToStart) {
  const LocalPlan mpi = plan({"mpi", {{"mpi_args", {"-v"}}, {"environment", {{"A", "b"}}}}});
  const auto processes = engine_processes(mpi, "7", 3, "{}");
  ASSERT_EQ(processes.size(), 1U);
  EXPECT_EQ(engine_process_count(mpi, 3), 1);
  EXPECT_THAT(processes[0].argv, ElementsAre("ipcluster", "tether", "mpi"));
  EXPECT_EQ(processes[0].log_file, "/ip/profile_x/log/ipengine-id-7-42.log");
  const TetherSpec spec = spec_of(processes[0]);
  EXPECT_EQ(spec.n, 3);
  EXPECT_EQ(spec.program_words, 1);
  EXPECT_THAT(spec.argv, ElementsAre("ipengine"));
  EXPECT_THAT(spec.environment,
              ElementsAre(Pair("A", "b"), Pair("IPP_CLUSTER_ID", "id"), Pair("IPP_PROFILE_DIR", "/ip/profile_x"),
                          Pair("IPP_CONNECTION_INFO", "{}"), Pair("CAMSHAFT_KEEPER", "mpi:0:7")));
  EXPECT_EQ(parse_tether_spec(render(spec)).value(), spec);
}

TEST(Launchers, ClassesOfOthersHaveATetherInPython) {
  EXPECT_THAT(engine_processes(plan({"a.b:Mine"}), "7", 3, "")[0].argv,
              ElementsAre("python3", "-m", "camshaft.foreign_launcher"));
}

TEST(Launchers, AControllerMayHaveATether) {
  LocalPlan mpi = plan({});
  EXPECT_EQ(controller_process(mpi), controller_command(mpi));
  mpi.controller_launcher = {"mpi"};
  EXPECT_EQ(spec_of(controller_process(mpi)).role, Role::controller);
}

TEST(Launchers, MpiexecGetsItsOptionsAndTheEngines) {
  TetherSpec spec;
  spec.n = 4;
  spec.argv = {"ipengine", "--debug"};
  EXPECT_THAT(mpi_command(spec), ElementsAre("mpiexec", "-n", "4", "ipengine", "--debug", "--mpi"));
  spec.launcher.options = {{"mpi_cmd", "mpirun -q"}, {"mpi_args", {"--host", "a"}}};
  spec.argv = {"ipengine", "--mpi=mpi4py"};
  EXPECT_THAT(mpi_command(spec), ElementsAre("mpirun", "-q", "-n", "4", "--host", "a", "ipengine", "--mpi=mpi4py"));
  spec.role = Role::controller;
  spec.argv = {"ipcontroller"};
  EXPECT_THAT(mpi_command(spec), ElementsAre("mpirun", "-q", "-n", "4", "--host", "a", "ipcontroller"));
}

TEST(Launchers, TheirProgramsAndArgumentsComeFromTheirOptionsToo) {
  const LocalPlan local = plan({"local", {{"engine_cmd", {"other"}}, {"engine_args", "-x 'a b'"}, {"work_dir", "/w"}}});
  const Command command = engine_command(local, "7", 0, "");
  EXPECT_THAT(command.argv, ElementsAre("other", "-x", "a b"));
  EXPECT_EQ(command.work_dir, "/w");
}

TEST(Launchers, SayHowManyEnginesASetHas) {
  EXPECT_EQ(engines_in_set({}, 0, 4), 4);
  EXPECT_EQ(engines_in_set({}, 7, 4), 7);
  const Launcher ssh{"ssh", {{"engines", {{"a", 2}, {"b", 3}}}}};
  EXPECT_EQ(engines_in_set(ssh, 0, 4), 5);
  EXPECT_EQ(engines_in_set(ssh, 3, 4), 3);
  EXPECT_EQ(engines_in_set(ssh, 9, 4), 5);
}

TEST(Tether, ASpecificationThatIsNoneIsRefused) {
  for (const char* text : {"", "{}", "[]", R"({"role": "engines"})", R"({"role": 1, "launcher": 2, "options": 3})"}) {
    EXPECT_FALSE(parse_tether_spec(text)) << text;
  }
}

}  // namespace
}  // namespace camshaft::cluster
