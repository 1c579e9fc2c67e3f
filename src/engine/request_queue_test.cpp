#include "engine/request_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace camshaft::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Ticket t1{1}, t2{2}, t3{3}, t4{4};
const MsgId a("a"), b("b"), c("c"), d("d");

struct RequestQueueTest : testing::Test {
  RequestQueue queue;
  std::vector<Action> feed(const Event& event) {
    auto actions = queue.handle(event);
    queue.check();
    return actions;
  }
};

TEST_F(RequestQueueTest, AnIdleInterpreterGetsTheRequestThatArrives) {
  EXPECT_THAT(feed(Idle{}), IsEmpty());
  EXPECT_THAT(feed(Arrived{{t1, a}}), ElementsAre(Start{t1}));
  EXPECT_EQ(queue.running(), t1);
}

TEST_F(RequestQueueTest, WaitingRequestsRunInTheirOrder) {
  feed(Arrived{{t1, a}});
  feed(Arrived{{t2, b, Kind::execute}});
  EXPECT_THAT(feed(Idle{}), ElementsAre(Start{t1}));
  EXPECT_THAT(feed(Finished{t1}), IsEmpty());
  EXPECT_THAT(feed(Idle{}), ElementsAre(Start{t2}));
}

TEST_F(RequestQueueTest, AmongTasksTheTurnDecidesAndEqualTurnsKeepTheirOrder) {
  feed(Arrived{{t1, a, Kind::apply, 10}});
  feed(Arrived{{t2, b, Kind::apply, 10}});
  feed(Arrived{{t3, c, Kind::apply, 5}});
  feed(Arrived{{t4, d, Kind::apply, 10}});
  EXPECT_THAT(queue.held(), ElementsAre(c, a, b, d));
}

TEST_F(RequestQueueTest, NoTaskOvertakesADirectRequestOrWhatRuns) {
  feed(Idle{});
  feed(Arrived{{t1, a, Kind::apply, 10}});
  feed(Arrived{{t2, b}});
  feed(Arrived{{t3, c, Kind::apply, 10}});
  feed(Arrived{{t4, d, Kind::apply, 5}});
  EXPECT_THAT(queue.held(), ElementsAre(a, b, d, c));
}

TEST_F(RequestQueueTest, AnUrgentTaskOvertakesOnlySoMany) {
  for (std::uint64_t n = 0; n < 1100; ++n) feed(Arrived{{Ticket{n}, MsgId(std::to_string(n)), Kind::apply, 10}});
  feed(Arrived{{Ticket{2000}, a, Kind::apply, 1}});
  EXPECT_EQ(queue.held()[1100 - 1024], a);
}

TEST_F(RequestQueueTest, TellsWhatItHolds) {
  feed(Arrived{{t1, a}});
  feed(Arrived{{t2, b}});
  EXPECT_THAT(queue.held(), ElementsAre(a, b));
  feed(Idle{});
  EXPECT_THAT(queue.held(), ElementsAre(a, b));
  feed(Finished{t1});
  EXPECT_THAT(queue.held(), ElementsAre(b));
}

TEST_F(RequestQueueTest, ClearRunsBeforeWhatWaits) {
  feed(Arrived{{t1, a}});
  feed(Arrived{{t2, b, Kind::clear}});
  EXPECT_THAT(feed(Idle{}), ElementsAre(Start{t2}));
}

TEST_F(RequestQueueTest, AWaitingRequestIsAbortedAtOnce) {
  feed(Arrived{{t1, a}});
  feed(Arrived{{t2, b}});
  EXPECT_THAT(feed(Abort{{b}}), ElementsAre(AnswerAborted{t2}));
  EXPECT_THAT(feed(Idle{}), ElementsAre(Start{t1}));
}

TEST_F(RequestQueueTest, ARequestThatArrivesAfterItsAbortIsAnsweredOnceAndTheIdForgotten) {
  feed(Abort{{a}});
  EXPECT_THAT(feed(Arrived{{t1, a}}), ElementsAre(AnswerAborted{t1}));
  feed(Arrived{{t2, a}});
  EXPECT_THAT(feed(Idle{}), ElementsAre(Start{t2}));
}

TEST_F(RequestQueueTest, AnAbortedRequestLeavesTheInterpreterIdle) {
  feed(Idle{});
  feed(Abort{{a}});
  EXPECT_THAT(feed(Arrived{{t1, a}}), ElementsAre(AnswerAborted{t1}));
  EXPECT_THAT(feed(Arrived{{t2, b}}), ElementsAre(Start{t2}));
}

TEST_F(RequestQueueTest, TheRunningRequestIsNotAborted) {
  feed(Idle{});
  feed(Arrived{{t1, a}});
  EXPECT_THAT(feed(Abort{{a}}), IsEmpty());
  EXPECT_THAT(feed(Finished{t1}), IsEmpty());
}

TEST_F(RequestQueueTest, AnEmptyAbortTakesExecutesOnly) {
  feed(Arrived{{t1, a, Kind::execute}});
  feed(Arrived{{t2, b}});
  feed(Arrived{{t3, c, Kind::execute}});
  EXPECT_THAT(feed(Abort{}), ElementsAre(AnswerAborted{t1}, AnswerAborted{t3}));
  EXPECT_THAT(feed(Idle{}), ElementsAre(Start{t2}));
}

TEST_F(RequestQueueTest, AFailingExecuteAbortsTheExecutesBehindItButNoApply) {
  feed(Arrived{{t1, a, Kind::execute}});
  feed(Arrived{{t2, b, Kind::execute}});
  feed(Arrived{{t3, c}});
  feed(Arrived{{t4, d, Kind::other}});
  feed(Idle{});
  EXPECT_THAT(feed(Finished{t1, true}), ElementsAre(AnswerAborted{t2}));
  EXPECT_THAT(feed(Idle{}), ElementsAre(Start{t3}));
  feed(Finished{t3});
  EXPECT_THAT(feed(Idle{}), ElementsAre(Start{t4}));
}

TEST_F(RequestQueueTest, ExecutesThatArriveAfterTheFailureRun) {
  feed(Arrived{{t1, a, Kind::execute}});
  feed(Idle{});
  feed(Finished{t1, true});
  feed(Arrived{{t2, b, Kind::execute}});
  EXPECT_THAT(feed(Idle{}), ElementsAre(Start{t2}));
}

TEST_F(RequestQueueTest, ALostControllerTakesItsWaitingRequestsAlong) {
  feed(Idle{});
  feed(Arrived{{t1, a}});
  feed(Arrived{{t2, b}});
  feed(Abort{{c}});
  EXPECT_THAT(feed(ControllerLost{}), ElementsAre(Discard{t2}));
  EXPECT_EQ(queue.running(), t1);
  feed(Finished{t1});
  feed(Arrived{{t3, c}});
  EXPECT_THAT(feed(Idle{}), ElementsAre(Start{t3}));
}

TEST(RequestQueue, RemembersOnlySoManyAborts) {
  RequestQueue queue(2);
  queue.handle(Abort{{a, b, c}});
  queue.check();
  EXPECT_THAT(queue.handle(Arrived{{t1, a}}), IsEmpty());
  EXPECT_THAT(queue.handle(Arrived{{t2, b}}), ElementsAre(AnswerAborted{t2}));
  EXPECT_THAT(queue.handle(Arrived{{t3, c}}), ElementsAre(AnswerAborted{t3}));
}

TEST(RequestQueue, TheOwnersMistakesAreFound) {
  RequestQueue queue;
  EXPECT_THROW(queue.handle(Finished{t1}), std::logic_error);
  queue.handle(Arrived{{t1, a}});
  queue.handle(Idle{});
  EXPECT_THROW(queue.handle(Idle{}), std::logic_error);
}

TEST_F(RequestQueueTest, WhatHasNotStartedIsHandedBack) {
  feed(Arrived{{t1, a}});
  feed(Arrived{{t2, b}});
  feed(Arrived{{t3, c}});
  feed(Idle{});
  EXPECT_THAT(feed(Recall{{a, c}}), ElementsAre(AnswerRecalled{t3}));  // `a` runs, and runs on
  feed(Finished{t1});
  EXPECT_THAT(feed(Idle{}), ElementsAre(Start{t2}));
}

TEST_F(RequestQueueTest, ARecallOfWhatIsNotHereIsForgotten) {
  EXPECT_THAT(feed(Recall{{a}}), IsEmpty());
  feed(Arrived{{t1, a}});
  EXPECT_THAT(feed(Idle{}), ElementsAre(Start{t1}));
}

TEST_F(RequestQueueTest, TellsWhichOfSomeIdsRuns) {
  feed(Arrived{{t1, a}});
  feed(Arrived{{t2, b}});
  EXPECT_EQ(queue.running_of({a, b}), std::nullopt);
  feed(Idle{});
  EXPECT_EQ(queue.running_of({b, a}), t1);
  EXPECT_EQ(queue.running_of({b}), std::nullopt);
}

}  // namespace
}  // namespace camshaft::engine
