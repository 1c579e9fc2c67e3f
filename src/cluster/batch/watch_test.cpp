#include "cluster/batch/watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/batch/jobs_file.hpp"

namespace camshaft::cluster::batch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;

Tally running(int n) {
  Tally out;
  out.running = n;
  return out;
}
Tally queued(int n) {
  Tally out;
  out.queued = n;
  return out;
}

TEST(Watch, AsksLessAndLessOftenWhileNothingChanges) {
  FakeClock clock;
  Watch watch;
  watch.submitted("1", clock.now());
  EXPECT_EQ(watch.next_question() - clock.now(), seconds(1));
  EXPECT_EQ(watch.answered({{"1", queued(4)}}, clock.now()), "4 waiting");
  std::vector<Duration> waits;
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(watch.answered({{"1", queued(4)}}, clock.now()), "");
    waits.push_back(watch.next_question() - clock.now());
  }
  EXPECT_EQ(waits.front(), milliseconds(1500));
  EXPECT_EQ(waits.back(), seconds(10));
  EXPECT_EQ(watch.answered({{"1", running(4)}}, clock.now()), "4 running");
  EXPECT_EQ(watch.next_question() - clock.now(), seconds(1));
  EXPECT_FALSE(watch.over());
}

TEST(Watch, AJobThatIsNotListedAnyMoreHasEnded) {
  FakeClock clock;
  Watch watch;
  watch.submitted("1", clock.now());
  watch.submitted("2", clock.now());
  EXPECT_EQ(watch.answered({}, clock.now()), "");  // too young to be missed
  EXPECT_THAT(watch.living(), ElementsAre("1", "2"));
  watch.answered({{"1", running(1)}, {"2", running(1)}}, clock.now());
  EXPECT_EQ(watch.answered({{"2", running(1)}}, clock.now()), "1 running, 1 ended");
  EXPECT_THAT(watch.living(), ElementsAre("2"));
  EXPECT_THAT(watch.ids(), ElementsAre("1", "2"));
  watch.answered({}, clock.now());
  EXPECT_TRUE(watch.over());
  EXPECT_EQ(watch.tally().done, 2);
}

TEST(Watch, AJobThatNeverAppearsIsGivenUp) {
  FakeClock clock;
  Watch watch;
  watch.submitted("1", clock.now());
  clock.advance(seconds(20));
  watch.answered({}, clock.now());
  EXPECT_TRUE(watch.over());
}

TEST(Watch, FailuresAreCountedAndNamed) {
  FakeClock clock;
  Watch watch;
  watch.submitted("1", clock.now());
  Tally failed;
  failed.failed = 2;
  failed.word = "OUT_OF_MEMORY";
  EXPECT_EQ(watch.answered({{"1", failed}}, clock.now()), "2 failed (OUT_OF_MEMORY)");
  EXPECT_TRUE(watch.over());
}

TEST(Watch, AQuestionWithoutAnswerIsToldOnce) {
  FakeClock clock;
  Watch watch;
  watch.submitted("1", clock.now());
  EXPECT_EQ(watch.unanswered("no", clock.now()), "no");
  EXPECT_EQ(watch.unanswered("no", clock.now()), "");
  watch.answered({{"1", running(1)}}, clock.now());
  EXPECT_EQ(watch.unanswered("no", clock.now()), "no");
  EXPECT_FALSE(watch.over());
}

TEST(Watch, WhoStopsAsksOften) {
  FakeClock clock;
  Watch watch;
  watch.submitted("1", clock.now());
  watch.hurry(clock.now());
  EXPECT_EQ(watch.next_question(), clock.now());
  watch.answered({{"1", running(1)}}, clock.now());
  EXPECT_EQ(watch.next_question() - clock.now(), milliseconds(250));
}

TEST(JobsFile, ReadsWhatItWrites) {
  const JobsRecord record{"slurm", "id", "7", {12, "boot:1"}, {"scancel", "{ids}"}, {"3", "4"}};
  EXPECT_EQ(parse_jobs_record(render(record)).value(), record);
  for (const char* broken : {"", "[]", "{}", R"({"system": 1})"}) EXPECT_FALSE(parse_jobs_record(broken)) << broken;
}

}  // namespace
}  // namespace camshaft::cluster::batch
