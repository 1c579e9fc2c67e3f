#include "apps/launcher_settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/ipcluster_options.hpp"

namespace camshaft::apps {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kFile = "/p/ipcluster_config.py";

Result<ClusterOptions> parse(std::vector<const char*> arguments, std::vector<Setting> settings = {}) {
  return parse_cluster_options(
      arguments,
      [](const std::string& name) { return name == "HOME" ? std::optional<std::string>("/h") : std::nullopt; },
      settings);
}

json engine_options(std::vector<const char*> arguments, std::vector<Setting> settings = {}) {
  const auto options = parse(std::move(arguments), std::move(settings));
  return options ? options->engine_launcher.options : json(options.error().message);
}

TEST(LauncherSettings, ClassesGoFromGeneralToSpecial) {
  EXPECT_THAT(launcher_classes({"sge", {}}, cluster::Role::engines),
              ElementsAre("BaseLauncher", "EngineLauncher", "BatchSystemLauncher", "BatchEngineSetLauncher",
                          "PBSLauncher", "SGELauncher", "SGEEngineSetLauncher"));
  EXPECT_THAT(launcher_classes({"local", {}}, cluster::Role::controller),
              ElementsAre("BaseLauncher", "ControllerLauncher", "LocalProcessLauncher", "LocalControllerLauncher"));
  EXPECT_THAT(launcher_classes({"my.module:OwnLauncher", {}}, cluster::Role::engines),
              ElementsAre("BaseLauncher", "EngineLauncher", "OwnLauncher"));
}

TEST(LauncherSettings, SpecialClassesWinWhereverTheyStand) {
  const std::vector<Setting> settings = {{"MPIEngineSetLauncher.mpi_args", {"-special"}, kFile},
                                         {"MPILauncher.mpi_args", {"-general"}, kFile},
                                         {"MPILauncher.mpi_cmd", {"srun"}, kFile},
                                         {"SSHLauncher.user", "ada", kFile},
                                         {"BaseLauncher.environment", {{"A", "1"}}, kFile}};
  EXPECT_EQ(engine_options({"start", "--engines=mpi"}, settings),
            (json{{"mpi_args", {"-special"}}, {"mpi_cmd", {"srun"}}, {"environment", {{"A", "1"}}}}));
  const auto controller = parse({"start", "--controller=mpi"}, settings)->controller_launcher;
  EXPECT_EQ(controller.options["mpi_args"], json({"-general"}));
  EXPECT_EQ(
      engine_options({"start", "--engines=mpi", "--engine-options={\"mpi_args\": [\"-own\"]}"}, settings)["mpi_args"],
      json({"-own"}));
}

TEST(LauncherSettings, TheCommandLineIsReadByKind) {
  EXPECT_EQ(engine_options({"start", "--engines=mpi", "--MPILauncher.mpi_args=-v", "--MPILauncher.mpi_args", "-x",
                            "--BaseLauncher.environment={'A': '1'}", "--EngineLauncher.output_limit=3"},
                           {{"MPILauncher.mpi_args", {"-file"}, kFile}}),
            (json{{"mpi_args", {"-v", "-x"}}, {"environment", {{"A", "1"}}}, {"output_limit", 3}}));
  EXPECT_EQ(engine_options({"start", "--engines=mpi", "--MPILauncher.mpi_args=['-a', '-b']"})["mpi_args"],
            json({"-a", "-b"}));
  EXPECT_THAT(engine_options({"start", "--LocalEngineSetLauncher.delay=soon"}).get<std::string>(),
              HasSubstr("option '--LocalEngineSetLauncher.delay' expects a number, but got 'soon'"));
}

TEST(LauncherSettings, SlipsAreToldAndWhatOthersDefineIsNot) {
  const auto options = parse({"start"}, {{"SlurmLauncher.queu", "x", kFile},
                                         {"SlurmEngineSetLauncer.queue", "x", kFile},
                                         {"SlrumLauncher.queue", "x", kFile},
                                         {"SomebodysLauncher.anything", "x", kFile},
                                         {"SlurmLauncher.constraint", "x", kFile}});
  ASSERT_TRUE(options);
  EXPECT_THAT(options->notices, ElementsAre(HasSubstr("did you mean c.SlurmLauncher.queue?"),
                                            HasSubstr("did you mean c.SlurmEngineSetLauncher.queue?"),
                                            HasSubstr("did you mean c.SlurmLauncher.queue?")));
  EXPECT_THAT(parse({"start", "--SlurmLauncher.queu=x"}).error().message,
              HasSubstr("did you mean '--SlurmLauncher.queue'?"));
}

TEST(LauncherSettings, S0_93_TheSchedulerOfWindowsHpcAndItsJob) {
  LauncherSettings settings;
  const auto further = settings.further();
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"WindowsHPCControllerLauncher.scheduler", "HEAD1"},
                                                        {"WindowsHPCEngineSetLauncher.scheduler", "HEADNODE"},
                                                        {"WinHPCJob.priority", "Lowest"},
                                                        {"IPEngineSetJob.priority", "Normal"},
                                                        {"IPEngineTask.work_directory", "\\\\server\\share"}}) {
    EXPECT_TRUE(further.knows(name)) << name;
    EXPECT_TRUE(further.assign(name, value)) << name;
  }
  EXPECT_EQ(settings.options_of({"winhpc", {}}, cluster::Role::engines, json::object()),
            (json{{"scheduler", "HEADNODE"}, {"priority", "Normal"}, {"work_directory", "\\\\server\\share"}}));
  EXPECT_EQ(settings.options_of({"winhpc", {}}, cluster::Role::controller, json::object()),
            (json{{"scheduler", "HEAD1"}, {"priority", "Lowest"}}));
}

TEST(LauncherSettings, AreInForceWithTheirOrigin) {
  const auto options = parse({"config", "--MPILauncher.mpi_args=-v"}, {{"SlurmLauncher.queue", "long", kFile}});
  ASSERT_TRUE(options);
  const auto end = options->in_force.end();
  EXPECT_EQ(*(end - 2), (InForce{"SlurmLauncher.queue", "long", kFile}));
  EXPECT_EQ(*(end - 1), (InForce{"MPILauncher.mpi_args", "-v", "command line"}));
  EXPECT_THAT(parse({"--help-all"})->text, HasSubstr("SlurmEngineSetLauncher"));
  EXPECT_THAT(options->notices, IsEmpty());
}

}  // namespace
}  // namespace camshaft::apps
