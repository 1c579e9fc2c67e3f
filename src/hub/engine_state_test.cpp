#include "hub/engine_state.hpp"

#include <gtest/gtest.h>

namespace camshaft::hub {
namespace {

TEST(EngineState, RendersAsTheOriginalDoes) {
  EXPECT_EQ(render_engine_state({}), R"({"engines": {}, "next_id": 0})");
  const EngineState two{{{EngineNumber{1}, EngineId("ab-1")}, {EngineNumber{10}, EngineId("cd")}}, 12};
  EXPECT_EQ(render_engine_state(two), R"({"engines": {"1": "ab-1", "10": "cd"}, "next_id": 12})");
  EXPECT_EQ(parse_engine_state(render_engine_state(two)).value(), two);
}

TEST(EngineState, EnginesThatAreGoneButNotSettledStandApart) {
  const EngineState state{{{EngineNumber{1}, EngineId("ab-1")}}, 12, {EngineId("x"), EngineId("y")}};
  EXPECT_EQ(render_engine_state(state), R"({"engines": {"1": "ab-1"}, "next_id": 12, "unsettled": ["x", "y"]})");
  EXPECT_EQ(parse_engine_state(render_engine_state(state)).value(), state);
}

TEST(EngineState, TheCounterIsNeverBelowAnEngine) {
  EXPECT_EQ(parse_engine_state(R"({"engines": {"7": "a"}})").value().next_id, 8);
  EXPECT_EQ(parse_engine_state(R"({"engines": {"7": "a"}, "next_id": 3})").value().next_id, 8);
  EXPECT_EQ(parse_engine_state(R"({"engines": {}, "next_id": -3})").value().next_id, 0);
}

TEST(EngineState, RefusesWhatIsNoStateFile) {
  for (const std::string_view text :
       {"", "[]", "{}", R"({"engines": []})", R"({"engines": {"x": "a"}})", R"({"engines": {"1x": "a"}})",
        R"({"engines": {"-1": "a"}})", R"({"engines": {"1": 5}})", R"({"engines": {"1": "a b"}})",
        R"({"engines": {"1": ""}})", R"({"engines": {"1": "a", "2": "a"}})", R"({"engines": {"1": "a", "01": "b"}})",
        R"({"engines": {}, "unsettled": {}})", R"({"engines": {}, "unsettled": ["a b"]})",
        R"({"engines": {}, "unsettled": [1]})", R"({"engines": {}, "next_id": 99999999999})",
        R"({"engines": {"1": "a"})"}) {
    const auto state = parse_engine_state(text);
    ASSERT_FALSE(state.has_value()) << text;
    EXPECT_EQ(state.error().code, Errc::bad_json);
  }
}

}  // namespace
}  // namespace camshaft::hub
