#include "hub/registry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace camshaft::hub {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

const TimePoint t0{};
const EngineId a("aa-1"), b("bb-2"), c("cc-3");
constexpr EngineNumber n0{0}, n1{1}, n2{2};

RegistryEvent ask(const EngineId& uuid, std::optional<std::int64_t> id = std::nullopt) {
  return RegistrationRequested{ClientId(uuid.value), uuid, id};
}
RegistryEvent ask_as(std::string from, const EngineId& uuid) {
  return RegistrationRequested{ClientId(std::move(from)), uuid, std::nullopt};
}
RegistryEvent beat(const EngineId& uuid) { return HeartBegan{uuid}; }
RegistryEvent leave(const EngineId& uuid, GoneReason why = GoneReason::unregistered) {
  return Unregister{std::nullopt, uuid, why};
}
RegistryEvent leave(std::int64_t number) { return Unregister{number, {}, GoneReason::unregistered}; }
testing::Matcher<std::vector<RegistryAction>> only(RegistryAction action) { return ElementsAre(action); }

class RegistryTest : public testing::Test {
 protected:
  std::vector<RegistryAction> feed(const RegistryEvent& event, TimePoint now = t0) {
    auto actions = registry.handle(event, now);
    registry.check();
    return actions;
  }
  Registry registry{{.registration_timeout = 30s, .remembered = 2}};
};

TEST_F(RegistryTest, AnEngineCountsFromItsFirstHeartbeat) {
  EXPECT_THAT(feed(ask(a)), only(RegistrationAccepted{a, n0, true}));
  EXPECT_EQ(registry.number_of(a), std::nullopt);
  EXPECT_THAT(feed(beat(a)), only(EngineRegistered{n0, a, false}));
  EXPECT_EQ(registry.number_of(a), n0);
  EXPECT_EQ(registry.uuid_of(n0), a);
  EXPECT_THAT(feed(beat(a)), IsEmpty());
  EXPECT_THAT(feed(beat(b)), IsEmpty());  // nobody asked
}

TEST_F(RegistryTest, RequestedNumbersAreGrantedWhenFree) {
  EXPECT_THAT(feed(ask(a, 5)), only(RegistrationAccepted{a, EngineNumber{5}, true}));
  EXPECT_THAT(feed(ask(b, 5)), only(RegistrationAccepted{b, EngineNumber{6}, true}));  // pending holds it
  EXPECT_THAT(feed(ask(c, 2)), only(RegistrationAccepted{c, n2, true}));               // below the counter, free
  EXPECT_THAT(feed(ask(EngineId("d"))), only(RegistrationAccepted{EngineId("d"), EngineNumber{7}, true}));
}

TEST_F(RegistryTest, AbsurdNumbersAreNotGranted) {
  EXPECT_THAT(feed(ask(a, -1)), only(RegistrationAccepted{a, n0, true}));
  EXPECT_THAT(feed(ask(b, std::int64_t{1} << 40)), only(RegistrationAccepted{b, n1, true}));
}

TEST_F(RegistryTest, ASecondEngineUnderATakenNameIsRefused) {
  const RegistryAction refused = RegistrationRefused{a, {"KeyError", "\"uuid 'aa-1' in use\""}};
  feed(ask(a));
  EXPECT_THAT(feed(ask_as("x", a)), only(refused));
  feed(beat(a));
  EXPECT_THAT(feed(ask_as("x", a)), only(refused));
  EXPECT_THAT(feed(ask(b)), only(RegistrationAccepted{b, n1, true}));
}

TEST_F(RegistryTest, AskingAgainIsHarmless) {
  feed(ask(a));
  EXPECT_THAT(feed(ask(a)), only(RegistrationAccepted{a, n0, true}));
  feed(beat(a));
  EXPECT_THAT(feed(ask(a)), only(RegistrationAccepted{a, n0, false}));
  EXPECT_EQ(registry.pending(), 0u);
}

TEST_F(RegistryTest, ALostEngineGetsItsNumberBack) {
  feed(ask(a));
  feed(beat(a));
  EXPECT_THAT(feed(leave(0)), only(EngineGone{n0, a, GoneReason::unregistered}));
  EXPECT_THAT(feed(beat(a)), IsEmpty());  // it said good-bye, so this is an echo
  EXPECT_THAT(feed(ask(a)), only(RegistrationAccepted{a, n0, true}));
  EXPECT_THAT(feed(beat(a)), only(EngineRegistered{n0, a, true}));
}

TEST_F(RegistryTest, AnEngineOutOfReachReturnsByItsHeart) {
  for (const auto why : {GoneReason::heart_stopped, GoneReason::connection_lost}) {
    feed(ask(a));
    feed(beat(a));
    EXPECT_THAT(feed(leave(a, why)), only(EngineGone{n0, a, why}));
    EXPECT_THAT(feed(beat(a)), only(EngineRegistered{n0, a, true}));
  }
}

TEST_F(RegistryTest, ANumberGivenAwayOnRequestIsNotTakenBack) {
  feed(ask(a));
  feed(beat(a));
  feed(leave(a, GoneReason::heart_stopped));
  EXPECT_THAT(feed(ask(b, 0)), only(RegistrationAccepted{b, n0, true}));
  EXPECT_THAT(feed(beat(a)), IsEmpty());
  EXPECT_THAT(feed(ask(a)), only(RegistrationAccepted{a, n1, true}));
}

TEST_F(RegistryTest, UnregistrationByNumberUuidOrNothing) {
  feed(ask(a));
  EXPECT_THAT(feed(leave(0)), only(RegistrationDropped{a, false}));  // still pending: cancelled
  EXPECT_THAT(feed(leave(0)), IsEmpty());
  EXPECT_THAT(feed(leave(-4)), IsEmpty());
  EXPECT_THAT(feed(leave(std::int64_t{1} << 40)), IsEmpty());
  EXPECT_THAT(feed(Unregister{}), IsEmpty());
  feed(ask(b));
  feed(beat(b));
  EXPECT_THAT(feed(leave(b, GoneReason::shut_down)), only(EngineGone{n1, b, GoneReason::shut_down}));
  EXPECT_THAT(feed(leave(1)), IsEmpty());  // the nanny's second farewell
}

TEST_F(RegistryTest, StalledRegistrationsArePurged) {
  feed(ask(a));
  feed(ask(b), t0 + 10s);
  EXPECT_EQ(registry.next_deadline(), t0 + 30s);
  EXPECT_THAT(feed(PurgeStalled{}, t0 + 29s), IsEmpty());
  EXPECT_THAT(feed(PurgeStalled{}, t0 + 30s), only(RegistrationDropped{a, true}));
  EXPECT_THAT(feed(beat(a)), IsEmpty());
  EXPECT_THAT(feed(beat(b)), only(EngineRegistered{n1, b, false}));
  EXPECT_EQ(registry.next_deadline(), std::nullopt);
}

TEST_F(RegistryTest, AReturnThatStallsKeepsTheNumberForTheNextAttempt) {
  feed(ask(a));
  feed(beat(a));
  feed(leave(0));
  feed(ask(a));
  EXPECT_THAT(feed(PurgeStalled{}, t0 + 30s), only(RegistrationDropped{a, true}));
  EXPECT_THAT(feed(ask(a)), only(RegistrationAccepted{a, n0, true}));
}

TEST_F(RegistryTest, RequestsThatCannotBeUsed) {
  EXPECT_THAT(feed(ask(EngineId())), only(RegistrationIgnored{"a registration request without uuid"}));
  EXPECT_THAT(feed(ask(EngineId("a b"))), ElementsAre(testing::VariantWith<RegistrationRefused>(testing::_)));
  EXPECT_EQ(registry.pending(), 0u);
}

TEST_F(RegistryTest, RestoredEnginesAreThereAtOnce) {
  const EngineState state{{{n1, a}, {n2, b}}, 9};
  registry.restore(state);
  registry.check();
  EXPECT_EQ(registry.state(), state);
  EXPECT_THAT(feed(ask(a)), only(RegistrationAccepted{a, n1, false}));
  EXPECT_THAT(feed(ask(c)), only(RegistrationAccepted{c, EngineNumber{9}, true}));
}

TEST_F(RegistryTest, OldLossesAreForgotten) {
  for (int i = 0; i < 3; ++i) {
    const EngineId uuid("e" + std::to_string(i));
    feed(ask(uuid));
    feed(beat(uuid));
    const auto actions = feed(leave(i));
    EXPECT_EQ(actions.size(), i < 2 ? 1u : 2u);
    if (i == 2) {
      EXPECT_EQ(actions.back(), RegistryAction(EngineForgotten{EngineId("e0")}));
    }
  }
  EXPECT_THAT(feed(ask(EngineId("e0"))), only(RegistrationAccepted{EngineId("e0"), EngineNumber{3}, true}));
}

// Whatever happens in whatever order: no two engines share a number, and a number that nobody asked for is new.
TEST(RegistryProperty, NumbersAreUniqueAndNeverReused) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    Rng rng(seed);
    const auto pick = [&](int n) { return static_cast<int>(rng() % static_cast<unsigned>(n)); };
    Registry registry({.registration_timeout = 3s, .remembered = 4});
    std::map<EngineId, EngineNumber> owner;  // the last number of each engine
    std::set<EngineNumber> given;
    TimePoint now = t0;
    for (int step = 0; step < 400; ++step) {
      now += std::chrono::milliseconds(pick(500));
      const EngineId uuid("e" + std::to_string(pick(12)));
      std::optional<std::int64_t> requested;
      RegistryEvent event = PurgeStalled{};
      switch (pick(6)) {
        case 0:
          requested = pick(30) - 2;
          event = ask(uuid, requested);
          break;
        case 1:
          event = ask(uuid);
          break;
        case 2:
          event = ask_as("stranger", uuid);
          break;
        case 3:
          event = beat(uuid);
          break;
        case 4:
          event = pick(2) == 0 ? leave(uuid, GoneReason::heart_stopped) : leave(pick(40));
          break;
        default:
          break;
      }
      for (const RegistryAction& action : registry.handle(event, now)) {
        if (const auto* accepted = std::get_if<RegistrationAccepted>(&action)) {
          const bool own = owner.contains(uuid) && owner[uuid] == accepted->number;
          const bool asked = requested && *requested == to_int(accepted->number);
          EXPECT_TRUE(own || asked || !given.contains(accepted->number)) << "seed " << seed << " step " << step;
          given.insert(accepted->number);
          owner[uuid] = accepted->number;
        }
        if (const auto* registered = std::get_if<EngineRegistered>(&action)) {
          EXPECT_EQ(owner[registered->uuid], registered->number);
        }
      }
      registry.check();
    }
    EXPECT_GT(given.size(), 10u);
  }
}

}  // namespace
}  // namespace camshaft::hub
