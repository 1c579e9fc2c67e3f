#include "cluster/batch/submission.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace camshaft::cluster::batch {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const ReadFile kNoFiles = [](const std::filesystem::path& path) -> Result<std::string> {
  return Error{Errc::not_found, path.string() + " is not there"};
};

Request engines(std::string system, int n, json options = json::object()) {
  Request out;
  out.system = std::move(system);
  out.n = n;
  out.cluster_id = "id";
  out.set = "7";
  out.profile_dir = "/p";
  out.program = {"/bin/ip engine", "-c", "x='1'"};
  out.environment = {{"IPP_CLUSTER_ID", "id"}, {"IPP_CONNECTION_INFO", R"({"key": "a b"})"}};
  out.work_dir = "/home/a b";
  out.options = std::move(options);
  return out;
}
Request controller(std::string system, json options = json::object()) {
  Request out = engines(std::move(system), 1, std::move(options));
  out.controller = true;
  out.set = "";
  out.program = {"/bin/ipcontroller", "--ip=*"};
  return out;
}
Submission prepared(const Request& request) { return prepare(request, kNoFiles).value(); }
std::string text(const Request& request) { return prepared(request).scripts.at(0).text; }
std::string refused(const Request& request) {
  const auto out = prepare(request, kNoFiles);
  return out ? "" : out.error().message;
}
int times(const std::string& where, const std::string& what) {
  int n = 0;
  for (std::size_t at = where.find(what); at != std::string::npos; at = where.find(what, at + 1)) ++n;
  return n;
}

constexpr const char* kProgram = "'/bin/ip engine' -c 'x='\\''1'\\'''\n";

TEST(BatchScript, SlurmIsOneAllocationUnlessAnotherLayoutIsChosen) {
  const Submission one =
      prepared(engines("slurm", 4, {{"queue", "main"}, {"account", "a"}, {"qos", "q"}, {"timelimit", "1:00"}}));
  ASSERT_EQ(one.scripts.size(), 1U);
  EXPECT_EQ(one.scripts[0].file, "/p/slurm_engine-id-7.sbatch");
  EXPECT_EQ(one.scripts[0].text,
            "#!/bin/sh\n#SBATCH --export=ALL\n#SBATCH --job-name=ipengine-id\n#SBATCH --ntasks=4\n"
            "#SBATCH --partition=main\n#SBATCH --account=a\n#SBATCH --qos=q\n#SBATCH --time=1:00\n"
            "#SBATCH --output=/p/log/ipengine-id-7-job.log\ncd '/home/a b' 2> /dev/null || :\n"
            "exec srun " +
                std::string(kProgram));
  EXPECT_THAT(submit_command(one.dialect, one.scripts[0]), ElementsAre("sbatch", "/p/slurm_engine-id-7.sbatch"));
  EXPECT_THAT(signal_command(one, {"5"}, SIGINT), ElementsAre("scancel", "-s", "2", "5"));

  const Submission array = prepared(engines("slurm", 4, {{"layout", "array"}}));
  EXPECT_THAT(array.scripts.at(0).text, HasSubstr("#SBATCH --array=1-4\n#SBATCH --ntasks=1\n"));
  EXPECT_THAT(array.scripts[0].text, HasSubstr("-job.%a.log\n"));
  EXPECT_THAT(array.scripts[0].text, HasSubstr("\nexec '/bin/ip engine'"));
  EXPECT_THAT(signal_command(array, {"5"}, SIGINT), ElementsAre("scancel", "--full", "-s", "2", "5"));
}

TEST(BatchScript, EachEngineCanBeAJob) {
  const Submission jobs = prepared(engines("slurm", 3, {{"layout", "jobs"}}));
  ASSERT_EQ(jobs.scripts.size(), 3U);
  EXPECT_EQ(jobs.scripts[2].file, "/p/slurm_engine-id-7-2.sbatch");
  EXPECT_EQ(jobs.scripts[2].output_file, "/p/log/ipengine-id-7-job.2.log");
  EXPECT_THAT(jobs.scripts[2].text, HasSubstr("#SBATCH --ntasks=1\n"));
}

TEST(BatchScript, ControllersAreOneTaskSaidOnce) {
  const std::string slurm = text(controller("slurm", {{"queue", "main"}}));
  EXPECT_EQ(times(slurm, "--ntasks"), 1);
  EXPECT_THAT(slurm, HasSubstr("#SBATCH --job-name=ipcontroller-id\n"));
  EXPECT_THAT(slurm, HasSubstr("exec /bin/ipcontroller '--ip=*'\n"));
  EXPECT_EQ(prepared(controller("slurm")).scripts[0].file, "/p/slurm_controller-id.sbatch");
  EXPECT_THAT(text(controller("pbs")), Not(HasSubstr("#PBS -t")));
}

TEST(BatchScript, PbsArrays) {
  EXPECT_EQ(text(engines("pbs", 4, {{"queue", "long"}})),
            "#!/bin/sh\n#PBS -V\n#PBS -N ipengine\n#PBS -t 1-4\n#PBS -q long\n#PBS -j oe\n#PBS -o "
            "/p/log/ipengine-id-7-job.log\n"
            "cd '/home/a b' 2> /dev/null || :\nexec " +
                std::string(kProgram));
  EXPECT_THAT(text(engines("pbs", 4, {{"job_array_template", "#PBS -J 1-{n}"}})), HasSubstr("\n#PBS -J 1-4\n"));
  const std::string allocation = text(engines("pbs", 4, {{"layout", "allocation"}}));
  EXPECT_THAT(allocation, HasSubstr("#PBS -l nodes=4\n"));
  EXPECT_THAT(allocation, HasSubstr("base_env_list='IPP_CLUSTER_ID;IPP_CONNECTION_INFO'\nexec mpiexec -n 4 "));
}

TEST(BatchScript, GridEngineReadsItsOwnDirectives) {
  const std::string sge = text(engines("sge", 4, {{"queue", "all.q"}, {"options", "-l mem_free=1G"}}));
  EXPECT_THAT(sge,
              HasSubstr("#$ -V\n#$ -S /bin/sh\n#$ -N ipengine\n#$ -t 1-4\n#$ -q all.q\n#$ -l mem_free=1G\n#$ -j y\n"
                        "#$ -o /p/log/ipengine-id-7-job.$TASK_ID.log\n"));
  EXPECT_EQ(times(sge, "#PBS"), 0);
  EXPECT_THAT(text(engines("sge", 4, {{"layout", "allocation"}, {"pe", "mpi"}})), HasSubstr("#$ -pe mpi 4\n"));
  EXPECT_THAT(refused(engines("sge", 4, {{"layout", "allocation"}})), HasSubstr("option pe"));
  const Submission one = prepared(engines("sge", 4));
  EXPECT_THAT(signal_command(one, {"5"}, SIGSTOP), ElementsAre("qmod", "-sj", "5"));
  EXPECT_THAT(signal_command(one, {"5"}, SIGTERM), ElementsAre("qdel", "5"));
  EXPECT_THAT(signal_command(one, {"5"}, SIGUSR1), IsEmpty());
}

TEST(BatchScript, LsfDirectivesBeginTheirLines) {
  const Submission one = prepared(engines("lsf", 4, {{"queue", "q"}}));
  EXPECT_THAT(one.scripts.at(0).text, HasSubstr("#!/bin/sh\n#BSUB -env all\n#BSUB -J ipengine-id[1-4]\n#BSUB -q "
                                                "q\n#BSUB -o /p/log/ipengine-id-7-job.%I.log\n"));
  EXPECT_EQ(times(one.scripts[0].text, " #BSUB"), 0);
  EXPECT_TRUE(one.dialect.script_on_stdin);
  EXPECT_THAT(one.environment, ::testing::Contains(::testing::Pair("LSB_STDOUT_DIRECT", "Y")));
  EXPECT_THAT(text(controller("lsf")), HasSubstr("#BSUB -J ipcontroller-id\n"));
}

TEST(BatchScript, CondorGetsTheEnvironmentInItsOwnQuotes) {
  EXPECT_EQ(
      text(engines("htcondor", 4)),
      "universe = vanilla\nexecutable = /bin/ip engine\ntransfer_executable = False\n"
      "arguments = \"-c 'x=''1'''\"\n"
      "environment = \"IPP_CLUSTER_ID=id IPP_CONNECTION_INFO='{\"\"key\"\": \"\"a b\"\"}'\"\n"
      "initialdir = /home/a b\n"
      "output = /p/log/ipengine-id-7-job.$(ProcId).log\nerror = /p/log/ipengine-id-7-job.$(ProcId).log\nqueue 4\n");
  Request broken = engines("htcondor", 1);
  broken.environment = {{"A", "x\ny"}};
  EXPECT_THAT(refused(broken), HasSubstr("several lines: A"));
}

TEST(BatchScript, OwnTemplatesHavePriorityAndAllVariables) {
  const json options = {{"batch_template",
                         "#!/bin/sh\n#PBS -l nodes={n//4}:ppn={ppn} -q {queue}\n{program} {program_args}\n# "
                         "{cluster_id} {profile_dir} {who}"},
                        {"batch_template_file", "/t"},
                        {"namespace", {{"ppn", 4}, {"who", "me"}}},
                        {"queue", "q"}};
  EXPECT_EQ(text(engines("pbs", 9, options)),
            "#!/bin/sh\n#PBS -l nodes=2:ppn=4 -q q\n'/bin/ip engine' -c 'x='\\''1'\\'''\n# id /p me");
  const ReadFile files = [](const std::filesystem::path& path) -> Result<std::string> {
    return "from " + path.string() + " {n}";
  };
  EXPECT_EQ(prepare(engines("pbs", 3, {{"batch_template_file", "/t"}}), files).value().scripts[0].text, "from /t 3");
  EXPECT_THAT(refused(engines("pbs", 3, {{"batch_template_file", "/t"}})), HasSubstr("/t is not there"));
  EXPECT_THAT(refused(engines("pbs", 3, {{"batch_template", "{m}"}})), HasSubstr("no variable 'm'"));
  EXPECT_EQ(text(engines("pbs", 3, {{"batch_template", "{environment_json}"}})),
            R"({"IPP_CLUSTER_ID":"id","IPP_CONNECTION_INFO":"{\"key\": \"a b\"}"})");
}

TEST(BatchScript, TheUsersOwnSystem) {
  const json options = {{"submit_command", json::array({"mysub"})},
                        {"delete_command", json::array({"mydel"})},
                        {"batch_template", "{n} x {program_and_args}"}};
  const Submission one = prepared(engines("batch", 3, options));
  EXPECT_THAT(submit_command(one.dialect, one.scripts.at(0)), ElementsAre("mysub", "/p/batch_engines-id-7"));
  EXPECT_THAT(signal_command(one, {"5"}, SIGINT), IsEmpty());
  EXPECT_THAT(refused(engines("batch", 3)), HasSubstr("submit_command"));
  EXPECT_THAT(refused(engines("cray", 3)), HasSubstr("'cray'"));
}

TEST(BatchScript, NamesOfFiles) {
  EXPECT_EQ(engines("pbs", 1).jobs_file(), "/p/security/jobs-id-7.json");
  EXPECT_EQ(controller("pbs").jobs_file(), "/p/security/jobs-id-controller.json");
  EXPECT_EQ(prepared(engines("pbs", 1, {{"batch_file_name", "/tmp/mine"}})).scripts[0].file, "/tmp/mine");
  EXPECT_EQ(prepared(engines("pbs", 1, {{"output_file", "/scratch/out"}})).scripts[0].output_file, "/scratch/out");
  EXPECT_EQ(shell_quoted(""), "''");
}

TEST(HpcJob, IsAnXmlFileInTheProfile) {
  Request request = engines("winhpc", 2, {{"scheduler", "HEADNODE"}, {"priority", "Normal"}, {"username", "LAB\\ada"}});
  request.environment = {{"IPP_CONNECTION_INFO", "{\"a\": \"<&>\"}"}};
  const Submission one = prepared(request);
  EXPECT_EQ(one.scripts.at(0).file, "/p/ipengineset_job.xml");
  const std::string& xml = one.scripts[0].text;
  EXPECT_THAT(xml, HasSubstr("<Job\n  Version=\"2.000\"\n  Name=\"IPEngineSet\"\n  UnitType=\"Core\"\n  "
                             "MinCores=\"2\"\n  MaxCores=\"2\"\n"));
  EXPECT_THAT(xml, HasSubstr("UserName=\"LAB\\ada\""));
  EXPECT_THAT(xml, HasSubstr("Priority=\"Normal\""));
  EXPECT_THAT(xml, HasSubstr("xmlns=\"http://schemas.microsoft.com/HPCS2008/scheduler/\">"));
  EXPECT_THAT(xml, HasSubstr("CommandLine=\"&quot;/bin/ip engine&quot; -c x='1' --log-level=40\""));
  EXPECT_THAT(xml, HasSubstr("StdOutFilePath=\"log\\ipengine-id-7-1.out\""));
  EXPECT_THAT(xml, HasSubstr("<Value>{&quot;a&quot;: &quot;&lt;&amp;&gt;&quot;}</Value>"));
  EXPECT_EQ(times(xml, "<Task\n"), 2);
  EXPECT_THAT(submit_command(one.dialect, one.scripts[0]),
              ElementsAre("job", "submit", "/jobfile:/p/ipengineset_job.xml", "/scheduler:HEADNODE"));
  EXPECT_EQ(prepared(controller("winhpc")).scripts[0].file, "/p/ipcontroller_job.xml");
  EXPECT_THAT(text(controller("winhpc")), HasSubstr("Name=\"IPController\""));
  EXPECT_THAT(refused(engines("winhpc", 1, {{"priority", "Urgent"}})), HasSubstr("Windows HPC knows Lowest"));
}

}  // namespace
}  // namespace camshaft::cluster::batch
