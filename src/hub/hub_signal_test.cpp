#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hub/hub.hpp"
#include "hub/store/none.hpp"

namespace camshaft::hub {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;

const EngineId kFirst("first"), kSecond("second"), kThird("third");

TEST(HubSignal, ReachesTheEnginesOfOneSet) {
  NoneStore store;
  DirectSink sink{store};
  Hub hub{{}, sink, TimePoint{}};
  hub.restore({{{EngineNumber{0}, kFirst}, {EngineNumber{1}, kSecond}, {EngineNumber{2}, kThird}}, 3}, TimePoint{});
  const auto feed = [&](const Event& event) { return hub.handle(event, TimePoint{}, WallTime{}); };
  feed(PropertiesChanged{kFirst, {{"engine_set", "7"}}});
  feed(PropertiesChanged{kSecond, {{"engine_set", "8"}}});
  const auto event = read_engine_request("camshaft_engine_signal", ClientId("c"), {{"set", "7"}, {"sig", 10}});
  ASSERT_TRUE(event);
  EXPECT_THAT(feed(*event), ElementsAre(Action(SignalEngine{kFirst, 10})));
  EXPECT_THAT(feed(SignalEngines{"", 10}), IsEmpty());
}

TEST(HubSignal, WhatIsWrittenWronglyIsNone) {
  for (const json& wrong :
       {json(3), json{{"set", "7"}}, json{{"set", 7}, {"sig", 10}}, json{{"set", "7"}, {"sig", "x"}}}) {
    EXPECT_FALSE(read_engine_request("camshaft_engine_signal", ClientId("c"), wrong)) << wrong;
  }
}

}  // namespace
}  // namespace camshaft::hub
