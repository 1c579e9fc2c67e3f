// The documented behaviour of the task interface, row by row: S1 is the guide of 2012, S3 that of 2008. Each test names
// the row that it holds, so that a row can be found.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sched/testing/script.hpp"

namespace camshaft::sched {
namespace {

using namespace std::chrono_literals;
using namespace testing;  // the scripts
using ::testing::HasSubstr;

Requirements after_any(std::vector<MsgId> ids, bool success, bool failure) {
  Requirements wanted;
  wanted.after = {std::move(ids), false, success, failure};
  return wanted;
}
Requirements after_all(std::vector<MsgId> ids, bool success, bool failure) {
  Requirements wanted;
  wanted.after = {std::move(ids), true, success, failure};
  return wanted;
}

TEST(Surface, S1_1_the_user_names_no_engine_and_loss_of_one_is_survived) {
  Script s({.engine_grace = 0s}, 2);
  EXPECT_EQ(s.feed(submit(a, retries(1))), Actions{to(a, e1)});
  EXPECT_EQ(s.feed(EngineLeft{e1}), Actions{to(a, e0)});
  EXPECT_EQ(s.ok(a, e0), Actions{forward(a, e0)});
}

TEST(Surface, S1_15_unmet_goes_to_every_other_engine_once_and_the_client_hears_nothing) {
  Script s({}, 3);
  s.feed(submit(a));
  EXPECT_EQ(s.ends(a, e2, Outcome::unmet), (Actions{hide(a, e2, HideReason::unmet), to(a, e1)}));
  EXPECT_EQ(s.ends(a, e1, Outcome::unmet), (Actions{hide(a, e1, HideReason::unmet), to(a, e0)}));
  EXPECT_EQ(s.ends(a, e0, Outcome::unmet), Actions{hide(a, e0, HideReason::unmet)});
  EXPECT_EQ(s.feed(EngineJoined{EngineId("e3")}), Actions{to(a, EngineId("e3"))});
  EXPECT_EQ(s.ok(a, EngineId("e3")), Actions{forward(a, EngineId("e3"))});
}

TEST(Surface, S1_20_dependency_defaults_are_all_of_them_and_success_only) {
  const Dependency plain;
  EXPECT_TRUE(plain.all && plain.success && !plain.failure);
  Script s({}, 2);
  s.feed(submit(a));  // e1
  s.feed(submit(b));  // e0
  s.feed(submit(c, after({a, b})));
  EXPECT_EQ(s.ok(a, e1), Actions{forward(a, e1)});
  EXPECT_EQ(s.ok(b, e0).back(), to(c, e1));
}

TEST(Surface, S1_20_any_of_them_is_enough_when_all_is_false) {
  Script s({}, 3);
  s.feed(submit(a));  // e2
  s.feed(submit(b));  // e1
  s.feed(submit(c, after_any({a, b}, true, false)));
  EXPECT_EQ(s.ok(a, e2).back(), to(c, e0));
}

TEST(Surface, S1_21_cleanup_runs_only_after_a_failure) {
  for (const Outcome outcome : {Outcome::error, Outcome::ok}) {
    Script s({}, 1);
    s.feed(submit(a));
    s.feed(submit(b, after_all({a}, false, true)));
    EXPECT_EQ(s.ends(a, e0, outcome).back(),
              outcome == Outcome::error ? to(b, e0) : failed(b, FailureKind::impossible_dependency));
  }
}

TEST(Surface, S1_22_run_anyway_runs_after_either) {
  for (const Outcome outcome : {Outcome::error, Outcome::aborted, Outcome::ok}) {
    Script s({}, 1);
    s.feed(submit(a));
    s.feed(submit(b, after_all({a}, true, true)));
    EXPECT_EQ(s.ends(a, e0, outcome).back(), to(b, e0));
  }
}

TEST(Surface, S1_23_after_restricts_the_time_and_follow_the_place) {
  Script s({}, 2);
  s.feed(submit(a));  // e1
  EXPECT_EQ(s.feed(submit(b, after({a}))), Actions{});
  EXPECT_EQ(s.feed(submit(c, follow({a}))), Actions{});
  EXPECT_EQ(s.ok(a, e1), (Actions{forward(a, e1), to(b, e0), to(c, e1)}));
}

TEST(Surface, S1_24_timeout_ends_a_wait_and_zero_never_does) {
  Script s({}, 1);
  s.feed(submit(a));
  s.feed(submit(b, timeout(2500ms)));
  s.feed(submit(c, timeout(0s)));
  EXPECT_EQ(s.feed(Tick{}, t0 + 2500ms), Actions{failed(b, FailureKind::task_timeout)});
  EXPECT_EQ(exception_name(FailureKind::task_timeout), "TaskTimeout");
  EXPECT_EQ(s.feed(Tick{}, t0 + 1000h), Actions{});
}

TEST(Surface, S1_25_ids_of_other_queues_are_invalid) {
  Script s({}, 1);
  EXPECT_EQ(s.feed(submit(a, after({MsgId("a direct request")}))), Actions{failed(a, FailureKind::invalid_dependency)});
  EXPECT_THAT(s.text, HasSubstr("no task of the load-balanced queue"));
}

TEST(Surface, S1_26_plain_lists_mean_all_and_success_only) {
  EXPECT_EQ(parse_requirements(R"({"after": ["a", "b"]})")->after, (Dependency{{a, b}, true, true, false}));
}

TEST(Surface, S1_27_a_graph_runs_in_topological_order) {
  // A diamond of 20 layers: each task is after two of the layer before.
  Script s({.hwm = 1}, 3);
  std::vector<Action> todo;
  const auto id = [](int layer, int n) { return MsgId(fmt::format("{}.{}", layer, n)); };
  for (int layer = 0; layer < 20; ++layer) {
    for (int n = 0; n < 4; ++n) {
      const auto wanted = layer == 0 ? Requirements{} : after({id(layer - 1, n), id(layer - 1, (n + 1) % 4)});
      for (const Action& action : s.feed(submit(id(layer, n), wanted))) todo.push_back(action);
    }
  }
  std::vector<MsgId> order;
  for (std::size_t at = 0; at < todo.size(); ++at) {
    const auto* dispatch = std::get_if<Dispatch>(&todo[at]);
    if (!dispatch) continue;
    order.push_back(dispatch->id);
    for (const Action& action : s.ok(MsgId(dispatch->id), EngineId(dispatch->engine))) todo.push_back(action);
  }
  ASSERT_EQ(order.size(), 80u);
  const auto place = [&](const MsgId& task) { return std::find(order.begin(), order.end(), task) - order.begin(); };
  for (int layer = 1; layer < 20; ++layer) {
    for (int n = 0; n < 4; ++n) {
      EXPECT_LT(place(id(layer - 1, n)), place(id(layer, n)));
      EXPECT_LT(place(id(layer - 1, (n + 1) % 4)), place(id(layer, n)));
    }
  }
}

TEST(Surface, S1_28_an_unknown_id_is_impossible_at_once) {
  Script s({}, 1);
  EXPECT_EQ(s.feed(submit(a, after({MsgId("unknown")}))), Actions{failed(a, FailureKind::invalid_dependency)});
  s.feed(submit(b));
  EXPECT_EQ(s.feed(submit(c, after({b}))), Actions{});  // a known one is not
}

TEST(Surface, S1_28_following_all_of_two_engines_is_impossible) {
  Script s({}, 2);
  s.feed(submit(a));  // e1
  s.feed(submit(b));  // e0
  s.ok(a, e1);
  s.ok(b, e0);
  EXPECT_EQ(s.feed(submit(c, follow({a, b}))), Actions{failed(c, FailureKind::impossible_dependency)});
  EXPECT_EQ(s.feed(submit(d, follow({a}))), Actions{to(d, e1)});
}

TEST(Surface, S1_28_one_failure_makes_all_with_success_only_impossible) {
  Script s({}, 2);
  s.feed(submit(a));  // e1
  s.feed(submit(b));  // e0
  s.feed(submit(c, after({a, b})));
  EXPECT_EQ(s.ends(a, e1, Outcome::error), (Actions{forward(a, e1), failed(c, FailureKind::impossible_dependency)}));
  EXPECT_THAT(s.text, HasSubstr("'a' did not"));
}

TEST(Surface, S1_28_only_the_last_failure_makes_any_with_success_only_impossible) {
  Script s({}, 2);
  s.feed(submit(a));  // e1
  s.feed(submit(b));  // e0
  s.feed(submit(c, after_any({a, b}, true, false)));
  EXPECT_EQ(s.ends(a, e1, Outcome::error), Actions{forward(a, e1)});
  EXPECT_EQ(s.ends(b, e0, Outcome::error), (Actions{forward(b, e0), failed(c, FailureKind::impossible_dependency)}));
}

TEST(Surface, S1_29_S3_90_retries_are_used_up_before_the_client_hears_of_it) {
  Script s({.engine_grace = 0s}, 3);
  s.feed(submit(a, retries(2)));
  EXPECT_EQ(s.ends(a, e2, Outcome::error), (Actions{hide(a, e2, HideReason::retry), to(a, e1)}));
  EXPECT_EQ(s.feed(EngineLeft{e1}), Actions{to(a, e0)});  // the loss of an engine counts too
  EXPECT_EQ(s.ends(a, e0, Outcome::error), Actions{forward(a, e0)});
  s.feed(submit(b));  // the default is none
  EXPECT_EQ(s.ends(b, e2, Outcome::error), Actions{forward(b, e2)});
}

TEST(Surface, S1_31_S1_35_leastload_is_the_default_scheme) { EXPECT_EQ(Options{}.scheme, Scheme::leastload); }

TEST(Surface, S1_35_leastload_takes_the_fewest_outstanding_then_the_least_recent) {
  Script s({.hwm = 0}, 2);
  EXPECT_EQ(s.feed(submit(a)), Actions{to(a, e1)});
  EXPECT_EQ(s.feed(submit(b)), Actions{to(b, e0)});
  EXPECT_EQ(s.feed(submit(c)), Actions{to(c, e1)});
  s.ok(b, e0);
  EXPECT_EQ(s.feed(submit(d)), Actions{to(d, e0)});
}

TEST(Surface, S1_38_hwm_bounds_what_an_engine_holds_and_zero_does_not) {
  for (const std::uint32_t hwm : {1u, 3u, 0u}) {
    Script s({.hwm = hwm}, 1);
    std::size_t sent = 0;
    for (int n = 0; n < 10; ++n) sent += s.feed(submit(MsgId(std::to_string(n)))).size();
    EXPECT_EQ(sent, hwm == 0 ? 10u : hwm);
  }
}

TEST(Surface, S1_38_hwm_auto_is_the_default) { EXPECT_EQ(Options{}.hwm, kAutoHwm); }

TEST(Surface, S3_81_a_thousand_tasks_end_once_each) {
  Script s({}, 4);
  std::vector<Action> todo;
  for (int n = 0; n < 1000; ++n) {
    for (const Action& action : s.feed(submit(MsgId(std::to_string(n))))) todo.push_back(action);
  }
  std::size_t ended = 0;
  for (std::size_t at = 0; at < todo.size(); ++at) {
    if (std::holds_alternative<Forward>(todo[at])) ++ended;
    const auto* dispatch = std::get_if<Dispatch>(&todo[at]);
    if (!dispatch) continue;
    for (const Action& action : s.ok(MsgId(dispatch->id), EngineId(dispatch->engine))) todo.push_back(action);
  }
  EXPECT_EQ(ended, 1000u);
  EXPECT_EQ(s.core.queued() + s.core.running(), 0u);
}

TEST(Surface, S3_88_abort_prevents_retries_and_leaves_finished_tasks_alone) {
  Script s({}, 2);
  s.feed(submit(a, retries(5)));  // e1
  s.feed(submit(b));              // e0
  s.feed(submit(c));
  s.ok(b, e0);
  EXPECT_EQ(s.feed(Abort{{a, b}}), Actions{});
  EXPECT_EQ(s.ends(a, e1, Outcome::error), Actions{forward(a, e1)});
}

TEST(Surface, S3_91_a_recovery_runs_when_retries_are_used_up_and_may_have_one_itself) {
  for (const bool recovers : {true, false}) {
    Script s({}, 3);
    s.feed(submit(a, retries(1)));                      // e2
    s.feed(submit(b, after_all({a}, false, true)));     // its recovery
    s.feed(submit(c, after_all({a, b}, false, true)));  // and that one's
    EXPECT_EQ(s.ends(a, e2, Outcome::error), (Actions{hide(a, e2, HideReason::retry), to(a, e1)}));
    EXPECT_EQ(s.ends(a, e1, Outcome::error), (Actions{forward(a, e1), to(b, e0)}));
    EXPECT_EQ(s.ends(b, e0, recovers ? Outcome::ok : Outcome::error).back(),
              recovers ? failed(c, FailureKind::impossible_dependency) : to(c, e2));
  }
}

TEST(Surface, S3_93_a_task_that_kills_its_workers_is_stopped_after_three) {
  Script s({.engine_grace = 0s}, 3);
  s.feed(submit(a, retries(99)));
  EXPECT_EQ(s.feed(EngineLeft{e2}), Actions{to(a, e1)});
  EXPECT_EQ(s.feed(EngineLeft{e1}), Actions{to(a, e0)});
  EXPECT_EQ(s.feed(EngineLeft{e0}), Actions{failed(a, FailureKind::poison, e0)});
  EXPECT_THAT(s.text, HasSubstr("not run again"));
}

}  // namespace
}  // namespace camshaft::sched
