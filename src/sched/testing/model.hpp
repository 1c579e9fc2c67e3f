// sched/testing/model.hpp: the scheduler's rules written for reading, not for speed. Used by the property test and the
// fuzz target, which feed the same events to both (testing/driver.hpp).
// Thread: one. Owns: its own idea of every task and engine; looks at each of them after each event.
// Errors: a difference comes back as text.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "sched/scheduler.hpp"

namespace camshaft::sched::testing {

class Model {
 public:
  explicit Model(Options options) : options_(std::move(options)) {}

  struct ModelTask {
    MsgId id;
    ClientId client;
    Requirements wanted;
    int arrival = 0;
    std::int64_t turn = 0;
    enum State { queued, running, succeeded, failed } state = queued;
    std::string life{};  // the engine (in this life of it) where it runs or ended; empty: none
    int retries = 0;
    unsigned deaths = 0;
    std::set<std::string> blacklist{};    // lives
    std::optional<TimePoint> deadline{};  // of its wait, or of its run
    // While it runs:
    TimePoint sent{};
    Micros expected = 0;
    bool alone = false, recalled = false, aborted = false, over_limit = false, stopping = false, killed = false;
    std::string avoid{};  // the life that handed it back in this event
  };
  struct ModelEngine {
    EngineId id;
    std::string life;
    int serial = 0;
    Properties properties{};
    bool recalls = false;
    std::vector<int> tasks{};  // in the order in which it runs them
    Credit credit{};
    std::optional<TimePoint> dies_at{};
  };

  /// Takes the event in and says how `actual` differs from what the rules ask for; empty when it does not.
  std::string step(const Event& event, TimePoint now, const std::vector<Action>& actual) {
    now_ = now;
    replies_.clear();
    fails_.clear();
    dispatches_.clear();
    orders_.clear();
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
      task.avoid.clear();
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
    if (!complaint_.empty()) return complaint_;
    std::vector<Action> others;
    std::multiset<std::string> orders;
    for (const Action& action : actual) {
      const std::string order = order_of(action);
      if (order.empty()) {
        others.push_back(action);
      } else if (orders_.count(order) > 0 || !take_back(action)) {
        orders.insert(order);
      }
    }
    if (orders != orders_) return fmt::format("orders differ: expected {}, actual {}", join(orders_), join(orders));
    return compare(expected, others);
  }

  const std::vector<ModelTask>& tasks() const { return tasks_; }
  const std::set<int>& running() const { return running_; }
  const std::set<int>& queue() const { return queue_; }
  const std::vector<ModelEngine>& here() const { return here_; }
  const std::vector<ModelEngine>& gone() const { return gone_; }
  EngineId engine_of(const ModelTask& task) const {
    const ModelEngine* engine = engine_with(task.life);
    return engine ? engine->id : EngineId("nobody");
  }
  const ModelEngine* engine_with(const std::string& life) const { return const_cast<Model*>(this)->find(life); }

  /// The next time at which something is due, but for the moving of tasks between engines.
  std::optional<TimePoint> next_deadline() const {
    std::optional<TimePoint> next;
    const auto consider = [&](const std::optional<TimePoint>& at) {
      if (at && (!next || *at < *next)) next = at;
    };
    for (const auto* tasks : {&queue_, &running_}) {
      for (int at : *tasks) consider(tasks_[at].deadline);
    }
    for (const ModelEngine& engine : gone_) consider(engine.dies_at);
    return next;
  }

 private:
  static bool by_id(const Action& a, const Action& b) { return std::get<Fail>(a).id < std::get<Fail>(b).id; }

  void on(const Submit& e) {
    if (numbers_.count(e.id)) {
      fails_.push_back(Fail{e.id, e.client, e.payload, FailureKind::duplicate, {}, {}});
      return;
    }
    const int at = static_cast<int>(tasks_.size());
    numbers_[e.id] = at;
    ModelTask task{e.id, e.client, e.requirements, at};
    task.turn = now_.time_since_epoch().count() - e.requirements.priority * options_.aging.count();
    task.retries = e.requirements.retries;
    tasks_.push_back(task);
    queue_.insert(at);
    if (draining_) return fail(at, FailureKind::aborted);
    for (const Dependency* d : {&e.requirements.after, &e.requirements.follow}) {
      bool valid = d->success || d->failure;
      for (const MsgId& id : d->ids) valid = valid && id != e.id && numbers_.count(id);
      if (!valid) return fail(at, FailureKind::invalid_dependency);
    }
  }
  void on(const EngineJoined& e) {
    if (find_here(e.engine)) return on(EngineChanged{e.engine, e.properties});
    ModelEngine engine{e.engine, fmt::format("{}#{}", e.engine.value, ++lives_), lives_};
    for (std::size_t i = 0; i < gone_.size(); ++i) {
      if (gone_[i].id != e.engine) continue;
      engine = gone_[i];
      --lives_;
      engine.dies_at.reset();
      gone_.erase(gone_.begin() + static_cast<long>(i));
      break;
    }
    engine.properties = e.properties;
    engine.recalls = e.recalls;
    here_.insert(here_.begin(), engine);  // first of the least recently used
    start_limit(here_.front());
  }
  void on(const EngineChanged& e) {
    for (auto* engines : {&here_, &gone_}) {
      for (ModelEngine& engine : *engines) {
        if (engine.id == e.engine) engine.properties = e.properties;
      }
    }
  }
  void on(const EngineLeft& e) {
    for (std::size_t i = 0; i < here_.size(); ++i) {
      if (here_[i].id != e.engine) continue;
      here_[i].dies_at = now_ + options_.engine_grace;
      if (!here_[i].tasks.empty()) tasks_[here_[i].tasks.front()].deadline.reset();
      gone_.push_back(here_[i]);
      here_.erase(here_.begin() + static_cast<long>(i));
      // The queue is looked through before the engine's own tasks come back to it.
      fail_the_hopeless();
      if (gone_.back().tasks.empty() || options_.engine_grace == Duration{}) bury(gone_.back().life);
      return;
    }
  }
  void on(const Finished& e) {
    const auto known = numbers_.find(e.id);
    if (known == numbers_.end() || tasks_[known->second].state != ModelTask::running ||
        engine_of(tasks_[known->second]) != e.engine) {
      replies_.push_back(Hide{e.id, e.engine, HideReason::late});
      return;
    }
    const int at = known->second;
    ModelEngine& engine = *find(tasks_[at].life);
    const bool ran = e.outcome == Outcome::ok || e.outcome == Outcome::error;
    if (ran && e.took && options_.hwm == kAutoHwm && engine.recalls) {
      const Micros took = micros(*e.took);
      engine.credit.answered(tasks_[at].expected, took, tasks_[at].alone, micros(now_ - tasks_[at].sent));
      durations_.learn(label_fingerprint(tasks_[at].wanted.label), static_cast<std::uint32_t>(engine.serial), took);
    }
    const ModelTask was = tasks_[at];
    take_off(at);
    ModelTask& task = tasks_[at];
    const bool failed = e.outcome != Outcome::ok;
    if (e.outcome == Outcome::unmet || e.outcome == Outcome::recalled) {
      const bool unmet = e.outcome == Outcome::unmet;
      replies_.push_back(Hide{e.id, e.engine, unmet ? HideReason::unmet : HideReason::recalled});
      if (unmet) task.blacklist.insert(was.life);
      if (!unmet) task.avoid = was.life;
      requeue(at);
      if (draining_ || was.aborted) fail(at, FailureKind::aborted);
    } else if (failed && task.retries > 0 && !draining_) {
      replies_.push_back(Hide{e.id, e.engine, HideReason::retry});
      --task.retries;
      task.blacklist.insert(was.life);
      requeue(at);
    } else if (failed && was.over_limit) {
      replies_.push_back(Hide{e.id, e.engine, HideReason::time_limit});
      fail(at, FailureKind::time_limit);
    } else {
      replies_.push_back(Forward{e.id, e.engine, task.client});
      task.state = failed ? ModelTask::failed : ModelTask::succeeded;
      task.life = was.life;
      running_.erase(at);
    }
    const ModelEngine* left = engine_with(was.life);
    if (left->dies_at && left->tasks.empty()) bury(was.life);
  }
  void on(const Tick&) {
    const std::set<int> queue = queue_, running = running_;
    for (int at : queue) {
      if (tasks_[at].deadline && *tasks_[at].deadline <= now_) fail(at, FailureKind::task_timeout);
    }
    for (int at : running) {
      ModelTask& task = tasks_[at];
      if (!task.deadline || *task.deadline > now_) continue;
      const Duration grace = task.wanted.kill_after;
      const bool kill = task.stopping || grace <= Duration{};
      task.over_limit = true;
      recall_all_but_first(*find(task.life));
      stop(task, kill);
      task.deadline = now_ + (kill ? std::max<Duration>(grace, std::chrono::seconds(1)) : grace);
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
      const int at = known->second;
      ModelTask& task = tasks_[at];
      if (queue_.count(at)) fail(at, FailureKind::aborted);
      if (!running_.count(at)) continue;
      task.retries = 0;
      task.aborted = true;
      ModelEngine& engine = *find(task.life);
      if (engine.dies_at) continue;
      if (engine.recalls) recall(task, engine);
      const bool told = e.how != How::queued && (engine.recalls || engine.tasks.front() == at);
      if (told && e.how == How::kill) recall_all_but_first(engine);
      if (told) stop(task, e.how == How::kill);
    }
  }
  void on(const Drain&) {
    if (draining_) return;
    draining_ = true;
    const std::set<int> queue = queue_;
    for (int at : queue) fail(at, FailureKind::aborted);
    for (ModelEngine& engine : here_) recall_all_but_first(engine);
  }

  // ---- orders to engines ---------------------------------------------------------------------------------------

  void recall(ModelTask& task, const ModelEngine& engine) {
    if (!task.recalled) orders_.insert(order_of(Recall{task.id, engine.id}));
    task.recalled = true;
  }
  void recall_all_but_first(const ModelEngine& engine) {
    if (!engine.recalls || engine.dies_at) return;
    for (std::size_t i = 1; i < engine.tasks.size(); ++i) recall(tasks_[engine.tasks[i]], engine);
  }
  void stop(ModelTask& task, bool kill) {
    task.stopping = true;
    task.killed = task.killed || kill;
    const EngineId engine = engine_of(task);
    orders_.insert(kill ? order_of(Kill{task.id, engine}) : order_of(Interrupt{task.id, engine}));
  }
  /// A recall that no rule asks for: allowed when it may do good to an engine that has nothing.
  bool take_back(const Action& action) {
    const auto* order = std::get_if<Recall>(&action);
    const auto known = order ? numbers_.find(order->id) : numbers_.end();
    if (known == numbers_.end() || options_.hwm != kAutoHwm || draining_) return false;
    ModelTask& task = tasks_[known->second];
    const ModelEngine* engine = find_here(order->engine);
    if (!engine || task.life != engine->life || !running_.count(known->second) || task.recalled) return false;
    if (!engine->recalls) return false;
    const bool sense = std::any_of(here_.begin(), here_.end(), [&](const ModelEngine& other) {
      return other.tasks.empty() && allowed_on(task, other) && fits_now(task, other);
    });
    task.recalled = sense;
    return sense;
  }
  static std::string order_of(const Action& action) {
    if (const auto* r = std::get_if<Recall>(&action))
      return fmt::format("recall {} of {}", r->id.value, r->engine.value);
    if (const auto* i = std::get_if<Interrupt>(&action)) {
      return fmt::format("interrupt {} of {}", i->id.value, i->engine.value);
    }
    if (const auto* k = std::get_if<Kill>(&action)) return fmt::format("kill {} of {}", k->id.value, k->engine.value);
    return {};
  }
  static std::string join(const std::multiset<std::string>& orders) {
    std::string text;
    for (const std::string& order : orders) text += "[" + order + "] ";
    return text.empty() ? "none" : text;
  }

  // ---- tasks and engines ---------------------------------------------------------------------------------------

  ModelEngine* find(const std::string& life) {
    for (auto* engines : {&here_, &gone_}) {
      for (ModelEngine& engine : *engines) {
        if (engine.life == life) return &engine;
      }
    }
    return nullptr;
  }
  ModelEngine* find_here(const EngineId& id) {
    for (ModelEngine& engine : here_) {
      if (engine.id == id) return &engine;
    }
    return nullptr;
  }
  void start_limit(const ModelEngine& engine) {
    if (engine.tasks.empty() || engine.dies_at) return;
    ModelTask& first = tasks_[engine.tasks.front()];
    if (first.wanted.time_limit == Duration{}) return;
    first.deadline = now_ + (first.stopping ? std::max<Duration>(first.wanted.kill_after, std::chrono::seconds(1))
                                            : first.wanted.time_limit);
  }
  /// The task does not run there any more.
  void take_off(int at) {
    ModelTask& task = tasks_[at];
    ModelEngine& engine = *find(task.life);
    const bool first = engine.tasks.front() == at;
    engine.tasks.erase(std::find(engine.tasks.begin(), engine.tasks.end(), at));
    task.deadline.reset();
    task.recalled = task.aborted = task.over_limit = task.stopping = task.killed = false;
    if (first) start_limit(engine);
  }
  void requeue(int at) {
    running_.erase(at);
    queue_.insert(at);
    tasks_[at].state = ModelTask::queued;
    tasks_[at].life.clear();
  }
  void fail(int at, FailureKind kind, std::optional<EngineId> engine = {}) {
    ModelTask& task = tasks_[at];
    fails_.push_back(Fail{task.id, task.client, {}, kind, {}, std::move(engine)});
    task.state = ModelTask::failed;
    task.life.clear();
    task.deadline.reset();
    queue_.erase(at);
    running_.erase(at);
  }
  void bury(std::string life) {
    const EngineId id = find(life)->id;
    const std::vector<int> tasks = find(life)->tasks;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      ModelTask& task = tasks_[tasks[i]];
      const ModelTask was = task;
      take_off(tasks[i]);
      if (i == 0 && !was.killed && ++task.deaths >= options_.poison_deaths) {
        fail(tasks[i], FailureKind::poison, id);
      } else if (task.retries > 0 && !draining_) {
        --task.retries;
        requeue(tasks[i]);
      } else {
        fail(tasks[i],
             was.over_limit ? FailureKind::time_limit
             : was.killed   ? FailureKind::aborted
                            : FailureKind::engine_died,
             id);
      }
    }
    gone_.erase(std::find_if(gone_.begin(), gone_.end(), [&](const auto& e) { return e.life == life; }));
  }

  // ---- dependencies and demands --------------------------------------------------------------------------------

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
  bool allowed_on(const ModelTask& task, const ModelEngine& engine) const {
    const auto& targets = task.wanted.targets;
    return (targets.empty() || std::find(targets.begin(), targets.end(), engine.id) != targets.end()) &&
           !task.blacklist.count(engine.life) && met(task.wanted.follow, &engine.life);
  }
  bool fits_now(const ModelTask& task, const ModelEngine& engine) const {
    for (const Where& where : task.wanted.where) {
      if (!holds(where, engine.properties)) return false;
    }
    for (const Resource& wanted : task.wanted.resources) {
      double left = amount_of(wanted.name, engine.properties);
      for (int at : engine.tasks) {
        for (const Resource& taken : tasks_[at].wanted.resources) left -= taken.name == wanted.name ? taken.amount : 0;
      }
      if (left < wanted.amount - 1e-9) return false;
    }
    return true;
  }
  bool open(const ModelEngine& engine) const {
    const auto load = static_cast<std::uint32_t>(engine.tasks.size());
    std::uint64_t expected = 0;
    bool recalling = false;
    for (int at : engine.tasks) {
      if (tasks_[at].stopping) return false;
      recalling = recalling || tasks_[at].recalled;
      expected += tasks_[at].expected;
    }
    if (options_.hwm != kAutoHwm) return options_.hwm == 0 || load < options_.hwm;
    if (load == 0 || !engine.recalls || recalling) return load == 0;
    const Micros first = tasks_[engine.tasks.front()].expected;
    return engine.credit.room(load, first, expected - first);
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
    return std::none_of(here_.begin(), here_.end(), [&](const ModelEngine& e) { return allowed_on(task, e); });
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

  // ---- placement -----------------------------------------------------------------------------------------------

  std::vector<int> in_turn() const {
    std::vector<int> order(queue_.begin(), queue_.end());
    std::sort(order.begin(), order.end(), [&](int a, int b) {
      return std::tie(tasks_[a].turn, tasks_[a].arrival) < std::tie(tasks_[b].turn, tasks_[b].arrival);
    });
    return order;
  }
  void place() {
    for (int at : in_turn()) {
      ModelTask& task = tasks_[at];
      if (!ready(task)) continue;
      std::vector<std::size_t> candidates;
      for (std::size_t i = 0; i < here_.size(); ++i) {
        if (open(here_[i]) && allowed_on(task, here_[i]) && fits_now(task, here_[i])) candidates.push_back(i);
      }
      if (candidates.size() > 1) {  // not back to where it was not wanted
        candidates.erase(std::remove_if(candidates.begin(), candidates.end(),
                                        [&](std::size_t i) { return here_[i].life == task.avoid; }),
                         candidates.end());
      }
      if (candidates.empty()) continue;
      std::vector<Load> loads;
      for (std::size_t i : candidates) loads.push_back(static_cast<Load>(here_[i].tasks.size()));
      std::size_t choice = 0;
      if (options_.scheme == Scheme::leastload || options_.scheme == Scheme::lru || options_.scheme == Scheme::pure) {
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
      send(at, candidates[choice]);
    }
  }
  /// Its priority and one for each whole step of aging since it came.
  double lead_of(int at) const {
    const auto before = static_cast<double>(now_.time_since_epoch().count() - tasks_[at].turn);
    return std::floor(before / static_cast<double>(options_.aging.count()));
  }
  void send(int at, std::size_t to) {
    ModelEngine engine = here_[to];
    ModelTask& task = tasks_[at];
    task.state = ModelTask::running;
    task.life = engine.life;
    task.deadline.reset();
    task.sent = now_;
    task.alone = engine.tasks.empty();
    task.avoid.clear();
    const bool measured = options_.hwm == kAutoHwm && engine.recalls;
    const std::uint32_t label = label_fingerprint(task.wanted.label);
    task.expected = measured ? durations_.expected(label, static_cast<std::uint32_t>(engine.serial)) : 0;
    auto place = engine.tasks.end();
    if (engine.recalls && !engine.tasks.empty()) {
      while (place != engine.tasks.begin() + 1 && lead_of(*(place - 1)) < lead_of(at)) --place;
    }
    engine.tasks.insert(place, at);
    here_.erase(here_.begin() + static_cast<long>(to));
    here_.push_back(engine);
    queue_.erase(at);
    running_.insert(at);
    dispatches_.push_back(Dispatch{task.id, engine.id, {}});
    if (task.alone) start_limit(engine);
  }

  static std::string compare(const std::vector<Action>& expected, std::vector<Action> actual) {
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
        text += fmt::format("Fail({}, {} {}{}) ", f->id.value, exception_name(f->kind), static_cast<int>(f->kind),
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
  Durations durations_;

  std::vector<Action> replies_, fails_, dispatches_;
  std::multiset<std::string> orders_;
  std::map<MsgId, EngineId> chosen_;
  std::string complaint_;
};

}  // namespace camshaft::sched::testing
