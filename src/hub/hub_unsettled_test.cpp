#include <gtest/gtest.h>

#include <algorithm>

#include "hub/hub.hpp"
#include "hub/store/none.hpp"

namespace camshaft::hub {
namespace {

using namespace std::chrono_literals;

const EngineId e0("e0-uuid"), away("away");
constexpr EngineNumber n0{0};

struct UnsettledTest : ::testing::Test {
  TimePoint now{};
  NoneStore store;
  DirectSink sink{store};
  Hub hub{{}, sink, now};

  std::vector<Action> feed(const Event& event) { return hub.handle(event, now, WallTime{}); }
};

TEST_F(UnsettledTest, AnEngineThatLeftIsNamedUntilItsTasksAreSettled) {
  hub.restore({{{n0, e0}}, 1}, now);
  feed(Unregister{std::nullopt, e0, GoneReason::unregistered});
  EXPECT_EQ(hub.engine_state(), R"({"engines": {}, "next_id": 1, "unsettled": ["e0-uuid"]})");
  now += 6s;
  EXPECT_LE(hub.next_deadline(), now);
  const auto actions = feed(Tick{});
  EXPECT_NE(std::find(actions.begin(), actions.end(), Action(SaveEngines{})), actions.end());
  EXPECT_EQ(hub.engine_state(), R"({"engines": {}, "next_id": 1})");
}

TEST_F(UnsettledTest, EarlierEnginesAreNamedUntilTheyAreBackOrNobodyAsks) {
  const EngineState before{{{n0, e0}}, 1, {away}};
  hub.expect(before, now);
  EXPECT_EQ(hub.engine_state(), R"({"engines": {}, "next_id": 0, "unsettled": ["away", "e0-uuid"]})");
  hub.restore(before, now);
  EXPECT_EQ(hub.engine_state(), R"({"engines": {"0": "e0-uuid"}, "next_id": 1, "unsettled": ["away"]})");
  now += 11min;
  feed(Tick{});
  EXPECT_EQ(hub.engine_state().find("away"), std::string::npos);
}

}  // namespace
}  // namespace camshaft::hub
