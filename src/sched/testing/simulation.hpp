// sched/testing/simulation.hpp: a cluster in a few lines, with a clock of its own: engines that run one task after the
// other, and messages that need their time. Shows what a rule of the scheduler is worth, without a network.
// Thread: one. Owns: the scheduler, its engines and the messages under way.
// Errors: none; a simulation that does not end by itself stops after `kMostSteps`.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "sched/scheduler.hpp"

namespace camshaft::sched::testing {

class Simulation {
 public:
  struct Job {
    Duration takes{};
    std::string label{};
  };
  struct Outcome {
    Duration makespan{};
    std::size_t finished = 0, recalled = 0, moved = 0;
  };

  /// `one_way`: from the scheduler to an engine, and back.
  Simulation(Options options, unsigned engines, Duration one_way, bool recalls = true)
      : scheduler_(options, 1), one_way_(one_way), engines_(engines) {
    for (unsigned n = 0; n < engines; ++n) {
      feed(EngineJoined{name(n), EngineNumber{static_cast<std::int32_t>(n)}, {}, recalls});
    }
  }

  /// Submits them all at once and waits for the last reply.
  Outcome run(const std::vector<Job>& jobs) {
    jobs_ = jobs;
    for (std::size_t n = 0; n < jobs.size(); ++n) {
      Requirements wanted;
      wanted.label = jobs[n].label;
      feed(Submit{MsgId(std::to_string(n)), ClientId("c"), wanted, {}});
    }
    constexpr std::size_t kMostSteps = 10'000'000;
    for (std::size_t steps = 0; outcome_.finished < jobs.size() && steps < kMostSteps; ++steps) {
      const auto tick = scheduler_.next_deadline();
      if (agenda_.empty() && !tick) break;
      if (tick && (agenda_.empty() || *tick < agenda_.begin()->first.first)) {
        now_ = std::max(now_, *tick);
        feed(Tick{});
        continue;
      }
      const auto next = agenda_.begin();
      now_ = next->first.first;
      const Step step = next->second;
      agenda_.erase(next);
      take(step);
    }
    return outcome_;
  }

 private:
  enum class What { arrives, ends, asked_back, reply };
  struct Step {
    What what;
    unsigned engine;
    std::size_t job;
    sched::Outcome outcome = sched::Outcome::ok;
  };
  struct Node {
    std::deque<std::size_t> waiting;
    std::optional<std::size_t> current;
  };

  static EngineId name(unsigned n) { return EngineId(fmt::format("e{}", n)); }
  void later(Duration delay, Step step) { agenda_[{now_ + delay, ++steps_}] = step; }

  void take(const Step& step) {
    Node& node = engines_[step.engine];
    switch (step.what) {
      case What::arrives:
        node.waiting.push_back(step.job);
        break;
      case What::ends:
        node.current.reset();
        later(one_way_, {What::reply, step.engine, step.job});
        break;
      case What::asked_back: {
        const auto at = std::find(node.waiting.begin(), node.waiting.end(), step.job);
        if (at == node.waiting.end()) break;  // it has started: no answer
        node.waiting.erase(at);
        later(one_way_, {What::reply, step.engine, step.job, sched::Outcome::recalled});
        break;
      }
      case What::reply: {
        const bool ok = step.outcome == sched::Outcome::ok;
        ok ? ++outcome_.finished : ++outcome_.moved;
        if (ok) outcome_.makespan = now_.time_since_epoch();
        const auto took = ok ? std::optional<Duration>(jobs_[step.job].takes) : std::nullopt;
        feed(Finished{MsgId(std::to_string(step.job)), name(step.engine), step.outcome, took});
        return;
      }
    }
    if (!node.current && !node.waiting.empty()) {
      node.current = node.waiting.front();
      node.waiting.pop_front();
      later(jobs_[*node.current].takes, {What::ends, step.engine, *node.current});
    }
  }

  void feed(Event event) {
    for (const Action& action : scheduler_.handle(std::move(event), now_)) {
      if (const auto* dispatch = std::get_if<Dispatch>(&action)) send(What::arrives, dispatch->engine, dispatch->id);
      if (const auto* recall = std::get_if<Recall>(&action)) {
        ++outcome_.recalled;
        send(What::asked_back, recall->engine, recall->id);
      }
    }
  }
  void send(What what, const EngineId& engine, const MsgId& id) {
    const auto number = static_cast<unsigned>(std::stoul(engine.value.substr(1)));
    later(one_way_, {what, number, std::stoul(id.value)});
  }

  Scheduler scheduler_;
  Duration one_way_;
  std::vector<Node> engines_;
  std::vector<Job> jobs_;
  std::map<std::pair<TimePoint, std::uint64_t>, Step> agenda_;  // in order of time, then of their making
  std::uint64_t steps_ = 0;
  TimePoint now_{};
  Outcome outcome_;
};

}  // namespace camshaft::sched::testing
