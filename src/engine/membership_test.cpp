#include "engine/membership.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace camshaft::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr EngineNumber e5{5};

struct MembershipTest : testing::Test {
  MembershipOptions options{EngineId("camshaft-py311-0"), std::nullopt};
  TimePoint now{};
  std::optional<Membership> made;

  Membership& m() {
    if (!made) made.emplace(options, now);
    return *made;
  }
  std::vector<MemberAction> feed(const MemberEvent& event, Duration after = Duration::zero()) {
    now += after;
    return m().handle(event, now);
  }
  void all_up() {
    for (std::size_t i = 0; i < kLinks; ++i) last = feed(LinkUp{static_cast<Link>(i)});
  }
  void join() {
    feed(Tick{});
    feed(Configured{"file.json", "tcp://127.0.0.1:1"});
    feed(LinkUp{Link::registration});
    feed(Accepted{e5});
    all_up();
  }
  static std::string line(const MemberAction& action) {
    if (const auto* say = std::get_if<Say>(&action)) return say->line;
    if (const auto* exit = std::get_if<Exit>(&action)) return exit->line;
    return "";
  }
  std::vector<MemberAction> last;
};

TEST_F(MembershipTest, ReadsTheFileUntilItIsThereAndThenAsksForANumber) {
  EXPECT_THAT(feed(Tick{}), ElementsAre(ReadConnection{}));
  EXPECT_THAT(feed(Unconfigured{"no file"}), IsEmpty());
  EXPECT_THAT(feed(Tick{}, milliseconds(20)), ElementsAre(ReadConnection{}));
  EXPECT_THAT(feed(Configured{"f", "a"}), ElementsAre(SendRegistration{std::nullopt}));
}

TEST_F(MembershipTest, AsksForTheRequestedNumberAndSaysWhenItGetsAnother) {
  options.requested = EngineNumber{3};
  EXPECT_THAT(feed(Configured{"f", "a"}), ElementsAre(SendRegistration{EngineNumber{3}}));
  const auto actions = feed(Accepted{e5});
  EXPECT_EQ(line(actions.at(0)), "id 3 was taken: this engine is 5");
}

TEST_F(MembershipTest, AnswersHeartbeatsOnceEveryLinkIsUp) {
  feed(Configured{"f", "a"});
  feed(LinkUp{Link::registration});
  EXPECT_THAT(feed(Accepted{e5}),
              ElementsAre(Say{Level::info, "Completed registration with id 5"}, ConnectBroadcast{e5}));
  for (std::size_t i = 1; i + 1 < kLinks; ++i) EXPECT_THAT(feed(LinkUp{static_cast<Link>(i)}), IsEmpty());
  EXPECT_THAT(feed(LinkUp{Link::subscription}), ElementsAre(AnswerHeartbeats{}));
  EXPECT_THAT(feed(Tick{}, seconds(3)), IsEmpty());
}

TEST_F(MembershipTest, RequestsAreKeptForAControllerThatAsksForThem) {
  join();
  feed(LinkDown{Link::registration});
  feed(Configured{"f", "a"});
  feed(LinkUp{Link::registration});
  EXPECT_THAT(feed(Accepted{e5, seconds(3), true}), testing::Not(testing::Contains(MemberAction{ForgetRequests{}})));
}

TEST_F(MembershipTest, RequestsAreForgottenForAControllerThatDoesNot) {
  join();
  feed(LinkDown{Link::registration});
  feed(Configured{"f", "a"});
  feed(LinkUp{Link::registration});
  EXPECT_THAT(feed(Accepted{e5}), testing::Contains(MemberAction{ForgetRequests{}}));
}

TEST_F(MembershipTest, AMissingSubscriptionDelaysHeartbeatsOnlyAMoment) {
  feed(Configured{"f", "a"});
  feed(Accepted{e5});
  for (std::size_t i = 0; i + 1 < kLinks; ++i) feed(LinkUp{static_cast<Link>(i)});
  EXPECT_THAT(feed(Tick{}, milliseconds(100)), IsEmpty());
  EXPECT_THAT(feed(Tick{}, milliseconds(300)), ElementsAre(AnswerHeartbeats{}));
}

TEST_F(MembershipTest, ALinkThatStaysDownIsNamed) {
  feed(Configured{"f", "a"});
  feed(Accepted{e5});
  for (std::size_t i = 0; i < kLinks; ++i)
    if (static_cast<Link>(i) != Link::task) feed(LinkUp{static_cast<Link>(i)});
  EXPECT_THAT(feed(Tick{}, seconds(1)), IsEmpty());
  const auto actions = feed(Tick{}, seconds(2));
  ASSERT_EQ(actions.size(), 2u);
  EXPECT_THAT(line(actions[0]), HasSubstr("does not take connections for: task"));
  EXPECT_EQ(actions[1], MemberAction(AnswerHeartbeats{}));
}

TEST_F(MembershipTest, SilenceOfAReachableControllerPointsAtTheKey) {
  feed(Configured{"file.json", "tcp://h:1"});
  feed(LinkUp{Link::registration});
  EXPECT_THAT(feed(Tick{}, seconds(9)), IsEmpty());
  const auto actions = feed(Tick{}, seconds(2));
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(std::get<Exit>(actions[0]).code, 255);
  EXPECT_THAT(line(actions[0]), HasSubstr("key in file.json"));
  EXPECT_THAT(feed(Tick{}), IsEmpty());
}

TEST_F(MembershipTest, AnAbsentControllerIsWaitedForWithALineNowAndThen) {
  feed(Configured{"f", "a"});
  EXPECT_THAT(feed(Tick{}, seconds(1)), ElementsAre(ReadConnection{}));
  EXPECT_THAT(line(feed(Tick{}, seconds(3)).at(0)), HasSubstr("no controller answers at a (from f)"));
  EXPECT_THAT(feed(Tick{}, seconds(1)), ElementsAre(ReadConnection{}));
  EXPECT_EQ(feed(Tick{}, seconds(30)).size(), 2u);
}

TEST_F(MembershipTest, AFileTimeoutEndsTheWait) {
  options.file_timeout = seconds(10);
  feed(Tick{});
  EXPECT_THAT(feed(Unconfigured{"no file x"}), IsEmpty());
  const auto actions = feed(Unconfigured{"no file x"}, seconds(10));
  EXPECT_EQ(actions, std::vector<MemberAction>{(Exit{1, "no file x (waited 10 s)"})});
}

TEST_F(MembershipTest, ARefusalEndsTheEngine) {
  feed(Configured{"f", "a"});
  EXPECT_EQ(feed(Refused{"KeyError", "uuid in use"}),
            std::vector<MemberAction>{(Exit{255, "the controller refused the registration: KeyError: uuid in use"})});
}

TEST_F(MembershipTest, ALostControllerIsWaitedForAndTheNumberKept) {
  join();
  EXPECT_THAT(last, ElementsAre(AnswerHeartbeats{}));
  const auto actions = feed(LinkDown{Link::registration}, seconds(1));
  ASSERT_EQ(actions.size(), 2u);
  EXPECT_EQ(actions[1], MemberAction(CloseLinks{}));
  EXPECT_THAT(feed(Tick{}), ElementsAre(ReadConnection{}));
  EXPECT_THAT(feed(Configured{"f", "a"}), ElementsAre(SendRegistration{e5}));
  EXPECT_THAT(feed(Accepted{e5}), ElementsAre(ForgetRequests{}, Say{Level::info, "Completed registration with id 5"},
                                              ConnectBroadcast{e5}));
}

TEST_F(MembershipTest, AHubThatDidNotNoticeTheBreakKeepsUsAndIsAskedAgain) {
  join();
  feed(LinkDown{Link::registration});
  feed(Configured{"f", "a"});
  EXPECT_THAT(feed(Refused{"KeyError", "uuid in use"}),
              ElementsAre(Say{Level::info, "back with id 5"}, ConnectBroadcast{e5}));
  all_up();
  EXPECT_THAT(feed(Tick{}, seconds(3)), ElementsAre(SendRegistration{e5}));
  EXPECT_THAT(feed(Refused{"KeyError", "uuid in use"}), IsEmpty());
  EXPECT_THAT(feed(Tick{}, seconds(3)), ElementsAre(SendRegistration{e5}));
  EXPECT_THAT(feed(Accepted{e5}), ElementsAre(ForgetRequests{}, Say{Level::info, "Completed registration with id 5"}));
}

TEST_F(MembershipTest, AControllerThatStaysAwayEndsTheEngine) {
  join();
  feed(LinkDown{Link::registration});
  EXPECT_THAT(feed(Tick{}, seconds(174)), ElementsAre(ReadConnection{}));
  const auto actions = feed(Tick{}, seconds(2));
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(line(actions[0]), "the controller did not come back within 175 s: stopping");
}

TEST_F(MembershipTest, WithoutALimitTheEngineWaitsForEver) {
  options.max_heartbeat_misses = 0;
  join();
  EXPECT_THAT(feed(Tick{}, seconds(100000)), IsEmpty());
  feed(LinkDown{Link::registration});
  EXPECT_THAT(feed(Tick{}, seconds(100000)), ElementsAre(ReadConnection{}));
}

TEST_F(MembershipTest, MissedHeartbeatsEndTheEngine) {
  join();
  feed(Pinged{}, seconds(100));
  EXPECT_THAT(feed(Tick{}, seconds(100)), IsEmpty());
  const auto actions = feed(Tick{}, seconds(76));
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_THAT(line(actions[0]), HasSubstr("no heartbeat from the controller"));
}

TEST_F(MembershipTest, ARequestThatBrokeWithItsConnectionIsSentAgain) {
  feed(Configured{"f", "a"});
  feed(LinkUp{Link::registration});
  feed(LinkDown{Link::registration});
  feed(LinkUp{Link::registration});
  EXPECT_THAT(feed(Tick{}, milliseconds(100)), ElementsAre(SendRegistration{std::nullopt}));
  EXPECT_THAT(feed(Refused{"KeyError", "uuid in use"}), IsEmpty());
  EXPECT_THAT(feed(Tick{}, seconds(1)), ElementsAre(SendRegistration{std::nullopt}));
}

}  // namespace
}  // namespace camshaft::engine
