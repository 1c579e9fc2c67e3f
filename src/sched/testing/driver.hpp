// sched/testing/driver.hpp: makes up events, feeds them to the scheduler and to the model, and compares.
// Thread: one. Owns: both.
// Errors: a difference or a broken invariant comes back as text.
#pragma once
#include <set>
#include <string>
#include <utility>

#include "sched/testing/model.hpp"

namespace camshaft::sched::testing {

/// Makes up one event after another from a source of choices: `below(n)` gives 0 .. n-1.
template <class Below>
class Driver {
 public:
  Driver(const Options& options, std::uint64_t seed, Below below)
      : options_(options),
        scheduler_(options, seed),
        model_(options),
        below_(std::move(below)),
        pool_(1 + static_cast<unsigned>(seed % 7)) {}

  /// One event into both. Empty when they agree and the invariants hold.
  std::string step() {
    now_ += std::chrono::milliseconds(below_(200));
    return feed(make_event());
  }

  /// The controller stops and the engines go: every task that was submitted must have had its one answer by then.
  std::string finish_up() {
    if (std::string difference = feed(Drain{}); !difference.empty()) return difference;
    while (!model_.here().empty()) {
      if (std::string difference = feed(EngineLeft{model_.here().front().id}); !difference.empty()) return difference;
    }
    now_ += std::chrono::hours(1);
    if (std::string difference = feed(Tick{}); !difference.empty()) return difference;
    if (!closed_) return "the scheduler does not close";
    if (ended_.size() != model_.tasks().size()) return "a task had no answer";
    return {};
  }

 private:
  std::string feed(const Event& event) {
    const std::vector<Action> actions = scheduler_.handle(event, now_);
    if (std::string difference = model_.step(event, now_, actions); !difference.empty()) return difference;
    if (auto violation = scheduler_.check()) return *violation;
    if (scheduler_.queued() != model_.queue().size() || scheduler_.running() != model_.running().size()) {
      return "the counts of tasks differ";
    }
    for (const Action& action : actions) {
      const auto* forward = std::get_if<Forward>(&action);
      const auto* failure = std::get_if<Fail>(&action);
      if (failure && failure->kind == FailureKind::duplicate) continue;
      if (forward && !ended_.insert(forward->id).second) return "a task had two answers";
      if (failure && !ended_.insert(failure->id).second) return "a task had two answers";
      if (std::holds_alternative<Closed>(action)) closed_ = true;
    }
    const auto wanted = model_.next_deadline(), next = scheduler_.next_deadline();
    if (wanted && (!next || *next > *wanted)) return "something is due and no tick is wanted";
    if (options_.hwm != kAutoHwm && next != wanted) return "a tick is wanted for nothing";
    for (const auto* tasks : {&model_.queue(), &model_.running()}) {
      if (!tasks->empty() && scheduler_.why(model_.tasks()[*tasks->begin()].id, now_).empty()) {
        return "a live task has no story";
      }
    }
    return {};
  }

  Event make_event() {
    const std::size_t busy = model_.queue().size() + model_.running().size();
    const unsigned kind = below_(104);
    const unsigned submits = ++steps_ / 64 % 2 == 0 ? 60 : 20;  // the queue fills and drains in turn
    if (kind < submits && busy < 40) return submit();
    if (kind < 75 && !model_.running().empty()) return finish();
    if (kind < 81) return EngineJoined{some_engine(), {}, some_properties(), below_(3) > 0};
    if (kind < 86 && !model_.here().empty()) return EngineLeft{model_.here()[below_(model_.here().size())].id};
    if (kind < 92) return Tick{};
    if (kind < 95) return Abort{{some_id(), some_id()}, static_cast<How>(below_(3))};
    if (kind < 98) return Finished{some_id(), some_engine(), static_cast<Outcome>(below_(5)), some_duration()};  // late
    if (kind == 98 && below_(20) == 0) return Drain{};
    if (kind < 101) return EngineChanged{some_engine(), some_properties()};
    if (!model_.gone().empty()) {
      return EngineJoined{model_.gone()[below_(model_.gone().size())].id, {}, some_properties(), below_(3) > 0};
    }
    return Tick{};
  }
  EngineId some_engine() { return EngineId(fmt::format("e{}", below_(pool_))); }
  MsgId some_id() {
    const auto next = static_cast<unsigned>(model_.tasks().size());
    return MsgId(fmt::format("t{}", below_(40) == 0 ? next + below_(3) : next - std::min(next, below_(25))));
  }
  Properties some_properties() {
    Properties properties;
    if (below_(3) > 0) properties["gpu"] = Value{static_cast<double>(below_(4))};
    if (below_(2) > 0) properties["rack"] = Value{std::string(below_(2) == 0 ? "a" : "b")};
    return properties;
  }
  std::optional<Duration> some_duration() {
    if (below_(6) == 0) return std::nullopt;
    return std::chrono::microseconds(below_(3) == 0 ? 1 + below_(200) * 10000 : 1 + below_(200) * 20);
  }
  Dependency some_dependency() {
    Dependency dependency;
    for (unsigned n = 1 + below_(3); n > 0; --n) {
      const auto next = static_cast<unsigned>(model_.tasks().size());
      if (next > 0) dependency.ids.emplace_back(fmt::format("t{}", next - 1 - std::min(next - 1, below_(12))));
    }
    if (below_(30) == 0) dependency.ids.push_back(some_id());
    dependency.all = below_(2) == 0;
    const unsigned flags = below_(20);
    dependency.success = flags != 0 && flags > 3;
    dependency.failure = flags != 0 && flags < 10;
    return dependency;
  }
  Event submit() {
    Submit event{MsgId(fmt::format("t{}", model_.tasks().size())), ClientId(fmt::format("c{}", below_(3)))};
    if (below_(50) == 0) event.id = some_id();
    Requirements& wanted = event.requirements;
    if (below_(3) == 0) wanted.label = below_(2) == 0 ? "long" : "short";
    if (below_(4) == 0) wanted.priority = static_cast<std::int32_t>(below_(7)) - 3;
    if (below_(2) == 0) return event;
    if (below_(3) == 0) wanted.after = some_dependency();
    if (below_(4) == 0) wanted.follow = some_dependency();
    if (below_(4) == 0) {
      for (unsigned n = 1 + below_(3); n > 0; --n) wanted.targets.push_back(some_engine());
    }
    if (below_(4) == 0) wanted.timeout = std::chrono::milliseconds(below_(4000));
    if (below_(3) == 0) wanted.retries = static_cast<std::int32_t>(below_(5));
    if (below_(4) == 0) wanted.resources.push_back({"gpu", 0.5 * (1 + below_(4))});
    if (below_(6) == 0) wanted.where.push_back({"rack", Operator::equal, Value{std::string("a")}});
    if (below_(12) == 0) wanted.where.push_back({"gpu", Operator::has, Value{true}});
    if (below_(4) == 0) {
      wanted.time_limit = std::chrono::milliseconds(1 + below_(3000));
      wanted.kill_after = std::chrono::milliseconds(below_(3) * 400);
    }
    return event;
  }
  Event finish() {
    auto at = model_.running().begin();
    std::advance(at, below_(model_.running().size()));
    const auto* task = &model_.tasks()[*at];
    const auto* engine = model_.engine_with(task->life);
    if (below_(4) > 0) task = &model_.tasks()[engine->tasks.front()];  // as engines do: in order
    Finished event{task->id, engine->id, Outcome::ok, some_duration()};
    const unsigned outcome = below_(10);
    if (outcome >= 6) event.outcome = outcome < 8 ? Outcome::error : outcome < 9 ? Outcome::aborted : Outcome::unmet;
    if (below_(task->recalled ? 2 : 100) == 0) event.outcome = Outcome::recalled;
    return event;
  }

  Options options_;
  Scheduler scheduler_;
  Model model_;
  Below below_;
  unsigned pool_;  // as many engines come and go
  unsigned steps_ = 0;
  TimePoint now_{};
  std::set<MsgId> ended_;
  bool closed_ = false;
};

/// The options that a number stands for; numbers below 48 cover every scheme, bound and grace.
inline Options options_of(unsigned number) {
  constexpr std::uint32_t kBounds[] = {1, kAutoHwm, 0, 2};
  Options options;
  options.scheme = kSchemes[number % kSchemes.size()].scheme;
  options.hwm = kBounds[number / 6 % 4];
  options.engine_grace = std::chrono::milliseconds(number / 24 % 2 == 0 ? 1000 : 0);
  options.aging = std::chrono::milliseconds(700);
  return options;
}

}  // namespace camshaft::sched::testing
