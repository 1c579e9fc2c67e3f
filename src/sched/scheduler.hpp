// sched/scheduler.hpp: the task scheduler as a state machine: events in, actions out, nothing else.
// Thread: one. Owns: every task from Submit until its one terminal action (Forward or Fail), and its payload.
// Errors: none from handle(): a task's failure is an action. check() names a broken invariant; debug builds throw it.
// Rules: those of the original's task scheduler without its known defects; docs/reference/scheduling.md has ours beyond
// them. The same seed and events give the same actions.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "core/names.hpp"
#include "core/short_ids.hpp"
#include "core/slab.hpp"
#include "core/time.hpp"
#include "sched/credit.hpp"
#include "sched/demands.hpp"
#include "sched/engine_index.hpp"
#include "sched/events.hpp"
#include "sched/fifo.hpp"
#include "sched/msg_table.hpp"
#include "sched/schemes.hpp"

namespace camshaft::sched {

constexpr std::uint32_t kAutoHwm = ~std::uint32_t{0};

struct Options {
  // Tasks an engine may hold at a time; 0: no bound; kAutoHwm: one, and for engines that can hand tasks back as many as
  // hide the round trip behind short tasks.
  std::uint32_t hwm = kAutoHwm;
  Scheme scheme = Scheme::leastload;
  Chooser chooser = {};                             // scheme custom
  Duration engine_grace = std::chrono::seconds(5);  // how long replies of a lost engine are waited for; 0: not at all
  std::uint32_t poison_deaths = 3;                  // a task that ran while so many engines died is not run again
  std::size_t remembered = 100'000;  // finished tasks that later ones may at least depend on; half as many more at most
  Duration aging = std::chrono::hours(1);  // one step of priority is worth so much waiting, so that nothing starves
};

class Scheduler {
 public:
  Scheduler(Options options, std::uint64_t seed);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// Appends what is to be done, in this order, to `out`.
  void handle(Event event, TimePoint now, std::vector<Action>& out);
  std::vector<Action> handle(Event event, TimePoint now);

  // adoption.cpp: what a controller does after a crash, or an engine after a broken connection.
  /// Takes over a task that `engine` holds already: it counts as running there, and nothing is sent. When the engine is
  /// gone, the task fails or is repeated as if it had just died. A task that is known is left alone.
  void adopt(Submit task, const EngineId& engine, TimePoint now, std::vector<Action>& out);
  /// A task that ended under an earlier controller: others may depend on it.
  void remember(const MsgId& id, bool success);
  /// A task that an engine is said to have, and how often it had been sent by then.
  struct InFlight {
    MsgId id;
    std::uint32_t dispatches;
    bool operator==(const InFlight&) const = default;
  };
  std::vector<InFlight> in_flight(const EngineId& engine) const;
  /// The engine never got the task: it goes elsewhere, at no cost.
  void give_back(const InFlight& task, const EngineId& engine, TimePoint now, std::vector<Action>& out);
  /// The engine has run the task, but its reply is not to be had: it fails, or is repeated if it has retries.
  void lose_result(const InFlight& task, const EngineId& engine, TimePoint now, std::vector<Action>& out);
  /// Whether the id is that of a task that is waiting or running (true) or has ended (false); nullopt: never seen.
  std::optional<bool> is_live(const MsgId& id) const;

  /// When a Tick is wanted next.
  std::optional<TimePoint> next_deadline() const;

  std::size_t queued() const { return tasks_.size() - running_; }
  std::size_t running() const { return running_; }
  std::size_t engines() const { return engine_slots_.size(); }  // with those in their grace time
  bool draining() const { return phase_ != Phase::open; }

  /// The first invariant that does not hold, with the story of the task concerned. O(tasks * engines).
  std::optional<std::string> check() const;
  /// One line on where a task is and how it came there; empty for an unknown id.
  std::string story(const MsgId& id) const;
  /// For users: what the task waits for, or where it runs and, with `now`, for how long; empty for an unknown id.
  /// O(waiting tasks + engines).
  std::string why(const MsgId& id, std::optional<TimePoint> now = std::nullopt) const;

 private:
  using Serial = std::uint32_t;  // an engine's life: given when it joins, never used again
  static constexpr Slot kNoSlot = ~Slot{0};
  enum class Phase : std::uint8_t { open, draining, closed };

  /// How far one Dependency has come. Each id counts once, as good (what was asked for) or bad.
  struct Progress {
    std::uint32_t total = 0, good = 0, bad = 0;
    bool all = true, success = true, failure = false;
    bool met() const { return total == 0 || (all ? good == total : good > 0); }
    bool hopeless() const { return total > 0 && (all ? bad > 0 : bad == total); }
  };

  static const Progress kNothing;  // waited for

  /// What only tasks with requirements on place and time or a history have.
  struct Conditions {
    Progress follow;
    std::vector<Serial> homes;            // where the good ones of `follow` ran, ascending
    bool homeless = false;                // a good one of `follow` never ran
    std::vector<EngineId> targets;        // as submitted
    std::vector<Serial> blacklist;        // engines that answered unmet or failed it, ascending
    Demand* demand = nullptr;             // owned by demands_; null: any engine will do
    Duration timeout{};                   // from each time it is put into the queue
    Duration time_limit{}, kill_after{};  // from when it is its engine's oldest task
    std::optional<TimePoint> deadline{};  // set exactly while it has an entry in timers_
    bool restricted() const { return !targets.empty() || follow.total > 0; }
  };

  /// Which tasks wait together: those that may run on the same engines.
  struct LaneKey {
    bool restricted = false;      // only `engines` are allowed, else all but these
    std::uint64_t demand = 0;     // its number; 0: none
    std::vector<Serial> engines;  // ascending
    auto operator<=>(const LaneKey&) const = default;
  };
  struct Lane {
    const LaneKey* key = nullptr;
    const Demand* demand = nullptr;
    Fifo fifo;
    std::optional<Entry> listed{};  // its first task, as listed in lane_heads_ or in the engines' heads
  };

  struct Blocked {};  // some dependency has not finished
  struct Waiting {    // could run now, but on no engine that is open
    Lane* lane = nullptr;
  };
  enum class Stop : std::uint8_t { none, interrupted, killed };
  struct Running {
    Slot engine = kNoSlot;
    Slot older = kNoSlot, newer = kNoSlot;  // its neighbours among the engine's tasks, which run in this order
    Micros expected = 0;
    TimePoint sent{};
    bool alone = false;       // the engine had nothing else when it was sent
    bool recalled = false;    // the engine was asked to hand it back
    bool aborted = false;     // nobody wants it any more
    bool over_limit = false;  // it ran longer than it may
    Stop stop = Stop::none;   // what was done about it
  };

  /// A dependent, told when the task ends; void when its slot has another arrival by then.
  struct Edge {
    std::uint64_t arrival = 0;
    Slot task = kNoSlot;
    bool follow = false;
  };
  /// Edges of one task, in the order of submission of its dependents.
  struct Listed {
    Edge edge;
    Slot next = kNoSlot;
  };

  struct Task {
    std::uint64_t arrival = 0;  // order of submission from 1; 0: the slot is free
    std::int64_t turn = 0;
    std::uint64_t fingerprint = 0;
    Progress after;
    std::unique_ptr<Conditions> conditions;                    // null: runs anywhere
    Slot first_dependent = kNoSlot, last_dependent = kNoSlot;  // in edges_
    std::variant<Blocked, Waiting, Running> state;
    ShortId id;  // in ids_
    Parcel payload;
    std::int32_t retries_left = 0;
    std::uint32_t dispatches = 0;
    std::uint32_t deaths = 0;  // engines that died while running it
    std::uint32_t label = 0;   // its fingerprint
    std::uint32_t client = 0;  // its number in clients_
    const Progress& follow() const { return conditions ? conditions->follow : kNothing; }
    bool may_run() const { return after.met() && follow().met(); }
  };

  struct Engine {
    EngineId id;
    std::optional<EngineNumber> number;
    Serial serial = 0;  // 0: the slot is free
    bool recalls = false;
    bool retiring = false;  // it gets no more tasks
    Slot oldest = kNoSlot,
         newest = kNoSlot;       // the ends of the list of Running tasks whose `engine` is this slot
    Load load = 0;               // how many these are
    Load recalling = 0;          // how many of these were asked back,
    Load stopping = 0;           // or are to be stopped
    std::uint64_t expected = 0;  // the sum of their expected durations
    TimePoint busy_since{};      // when `oldest` became the oldest
    Credit credit;
    std::optional<TimePoint> dies_at;  // set once it has left: no longer in index_, buried at that time
    std::string why;                   // how its process ended, then, if somebody knows
    std::map<Entry, Lane*> heads;      // the first task of each restricted lane that is allowed here
    std::size_t crowd_at = 0;          // its place in crowded_, from 1; 0: not in there
    bool idle = false;                 // counted in idle_: it has nothing
    bool unsure = false;  // counted in unsure_: its oldest task could be asked back, and may not have started
  };

  /// A task that has ended and whose dependents have not been told.
  struct Ended {
    ShortId id;
    Slot first_dependent;
    bool success;
    Serial home;
  };
  /// An id that a task depends on, which the requirements hold.
  struct Looked {
    const MsgId* id;
    std::uint64_t fingerprint;
    Known known;
  };
  struct Ready {
    Entry entry;
    Slot avoid = kNoSlot;  // the engine that handed it back: any other is better
    bool operator<(const Ready& other) const { return entry < other.entry; }
  };

  void on(Submit&& event);
  void on(EngineJoined&& event);
  void on(EngineLeft&& event);
  void on(Finished&& event);
  void on(Tick&& event);
  void on(Abort&& event);
  void on(Drain&& event);
  void on(EngineChanged&& event);
  void begin(TimePoint now, std::vector<Action>& out);
  void finish_event();
  Slot enlist(Submit& event, std::uint64_t fingerprint);
  std::optional<Slot> sent_to(const InFlight& task, const EngineId& engine) const;

  // scheduler.cpp: the life of a task
  void admit_engine(EngineJoined&& event, Slot& slot);
  void retire(Slot slot, bool now);
  void bury(Slot engine);
  void lose(Slot slot, Slot engine, bool was_first);
  void requeue_or_fail(Slot slot, const Finished& event, const Running& was, Serial serial);
  void fail(Slot slot, FailureKind kind, std::string text, std::optional<EngineId> engine = std::nullopt);
  void end(Slot slot, bool success, Serial home);
  std::vector<Entry> queue() const;  // blocked and waiting tasks, in order of their turn

  // dependencies.cpp: when a task may run, and whether ever
  bool admit(Slot slot, const Requirements& wanted);
  void look_up(const std::vector<MsgId>& ids, std::vector<Looked>& found) const;
  void wire(Slot slot, const std::vector<Looked>& dependencies, bool follow, std::optional<MsgId>& because);
  void learn(Task& task, bool follow, bool success, Serial home) const;
  std::optional<std::string> why_impossible(const Task& task, const MsgId* because) const;
  void propagate();
  void reconsider(Slot slot, const Edge& edge, ShortId because);
  std::vector<Serial> allowed_engines(const Conditions& conditions) const;
  bool may_grow(const Conditions& conditions) const;
  Conditions& conditions_of(Task& task);

  // placement.cpp: who goes where
  void settle(std::optional<Slot> opened);
  void fill(Slot engine, const Entry& before);
  void become_ready(Slot slot, Slot avoid = kNoSlot);
  void place(Slot slot, Slot avoid);
  std::vector<Slot> candidates(const Conditions& conditions) const;
  void dispatch(Slot slot, Slot engine);
  std::int64_t lead_of(Slot slot) const;
  Running undispatch(Slot slot);
  Load bound_of(const Engine& engine) const;
  bool may_run_on(const Task& task, Slot engine) const;

  // lanes.cpp: where tasks wait
  std::optional<Entry> next_for(Slot engine);
  void wait(Slot slot);
  void leave_queue(Slot slot);
  void refresh(Lane& lane);
  std::vector<Entry> waiting_on(Slot engine) const;
  bool waits_in(const Lane& lane, const Entry& entry) const;

  // limits.cpp: what ends a task before its time
  void start_timer(Slot slot);
  void start_limit(Slot slot);
  void stop_timer(Slot slot);
  void set_timer(Slot slot, Duration from_now);
  void over_limit(Slot slot);
  void stop(Slot slot, Stop how);
  void abort_running(Slot slot, How how);

  // balance.cpp: tasks that have not started go from engines that have many to those that have none
  void recall(Slot slot);
  void recall_unstarted(Slot engine);
  bool rob_for(Slot thief);
  void rob_for_the_idle();
  bool worth_robbing(const Engine& victim) const;
  bool overdue(const Engine& victim) const;
  void rob_oldest_for(Slot thief);
  void note_crowd(Slot engine);
  void plan_robbery();
  void balance(std::optional<Slot> opened);

  MsgId id_of(const Task& task) const { return ids_.text(task.id); }
  Entry entry_of(Slot slot) const { return {tasks_[slot].turn, tasks_[slot].arrival, slot}; }
  bool is_task(Slot slot, std::uint64_t arrival) const {  // the slot may be free, or another task's
    const Task* task = tasks_.find(slot);
    return task && task->arrival == arrival;
  }
  Running* running(Slot slot) { return std::get_if<Running>(&tasks_[slot].state); }
  const Running* running(Slot slot) const { return std::get_if<Running>(&tasks_[slot].state); }
  std::optional<Slot> live_slot(Serial engine) const;
  std::string name_of(const Engine& engine) const;
  std::string describe(const Task& task) const;
  std::string why_waiting(const Task& task, const Waiting& waiting) const;
  std::optional<std::string> check_task(Slot slot) const;
  std::optional<std::string> check_lanes() const;
  std::optional<std::string> check_engines() const;
  void check_in_debug_builds();

  Options options_;
  Rng rng_;
  Phase phase_ = Phase::open;
  EngineIndex index_;  // exactly the engines that have not left
  MsgTable table_;     // every live task and the last finished ones
  Demands demands_;
  Durations durations_;
  Slab<Task> tasks_;
  Slab<Listed> edges_;
  ShortIds ids_;
  Names clients_;
  std::size_t running_ = 0;
  std::uint64_t arrivals_ = 0;
  std::int64_t last_turn_ = 0;  // of a task without priority

  std::vector<Engine> engines_;
  std::vector<Slot> free_engines_;
  std::unordered_map<EngineId, Slot> engine_slots_;
  std::vector<Slot> slot_of_serial_;   // by serial; kNoSlot once buried
  std::set<Slot> leaving_;             // engines with dies_at
  std::vector<Slot> crowded_;          // engines with tasks behind the oldest that could be asked back
  std::size_t idle_ = 0, unsure_ = 0;  // engines that are so; only with hwm auto
  std::uint32_t vain_looks_ = 0;       // at those, since one more became so
  std::optional<TimePoint> rob_at_;    // when to look again for tasks that wait at an engine while another is idle

  Lane anywhere_;                                 // waiting tasks that may run anywhere
  std::map<LaneKey, Lane> lanes_;                 // the others; none is empty
  std::map<Entry, Lane*> lane_heads_;             // the first task of each of lanes_ that is not restricted
  std::size_t restricted_waiting_ = 0;            // waiting tasks in restricted lanes
  std::set<std::pair<TimePoint, Entry>> timers_;  // queued tasks with a timeout, oldest running ones with a limit

  // Only during handle(), empty between events (kept for their memory):
  TimePoint now_{};
  std::vector<Action>* out_ = nullptr;
  std::vector<Ended> ended_;
  std::vector<Ready> ready_;  // tasks to be placed, in any order
  std::vector<Looked> after_, follow_;
  std::uint64_t unchecked_events_ = 0;
};

}  // namespace camshaft::sched
