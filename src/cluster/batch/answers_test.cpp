#include "cluster/batch/answers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace camshaft::cluster::batch {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string id_of(std::string_view system, std::string_view printed) {
  const auto id = job_id(*find_dialect(system), printed);
  return id ? *id : "error: " + id.error().message;
}
std::map<std::string, Tally> states_of(std::string_view system, std::vector<std::string> ids, std::string_view printed,
                                       int exit_code = 0) {
  return job_states(*find_dialect(system), ids, printed, exit_code).value();
}
Tally tally(int running, int queued, int held = 0, int done = 0, int failed = 0, std::string word = "") {
  return {queued, held, running, done, failed, std::move(word)};
}

TEST(BatchAnswers, JobIdsAreFoundInWhatSubmitPrints) {
  EXPECT_EQ(id_of("slurm", "Submitted batch job 2127\n"), "2127");
  EXPECT_EQ(id_of("pbs", "warning: quota\n4711.head.site.org\n"), "4711");
  EXPECT_EQ(id_of("pbs", "4711[].head\n"), "4711[]");
  EXPECT_EQ(id_of("sge", "Your job-array 12.1-4:1 (\"ipengine\") has been submitted\n"), "12");
  EXPECT_EQ(id_of("lsf", "Job <5> is submitted to default queue <main>.\n"), "5");
  EXPECT_EQ(id_of("htcondor", "Submitting job(s)....\n4 job(s) submitted to cluster 33.\n"), "33");
  EXPECT_EQ(id_of("winhpc", "Job has been submitted. ID: 8.\r\n"), "8");
  EXPECT_THAT(id_of("slurm", "sbatch: error: invalid\npartition"),
              HasSubstr("printed: 'sbatch: error: invalid partition'"));
  EXPECT_THAT(id_of("lsf", ""), HasSubstr("printed: nothing"));
}

TEST(BatchAnswers, SlurmListsElementsAndEndedJobs) {
  const std::string text =
      "12_1 RUNNING None\n12_2 COMPLETING None\n12_3 PENDING Resources\n13 FAILED NonZeroExitCode\n14 RUNNING None\n";
  const auto states = states_of("slurm", {"12", "13"}, text);
  EXPECT_EQ(states.size(), 2U);
  EXPECT_EQ(states.at("12"), tally(2, 1));
  EXPECT_EQ(states.at("13"), tally(0, 0, 0, 0, 1, "FAILED"));
  EXPECT_THAT(states_of("slurm", {"12"}, "slurm_load_jobs error: Invalid job id specified\n", 1), IsEmpty());
  const auto broken =
      job_states(*find_dialect("slurm"), {"12"}, "slurm_load_jobs error: Unable to contact slurm controller\n", 1);
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message,
              HasSubstr("squeue failed with exit code 1: 'slurm_load_jobs error: Unable to contact"));
}

TEST(BatchAnswers, PbsLetters) {
  const std::string head =
      "Job id              Name             Username        Time Use S Queue          \n"
      "------------------- ---------------- --------------- -------- - ---------------\n";
  const auto states = states_of("pbs", {"20", "21", "22[]", "23"},
                                head +
                                    "20.head  ipengine  root  00:00:00 Q main\n21  ipengine  root  0 R main\n"
                                    "22[].head  ipengine  root  0 B main\n23.head  x  root  00:01 C main\n",
                                153);
  EXPECT_EQ(states.at("20"), tally(0, 1));
  EXPECT_EQ(states.at("21"), tally(1, 0));
  EXPECT_EQ(states.at("22[]"), tally(1, 0));
  EXPECT_EQ(states.at("23"), tally(0, 0, 0, 1));
  EXPECT_THAT(states_of("pbs", {"9"}, "qstat: Unknown Job Id 9.head\n", 153), IsEmpty());
}

TEST(BatchAnswers, GridEngineCountsRangesThatWait) {
  const std::string text =
      "job-ID  prior   name       user         state submit/start at     queue                slots ja-task-ID \n"
      "-----------------------------------------------------------------------------------------------------\n"
      "      3 0.50000 ipengine   root         r     11/21/2026 18:35:24 all.q@vm                 1 1\n"
      "      3 0.50000 ipengine   root         dr    11/21/2026 18:35:24 all.q@vm                 1 2\n"
      "      3 0.50000 ipengine   root         qw    11/21/2026 18:35:24                          1 13-20:1\n"
      "      4 0.50000 ipengine   root         Eqw   11/21/2026 18:35:24                          1        \n";
  const auto states = states_of("sge", {"3", "4"}, text);
  EXPECT_EQ(states.at("3"), tally(2, 8));
  EXPECT_EQ(states.at("4"), tally(0, 0, 1, 0, 0, "Eqw"));
  EXPECT_THAT(states_of("sge", {"3"}, ""), IsEmpty());
}

TEST(BatchAnswers, LsfCondorAndWindows) {
  const auto lsf = states_of("lsf", {"22"},
                             "JOBID   USER    STAT  QUEUE      FROM_HOST   EXEC_HOST   JOB_NAME   SUBMIT_TIME\n"
                             "22      root    RUN   main       vm          node2       e[1]       Nov 21 18:35\n"
                             "22      root    PEND  main       vm          -           e[2]       Nov 21 18:35\n"
                             "22      root    EXIT  main       vm          node2       e[3]       Nov 21 18:35\n");
  EXPECT_EQ(lsf.at("22"), tally(1, 1, 0, 0, 1, "EXIT"));
  EXPECT_THAT(states_of("lsf", {"22"}, "Job <22> is not found\n", 255), IsEmpty());
  EXPECT_EQ(states_of("htcondor", {"33"}, "33 2 undefined\n33 1 undefined\n33 5 no disk\n").at("33"),
            tally(1, 1, 1, 0, 0, "5"));
  EXPECT_EQ(states_of("winhpc", {"8"}, "Job ID    : 8\r\nState     : Running\r\n").at("8"), tally(1, 0));
  EXPECT_EQ(states_of("winhpc", {"8"}, "State : Canceled\r\n").at("8"), tally(0, 0, 0, 1));
}

TEST(BatchAnswers, TalliesAreSaidInWords) {
  EXPECT_EQ(describe(tally(2, 1)), "2 running, 1 waiting");
  EXPECT_EQ(describe(tally(0, 0, 1, 0, 2, "Eqw")), "1 held, 2 failed (Eqw)");
  EXPECT_EQ(describe(Tally{}), "none");
  EXPECT_TRUE(tally(0, 0, 0, 3).over());
  EXPECT_FALSE(tally(0, 0, 1, 3).over());
}

}  // namespace
}  // namespace camshaft::cluster::batch
