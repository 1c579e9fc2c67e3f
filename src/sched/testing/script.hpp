// sched/testing/script.hpp: scripts for the scheduler's tests: short names, and a scheduler that is checked at each
// step. Thread: one. Owns: the scheduler of a script. Errors: a broken invariant fails the test.
#pragma once
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "sched/scheduler.hpp"

namespace camshaft::sched::testing {

constexpr TimePoint t0{};
constexpr std::uint64_t kSeed = 1;
inline const EngineId e0("e0"), e1("e1"), e2("e2");
inline const MsgId a("a"), b("b"), c("c"), d("d");
inline const ClientId client("client");

using Actions = std::vector<Action>;

inline Submit submit(const MsgId& id, Requirements wanted = {}) { return {id, client, std::move(wanted), {}}; }
inline Requirements after(std::vector<MsgId> ids) {
  Requirements wanted;
  wanted.after.ids = std::move(ids);
  return wanted;
}
inline Requirements follow(std::vector<MsgId> ids) {
  Requirements wanted;
  wanted.follow.ids = std::move(ids);
  return wanted;
}
inline Requirements on(std::vector<EngineId> targets) {
  Requirements wanted;
  wanted.targets = std::move(targets);
  return wanted;
}
inline Requirements retries(std::int32_t n) {
  Requirements wanted;
  wanted.retries = n;
  return wanted;
}
inline Requirements timeout(Duration limit) {
  Requirements wanted;
  wanted.timeout = limit;
  return wanted;
}
inline Requirements priority(std::int32_t n) {
  Requirements wanted;
  wanted.priority = n;
  return wanted;
}
inline Requirements needs(std::string resource, double amount) {
  Requirements wanted;
  wanted.resources = {{std::move(resource), amount}};
  return wanted;
}
inline Requirements where(std::string name, Operator op, Value value) {
  Requirements wanted;
  wanted.where = {{std::move(name), op, std::move(value)}};
  return wanted;
}
inline Requirements limited(Duration time_limit, Duration kill_after, std::int32_t retries = 0) {
  Requirements wanted;
  wanted.time_limit = time_limit;
  wanted.kill_after = kill_after;
  wanted.retries = retries;
  return wanted;
}

inline Action to(const MsgId& id, const EngineId& engine) { return Dispatch{id, engine, {}}; }
inline Action forward(const MsgId& id, const EngineId& engine) { return Forward{id, engine, client}; }
inline Action hide(const MsgId& id, const EngineId& engine, HideReason reason) { return Hide{id, engine, reason}; }
inline Action recall(const MsgId& id, const EngineId& engine) { return Recall{id, engine}; }
inline Action interrupt(const MsgId& id, const EngineId& engine) { return Interrupt{id, engine}; }
inline Action kill(const MsgId& id, const EngineId& engine) { return Kill{id, engine}; }
inline Action failed(const MsgId& id, FailureKind kind, std::optional<EngineId> engine = {}) {
  return Fail{id, client, {}, kind, "", std::move(engine)};
}

/// An engine that can hand tasks back, with properties.
inline EngineJoined ours(const EngineId& engine, Properties properties = {}) {
  return {engine, std::nullopt, std::move(properties), true};
}
inline Properties having(std::string name, Value value) { return {{std::move(name), std::move(value)}}; }

/// A scheduler whose invariants are checked after each event; texts of failures are kept aside.
struct Script {
  explicit Script(Options options = {}, int engines = 0) : core(options, kSeed) {
    for (int n = 0; n < engines; ++n) feed(EngineJoined{EngineId(fmt::format("e{}", n)), EngineNumber{n}});
  }
  Actions feed(Event event, TimePoint now = t0) {
    Actions actions = core.handle(std::move(event), now);
    EXPECT_EQ(core.check().value_or(""), "");
    for (Action& action : actions) {
      if (auto* failure = std::get_if<Fail>(&action)) text = std::exchange(failure->text, "");
    }
    return actions;
  }
  Actions ok(const MsgId& id, const EngineId& on_engine) { return feed(Finished{id, on_engine}); }
  Actions ends(const MsgId& id, const EngineId& on_engine, Outcome outcome) {
    return feed(Finished{id, on_engine, outcome});
  }
  Scheduler core;
  std::string text;
};

}  // namespace camshaft::sched::testing
