// sched/testing/model.hpp: the scheduler's rules written for reading, not for speed, and a driver that feeds the same
// events to both and compares. Used by the property test and the fuzz target.
// Thread: one. Owns: its own idea of every task and engine; looks at each of them after each event.
// Errors: a difference comes back as text.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sched/scheduler.hpp"

namespace camshaft::sched::testing {

class Model {
 public:
  explicit Model(Options options) : options_(options) {}

  struct ModelTask {
    MsgId id;
    ClientId client;
    Requirements wanted;
    int arrival = 0;
    enum State { queued, running, succeeded, failed } state = queued;
    std::string life;  // the engine (in this life of it) where it runs or ended; empty: none
    int retries = 0;
    unsigned deaths = 0;
    std::set<std::string> blacklist;  // lives
    std::optional<TimePoint> deadline;
  };
  struct ModelEngine {
    EngineId id;
    std::string life;
    std::optional<TimePoint> dies_at;
  };

  /// Takes the event in and says how `actual` differs from what the rules ask for; empty when it does not.
  std::string step(const Event& event, TimePoint now, const std::vector<Action>& actual) {
    now_ = now;
    replies_.clear();
    fails_.clear();
    dispatches_.clear();
    chosen_.clear();
    for (const Action& action : actual) {
      if (const auto* dispatch = std::get_if<Dispatch>(&action)) chosen_[dispatch->id] = dispatch->engine;
    }
    complaint_.clear();
    std::visit([this](const auto& e) { on(e); }, event);
    fail_the_hopeless();
    place();
    for (int at : queue_) {
      ModelTask& task = tasks_[at];
      if (task.wanted.timeout != Duration{} && !task.deadline) task.deadline = now + task.wanted.timeout;
    }
    std::vector<Action> expected = replies_;
    std::sort(fails_.begin(), fails_.end(), by_id);
    expected.insert(expected.end(), fails_.begin(), fails_.end());
    expected.insert(expected.end(), dispatches_.begin(), dispatches_.end());
    if (draining_ && !closed_ && queue_.empty() && running_.empty()) {
      closed_ = true;
      expected.push_back(Closed{});
    }
    return complaint_.empty() ? compare(expected, actual) : complaint_;
  }

  const std::vector<ModelTask>& tasks() const { return tasks_; }
  const std::set<int>& running() const { return running_; }
  const std::set<int>& queue() const { return queue_; }
  const std::vector<ModelEngine>& here() const { return here_; }
  const std::vector<ModelEngine>& gone() const { return gone_; }
  EngineId engine_of(const ModelTask& task) const {
    for (const auto* list : {&here_, &gone_}) {
      for (const ModelEngine& engine : *list) {
        if (engine.life == task.life) return engine.id;
      }
    }
    return EngineId("nobody");
  }

 private:
  static bool by_id(const Action& a, const Action& b) { return std::get<Fail>(a).id < std::get<Fail>(b).id; }

  void on(const Submit& e) {
    if (numbers_.count(e.id)) {
      fails_.push_back(Fail{e.id, e.client, e.payload, FailureKind::duplicate});
      return;
    }
    const int at = static_cast<int>(tasks_.size());
    numbers_[e.id] = at;
    tasks_.push_back({e.id, e.client, e.requirements, at, ModelTask::queued, {}, e.requirements.retries});
    queue_.insert(at);
    if (draining_) return fail(at, FailureKind::aborted);
    for (const Dependency* d : {&e.requirements.after, &e.requirements.follow}) {
      bool valid = d->success || d->failure;
      for (const MsgId& id : d->ids) valid = valid && id != e.id && numbers_.count(id);
      if (!valid) return fail(at, FailureKind::invalid_dependency);
    }
  }
  void on(const EngineJoined& e) {
    for (const ModelEngine& engine : here_) {
      if (engine.id == e.engine) return;
    }
    ModelEngine engine{e.engine, fmt::format("{}#{}", e.engine.value, ++lives_), {}};
    for (std::size_t i = 0; i < gone_.size(); ++i) {
      if (gone_[i].id != e.engine) continue;
      engine.life = gone_[i].life;
      gone_.erase(gone_.begin() + static_cast<long>(i));
      break;
    }
    here_.insert(here_.begin(), engine);  // first of the least recently used
  }
  void on(const EngineLeft& e) {
    for (std::size_t i = 0; i < here_.size(); ++i) {
      if (here_[i].id != e.engine) continue;
      here_[i].dies_at = now_ + options_.engine_grace;
      gone_.push_back(here_[i]);
      here_.erase(here_.begin() + static_cast<long>(i));
      // The queue is looked through before the engine's own tasks come back to it.
      fail_the_hopeless();
      if (load(gone_.back().life) == 0 || options_.engine_grace == Duration{}) bury(gone_.back().life);
      return;
    }
  }
  void on(const Finished& e) {
    const auto known = numbers_.find(e.id);
    ModelTask* task = known == numbers_.end() ? nullptr : &tasks_[known->second];
    if (!task || task->state != ModelTask::running || engine_of(*task) != e.engine) {
      replies_.push_back(Hide{e.id, e.engine, HideReason::late});
      return;
    }
    const std::string life = task->life;
    const bool failed = e.outcome != Outcome::ok;
    if (e.outcome == Outcome::unmet || (failed && task->retries > 0 && !draining_)) {
      const bool unmet = e.outcome == Outcome::unmet;
      replies_.push_back(Hide{e.id, e.engine, unmet ? HideReason::unmet : HideReason::retry});
      if (!unmet) --task->retries;
      task->blacklist.insert(life);
      requeue(known->second);
      if (draining_) fail(known->second, FailureKind::aborted);
    } else {
      replies_.push_back(Forward{e.id, e.engine, task->client});
      task->state = failed ? ModelTask::failed : ModelTask::succeeded;
      running_.erase(known->second);
    }
    for (const ModelEngine& engine : gone_) {
      if (engine.life == life && load(life) == 0) return bury(std::string(life));
    }
  }
  void on(const Tick&) {
    const std::set<int> queue = queue_;
    for (int at : queue) {
      if (tasks_[at].deadline && *tasks_[at].deadline <= now_) fail(at, FailureKind::task_timeout);
    }
    const std::vector<ModelEngine> gone = gone_;
    for (const ModelEngine& engine : gone) {
      if (*engine.dies_at <= now_) bury(engine.life);
    }
  }
  void on(const Abort& e) {
    for (const MsgId& id : e.ids) {
      const auto known = numbers_.find(id);
      if (known == numbers_.end()) continue;
      if (queue_.count(known->second)) fail(known->second, FailureKind::aborted);
      if (running_.count(known->second)) tasks_[known->second].retries = 0;
    }
  }
  void on(const EngineChanged&) {}
  void on(const Drain&) {
    draining_ = true;
    const std::set<int> queue = queue_;
    for (int at : queue) fail(at, FailureKind::aborted);
  }

  void requeue(int at) {
    running_.erase(at);
    queue_.insert(at);
    tasks_[at].state = ModelTask::queued;
    tasks_[at].life.clear();
    tasks_[at].deadline.reset();
  }
  void fail(int at, FailureKind kind, std::optional<EngineId> engine = {}) {
    ModelTask& task = tasks_[at];
    fails_.push_back(Fail{task.id, task.client, nullptr, kind, {}, std::move(engine)});
    task.state = ModelTask::failed;
    task.life.clear();
    queue_.erase(at);
    running_.erase(at);
  }
  void bury(std::string life) {
    const auto engine = std::find_if(gone_.begin(), gone_.end(), [&](const auto& e) { return e.life == life; });
    const EngineId id = engine->id;
    const std::set<int> running = running_;
    for (int at : running) {
      if (tasks_[at].life != life) continue;
      if (++tasks_[at].deaths >= options_.poison_deaths) {
        fail(at, FailureKind::poison, id);
      } else if (tasks_[at].retries > 0 && !draining_) {
        --tasks_[at].retries;
        requeue(at);
      } else {
        fail(at, FailureKind::engine_died, id);
      }
    }
    gone_.erase(engine);
  }

  std::size_t load(const std::string& life) const {
    return static_cast<std::size_t>(
        std::count_if(running_.begin(), running_.end(), [&](int at) { return tasks_[at].life == life; }));
  }
  /// S, F of the rules, limited to one engine when `life` is given.
  std::set<MsgId> finished(const Dependency& d, bool successes, bool failures, const std::string* life) const {
    std::set<MsgId> found;
    for (const MsgId& id : d.ids) {
      const ModelTask& task = tasks_[numbers_.at(id)];
      if (life && task.life != *life) continue;
      if ((successes && task.state == ModelTask::succeeded) || (failures && task.state == ModelTask::failed)) {
        found.insert(id);
      }
    }
    return found;
  }
  bool met(const Dependency& d, const std::string* life) const {
    if (d.ids.empty()) return true;
    const auto asked = finished(d, d.success, d.failure, life);
    return d.all ? asked == std::set<MsgId>(d.ids.begin(), d.ids.end()) : !asked.empty();
  }
  bool unreachable(const Dependency& d) const {
    if (d.ids.empty()) return false;
    const auto lost = finished(d, !d.success, !d.failure, nullptr);
    return d.all ? !lost.empty() : lost == std::set<MsgId>(d.ids.begin(), d.ids.end());
  }
  bool may_run_on(const ModelTask& task, const ModelEngine& engine) const {
    const auto& targets = task.wanted.targets;
    return (targets.empty() || std::find(targets.begin(), targets.end(), engine.id) != targets.end()) &&
           !task.blacklist.count(engine.life) && met(task.wanted.follow, &engine.life);
  }
  bool ready(const ModelTask& task) const {
    return met(task.wanted.after, nullptr) && met(task.wanted.follow, nullptr);
  }

  bool hopeless(const ModelTask& task) const {
    const Dependency& follow = task.wanted.follow;
    if (unreachable(task.wanted.after) || unreachable(follow)) return true;
    std::set<std::string> homes;
    for (const MsgId& id : finished(follow, follow.success, follow.failure, nullptr)) {
      homes.insert(tasks_[numbers_.at(id)].life);
    }
    if (follow.all && (homes.size() > 1 || homes.count(""))) return true;
    if (!ready(task) || (task.wanted.targets.empty() && follow.ids.empty())) return false;
    if (finished(follow, true, true, nullptr).size() < std::set<MsgId>(follow.ids.begin(), follow.ids.end()).size()) {
      return false;
    }
    return std::none_of(here_.begin(), here_.end(), [&](const ModelEngine& e) { return may_run_on(task, e); });
  }
  void fail_the_hopeless() {
    for (bool again = true; again;) {
      again = false;
      const std::set<int> queue = queue_;
      for (int at : queue) {
        if (!hopeless(tasks_[at])) continue;
        fail(at, FailureKind::impossible_dependency);
        again = true;
      }
    }
  }
  void place() {
    const std::set<int> queue = queue_;  // in order of arrival
    for (int at : queue) {
      ModelTask& task = tasks_[at];
      if (!ready(task)) continue;
      std::vector<std::size_t> candidates;
      std::vector<Load> loads;
      for (std::size_t i = 0; i < here_.size(); ++i) {
        const std::size_t outstanding = load(here_[i].life);
        if ((options_.hwm != 0 && outstanding >= options_.hwm) || !may_run_on(task, here_[i])) continue;
        candidates.push_back(i);
        loads.push_back(static_cast<Load>(outstanding));
      }
      if (candidates.empty()) continue;
      std::size_t choice = 0;
      if (options_.scheme == Scheme::leastload || options_.scheme == Scheme::lru) {
        Rng unused;
        choice = pick_of(options_.scheme)(loads, unused);
      } else {  // any candidate may come out: follow the scheduler's choice
        const EngineId chosen = chosen_.count(task.id) ? chosen_[task.id] : EngineId();
        while (choice < candidates.size() && here_[candidates[choice]].id != chosen) ++choice;
        if (choice == candidates.size()) {
          complaint_ = fmt::format("task {} went to '{}', not a candidate", task.id.value, chosen.value);
          return;
        }
      }
      const ModelEngine engine = here_[candidates[choice]];
      here_.erase(here_.begin() + static_cast<long>(candidates[choice]));
      here_.push_back(engine);
      task.state = ModelTask::running;
      task.life = engine.life;
      task.deadline.reset();
      queue_.erase(at);
      running_.insert(at);
      dispatches_.push_back(Dispatch{task.id, engine.id, nullptr});
    }
  }

  static std::string compare(const std::vector<Action>& expected, std::vector<Action> actual) {
    std::vector<Action*> fails;
    std::size_t first = actual.size(), last = 0;
    for (std::size_t i = 0; i < actual.size(); ++i) {
      auto* failure = std::get_if<Fail>(&actual[i]);
      if (!failure) continue;
      if (failure->text.find(failure->id.value) == std::string::npos) return "a failure does not name its task";
      failure->text.clear();
      first = std::min(first, i);
      last = i + 1;
    }
    if (first < last) {  // failures come in a block, whose inner order is free
      for (std::size_t i = first; i < last; ++i) {
        if (!std::holds_alternative<Fail>(actual[i])) return "failures are mixed with other actions";
      }
      std::sort(actual.begin() + static_cast<long>(first), actual.begin() + static_cast<long>(last), by_id);
    }
    if (actual == expected) return {};
    return fmt::format("expected {}\n  actual {}", print(expected), print(actual));
  }
  static std::string print(const std::vector<Action>& actions) {
    std::string text;
    for (const Action& action : actions) {
      if (const auto* d = std::get_if<Dispatch>(&action))
        text += fmt::format("Dispatch({} to {}) ", d->id.value, d->engine.value);
      if (const auto* f = std::get_if<Forward>(&action))
        text += fmt::format("Forward({} of {} to {}) ", f->id.value, f->engine.value, f->client.value);
      if (const auto* h = std::get_if<Hide>(&action))
        text += fmt::format("Hide({} of {}, {}) ", h->id.value, h->engine.value, static_cast<int>(h->reason));
      if (const auto* f = std::get_if<Fail>(&action))
        text += fmt::format("Fail({}, {}{}) ", f->id.value, exception_name(f->kind),
                            f->engine ? " " + f->engine->value : "");
      if (std::holds_alternative<Closed>(action)) text += "Closed ";
    }
    return text.empty() ? "nothing" : text;
  }

  Options options_;
  TimePoint now_{};
  bool draining_ = false, closed_ = false;
  std::vector<ModelTask> tasks_;  // by arrival
  std::map<MsgId, int> numbers_;
  std::set<int> queue_, running_;
  std::vector<ModelEngine> here_;  // least recently used first
  std::vector<ModelEngine> gone_;  // in their grace time
  int lives_ = 0;

  std::vector<Action> replies_, fails_, dispatches_;
  std::map<MsgId, EngineId> chosen_;
  std::string complaint_;
};

/// Makes up one event after another from a source of choices: `below(n)` gives 0 .. n-1.
template <class Below>
class Driver {
 public:
  Driver(Options options, std::uint64_t seed, Below below)
      : scheduler_(options, seed),
        model_(options),
        below_(std::move(below)),
        pool_(1 + static_cast<unsigned>(seed % 7)) {}

  /// One event into both. Empty when they agree and the invariants hold.
  std::string step() {
    now_ += std::chrono::milliseconds(below_(200));
    const Event event = make_event();
    const std::vector<Action> actions = scheduler_.handle(event, now_);
    if (std::string difference = model_.step(event, now_, actions); !difference.empty()) return difference;
    if (auto violation = scheduler_.check()) return *violation;
    if (scheduler_.queued() != model_.queue().size() || scheduler_.running() != model_.running().size()) {
      return "the counts of tasks differ";
    }
    return {};
  }

 private:
  Event make_event() {
    const std::size_t busy = model_.queue().size() + model_.running().size();
    const unsigned kind = below_(100);
    const unsigned submits = ++steps_ / 64 % 2 == 0 ? 60 : 20;  // the queue fills and drains in turn
    if (kind < submits && busy < 40) return submit();
    if (kind < 75 && !model_.running().empty()) return finish();
    if (kind < 81) return EngineJoined{EngineId(fmt::format("e{}", below_(pool_)))};
    if (kind < 86 && !model_.here().empty()) return EngineLeft{model_.here()[below_(model_.here().size())].id};
    if (kind < 92) return Tick{};
    if (kind < 95) return Abort{{some_id(), some_id()}};
    if (kind < 98) {  // late, duplicate or out of nowhere
      return Finished{some_id(), EngineId(fmt::format("e{}", below_(pool_))), static_cast<Outcome>(below_(4))};
    }
    if (kind == 98 && below_(20) == 0) return Drain{};
    if (!model_.gone().empty()) return EngineJoined{model_.gone()[below_(model_.gone().size())].id};
    return Tick{};
  }
  MsgId some_id() {
    const auto next = static_cast<unsigned>(model_.tasks().size());
    return MsgId(fmt::format("t{}", below_(40) == 0 ? next + below_(3) : next - std::min(next, below_(25))));
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
    if (below_(2) == 0) return event;
    if (below_(3) == 0) event.requirements.after = some_dependency();
    if (below_(4) == 0) event.requirements.follow = some_dependency();
    if (below_(4) == 0) {
      for (unsigned n = 1 + below_(3); n > 0; --n)
        event.requirements.targets.emplace_back(fmt::format("e{}", below_(pool_)));
    }
    if (below_(4) == 0) event.requirements.timeout = std::chrono::milliseconds(below_(4000));
    if (below_(3) == 0) event.requirements.retries = static_cast<std::int32_t>(below_(5));
    return event;
  }
  Event finish() {
    auto at = model_.running().begin();
    std::advance(at, below_(model_.running().size()));
    const auto& task = model_.tasks()[*at];
    const unsigned outcome = below_(10);
    return Finished{task.id, model_.engine_of(task),
                    outcome < 6   ? Outcome::ok
                    : outcome < 8 ? Outcome::error
                    : outcome < 9 ? Outcome::aborted
                                  : Outcome::unmet};
  }

  Scheduler scheduler_;
  Model model_;
  Below below_;
  unsigned pool_;  // as many engines come and go
  unsigned steps_ = 0;
  TimePoint now_{};
};

/// The options that a number stands for; small numbers cover every scheme, bound and grace.
inline Options options_of(unsigned number) {
  constexpr std::uint32_t kBounds[] = {1, 0, 2, 4};
  Options options;
  options.scheme = kSchemes[number % 5].scheme;
  options.hwm = kBounds[number / 5 % 4];
  options.engine_grace = std::chrono::milliseconds(number / 20 % 2 == 0 ? 1000 : 0);
  return options;
}

}  // namespace camshaft::sched::testing
