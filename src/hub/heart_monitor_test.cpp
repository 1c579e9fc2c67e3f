#include "hub/heart_monitor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace camshaft::hub {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

const TimePoint t0{};
const EngineId a("aa"), b("bb");

HeartAction ping(int n) { return Ping{std::to_string(n)}; }

class HeartMonitorTest : public testing::Test {
 protected:
  /// Feeds ticks at each deadline up to `until`; what they did comes back.
  std::vector<HeartAction> run_to(TimePoint until) {
    std::vector<HeartAction> all;
    for (int step = 0; step < 100000 && monitor.next_deadline() <= until; ++step) {
      now = monitor.next_deadline();
      for (auto& action : monitor.handle(Tick{}, now)) {
        if (const auto* sent = std::get_if<Ping>(&action)) last = sent->text;
        all.push_back(std::move(action));
      }
    }
    now = until;
    return all;
  }
  std::vector<HeartAction> feed(const HeartEvent& event) { return monitor.handle(event, now); }
  void begin(const EngineId& uuid) {
    feed(Expect{uuid});
    run_to(now + 5ms);
    ASSERT_THAT(feed(Pong{uuid, last}), ElementsAre(HeartAction(HeartBegan{uuid})));
    run_to(now + 10ms);
  }
  static std::vector<HeartAction> without_pings(std::vector<HeartAction> actions) {
    std::erase_if(actions, [](const HeartAction& action) { return std::holds_alternative<Ping>(action); });
    return actions;
  }

  TimePoint now = t0;
  std::string last;
  HeartMonitor monitor{{.period = 3s, .max_misses = 10}, t0};
};

TEST_F(HeartMonitorTest, PingsOncePerPeriodFromTheFirstOnTheTextChanges) {
  EXPECT_EQ(monitor.next_deadline(), t0 + 3s);
  EXPECT_THAT(run_to(t0 + 2999ms), IsEmpty());
  EXPECT_THAT(run_to(t0 + 9s), ElementsAre(ping(1), ping(2), ping(3)));
}

TEST_F(HeartMonitorTest, AFirstPongIsAHeart) {
  run_to(t0 + 3s);
  EXPECT_THAT(feed(Pong{a, "1"}), ElementsAre(HeartAction(HeartBegan{a})));
  EXPECT_THAT(feed(Pong{a, "1"}), IsEmpty());
}

TEST_F(HeartMonitorTest, OnlyAnswersToThisPeriodOrTheLastCount) {
  run_to(t0 + 9s);  // 1, 2 and 3 are out
  for (const char* text : {"1", "4", "0", "-3", "3.0", " 3", "3 ", "", "x", "99999999999999999999999"})
    EXPECT_THAT(feed(Pong{a, text}), IsEmpty()) << text;
  EXPECT_THAT(feed(Pong{a, "2"}), ElementsAre(HeartAction(HeartBegan{a})));
  EXPECT_THAT(feed(Pong{b, "3"}), ElementsAre(HeartAction(HeartBegan{b})));
}

TEST_F(HeartMonitorTest, AnEngineIsDeadAtTheEleventhMiss) {
  run_to(t0 + 3s);
  feed(Pong{a, "1"});
  EXPECT_THAT(without_pings(run_to(t0 + 6s)), IsEmpty());            // its answer counts here
  EXPECT_THAT(without_pings(run_to(t0 + 6s + 10 * 3s)), IsEmpty());  // ten misses
  EXPECT_THAT(without_pings(run_to(t0 + 6s + 11 * 3s)),
              ElementsAre(HeartAction(HeartStopped{a, GoneReason::heart_stopped})));
  EXPECT_EQ(monitor.hearts(), 0u);
}

TEST_F(HeartMonitorTest, OneAnswerMakesUpForTenMisses) {
  run_to(t0 + 3s);
  feed(Pong{a, "1"});
  run_to(t0 + 6s + 10 * 3s);
  feed(Pong{a, last});
  EXPECT_THAT(without_pings(run_to(now + 3s + 10 * 3s)), IsEmpty());
  EXPECT_THAT(without_pings(run_to(now + 3s)), ElementsAre(HeartAction(HeartStopped{a, GoneReason::heart_stopped})));
}

TEST_F(HeartMonitorTest, ARegistrationIsPingedFastAndEverSlower) {
  feed(Expect{a});
  EXPECT_THAT(run_to(t0 + 5ms), ElementsAre(ping(1)));
  EXPECT_THAT(run_to(t0 + 15ms), ElementsAre(ping(2)));
  EXPECT_THAT(run_to(t0 + 35ms), ElementsAre(ping(3)));
  EXPECT_THAT(run_to(t0 + 75ms), ElementsAre(ping(4)));
  EXPECT_THAT(run_to(t0 + 155ms), ElementsAre(ping(5)));
  EXPECT_EQ(run_to(t0 + 2155ms).size(), 20u);  // every 100 ms from here on
  EXPECT_THAT(feed(Pong{a, last}), ElementsAre(HeartAction(HeartBegan{a})));
  run_to(t0 + 2255ms);
  EXPECT_EQ(monitor.next_deadline(), t0 + 3s);  // calm again
}

TEST_F(HeartMonitorTest, FastPingsEndWithTheRegistrationTimeout) {
  feed(Expect{a});
  run_to(t0 + 31s);
  EXPECT_EQ(monitor.next_deadline(), t0 + 33s);
}

TEST_F(HeartMonitorTest, ANewRegistrationMakesItFastAgain) {
  feed(Expect{a});
  run_to(t0 + 1s);
  feed(Expect{b});
  EXPECT_EQ(monitor.next_deadline(), t0 + 1s + 5ms);
}

TEST_F(HeartMonitorTest, ALargeClusterIsPingedLessOften) {
  run_to(t0 + 3s);
  for (int i = 0; i < 1000; ++i) feed(Pong{EngineId("e" + std::to_string(i)), last});
  feed(Expect{a});
  EXPECT_EQ(monitor.next_deadline(), now + 50050us);
}

TEST_F(HeartMonitorTest, ABrokenConnectionWithoutAnswerIsDeathInHalfASecond) {
  begin(a);
  begin(b);
  const TimePoint broke = now;
  feed(ConnectionLost{a});
  EXPECT_THAT(without_pings(run_to(broke + 499ms)), IsEmpty());
  EXPECT_THAT(without_pings(run_to(broke + 620ms)),
              ElementsAre(HeartAction(HeartStopped{a, GoneReason::connection_lost})));
  EXPECT_EQ(monitor.next_deadline(), t0 + 3s);
  EXPECT_EQ(monitor.hearts(), 1u);
}

TEST_F(HeartMonitorTest, OneThatWasSilentBeforeGetsTimeToFindItsWayBack) {
  begin(a);
  run_to(t0 + 10s);  // a network was cut: two pings without an answer
  const TimePoint broke = now;
  feed(ConnectionLost{a});
  EXPECT_THAT(without_pings(run_to(broke + 4s)), IsEmpty());
  feed(Pong{a, last});
  EXPECT_THAT(without_pings(run_to(broke + 8s)), IsEmpty());
  EXPECT_EQ(monitor.hearts(), 1u);
}

TEST_F(HeartMonitorTest, AnAnswerToANewPingClearsTheSuspicion) {
  begin(a);
  const TimePoint broke = now;
  const std::string before = last;
  feed(ConnectionLost{a});
  feed(Pong{a, before});  // was under way when the connection broke: proves nothing
  run_to(broke + 5ms);
  EXPECT_NE(last, before);
  feed(Pong{a, last});
  EXPECT_THAT(without_pings(run_to(broke + 2s)), IsEmpty());
  EXPECT_EQ(monitor.hearts(), 1u);
}

TEST_F(HeartMonitorTest, AnAnswerToAnOldPingDoesNotClearIt) {
  begin(a);
  const std::string before = last;
  feed(ConnectionLost{a});
  feed(Pong{a, before});
  EXPECT_THAT(without_pings(run_to(now + 700ms)),
              ElementsAre(HeartAction(HeartStopped{a, GoneReason::connection_lost})));
}

TEST_F(HeartMonitorTest, ConnectionsOfStrangersAreIgnored) {
  EXPECT_THAT(feed(ConnectionLost{a}), IsEmpty());
  EXPECT_EQ(monitor.next_deadline(), t0 + 3s);
}

TEST_F(HeartMonitorTest, OurOwnSleepKillsNobody) {
  begin(a);
  feed(ConnectionLost{a});
  now += 60s;  // the controller was stopped; pongs may be waiting unread
  EXPECT_THAT(without_pings(feed(Tick{})), IsEmpty());
  EXPECT_THAT(feed(Pong{a, std::to_string(std::stoi(last) + 1)}), IsEmpty());
  EXPECT_THAT(without_pings(run_to(now + 1s)), IsEmpty());
  EXPECT_EQ(monitor.hearts(), 1u);
}

TEST_F(HeartMonitorTest, AForgottenHeartBeginsAnew) {
  begin(a);
  EXPECT_THAT(feed(Forget{a}), IsEmpty());
  EXPECT_THAT(feed(Pong{a, last}), ElementsAre(HeartAction(HeartBegan{a})));
  feed(ConnectionLost{a});
  feed(Forget{a});
  EXPECT_THAT(without_pings(run_to(now + 1s)), IsEmpty());
}

TEST_F(HeartMonitorTest, AnAssumedHeartHasADeadline) {
  feed(Assume{a});
  EXPECT_THAT(without_pings(run_to(t0 + 11 * 3s)), IsEmpty());
  EXPECT_THAT(without_pings(run_to(t0 + 12 * 3s)),
              ElementsAre(HeartAction(HeartStopped{a, GoneReason::heart_stopped})));
}

}  // namespace
}  // namespace camshaft::hub
