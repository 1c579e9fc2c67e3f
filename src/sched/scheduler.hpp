// sched/scheduler.hpp: the task scheduler as a state machine: events in, actions out, nothing else.
// Thread: one. Owns: every task from Submit until its one terminal action (Forward or Fail), and its payload.
// Errors: none from handle(): a task's failure is an action. check() names a broken invariant; debug builds throw it.
// Rules: those of the original's task scheduler without its known defects. The same seed and events give the same
// actions.
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

#include "core/time.hpp"
#include "sched/engine_index.hpp"
#include "sched/events.hpp"
#include "sched/fifo.hpp"
#include "sched/msg_table.hpp"
#include "sched/schemes.hpp"

namespace camshaft::sched {

struct Options {
  std::uint32_t hwm = 1;  // tasks an engine may hold at a time; 0: no bound
  Scheme scheme = Scheme::leastload;
  Chooser chooser = {};                             // scheme custom
  Duration engine_grace = std::chrono::seconds(5);  // how long replies of a lost engine are waited for; 0: not at all
  std::uint32_t poison_deaths = 3;                  // a task that ran while so many engines died is not run again
  std::size_t remembered = 100'000;  // finished tasks that later ones may at least depend on; twice as many at most
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

  /// When a Tick is wanted next.
  std::optional<TimePoint> next_deadline() const;

  std::size_t queued() const { return live_ - running_; }
  std::size_t running() const { return running_; }
  std::size_t engines() const { return engine_slots_.size(); }  // with those in their grace time
  bool draining() const { return phase_ != Phase::open; }

  /// The first invariant that does not hold, with the story of the task concerned. O(tasks + engines).
  std::optional<std::string> check() const;
  /// One line on where a task is and how it came there; empty for an unknown id.
  std::string story(const MsgId& id) const;
  /// For users: what the task waits for, or where it runs; empty for an unknown id. O(tasks) at most.
  std::string why(const MsgId& id) const;

 private:
  using Serial = std::uint32_t;  // an engine's life: given when it joins, never used again
  enum class Phase : std::uint8_t { open, draining, closed };

  /// How far one Dependency has come. Each id counts once, as good (what was asked for) or bad.
  struct Progress {
    bool all = true, success = true, failure = false;
    std::uint32_t total = 0, good = 0, bad = 0;
    bool met() const { return total == 0 || (all ? good == total : good > 0); }
    bool hopeless() const { return total > 0 && (all ? bad > 0 : bad == total); }
  };

  /// What only tasks with requirements or a history have.
  struct Conditions {
    Progress after, follow;
    std::vector<Serial> homes;            // where the good ones of `follow` ran, ascending
    bool homeless = false;                // a good one of `follow` never ran
    std::vector<EngineId> targets;        // as submitted
    std::vector<Serial> blacklist;        // engines that answered unmet or failed it, ascending
    Duration timeout{};                   // from each time it is put into the queue
    std::optional<TimePoint> deadline{};  // set exactly while it has an entry in timers_
    bool restricted() const { return !targets.empty() || follow.total > 0; }
  };

  /// Waiting tasks that may run anywhere but on `excluded`.
  struct Lane {
    std::vector<Serial> excluded;
    Fifo fifo;
    std::optional<Entry> listed{};  // this lane's entry in lane_heads_
  };

  struct Blocked {};              // some dependency has not finished
  struct Waiting {                // could run now, but on no engine that is open
    Lane* lane = nullptr;         // null for restricted tasks,
    std::vector<Serial> allowed;  // which wait at each of these engines; ascending
  };
  struct Running {
    Slot engine;
    std::uint32_t position;  // in the engine's in_flight
  };

  /// A dependent, told when the task ends; void when its slot has another arrival by then.
  struct Edge {
    std::uint64_t arrival;
    Slot task;
    bool follow;
  };

  struct Task {
    std::uint64_t arrival = 0;  // order of submission from 1; 0: the slot is free
    std::uint64_t fingerprint = 0;
    MsgId id;
    ClientId client;
    Payload payload;
    std::variant<Blocked, Waiting, Running> state;
    std::int32_t retries_left = 0;
    std::uint32_t dispatches = 0;
    std::uint32_t deaths = 0;  // engines that died while running it
    std::vector<Edge> dependents;
    std::unique_ptr<Conditions> conditions;  // null: runs anywhere at once
  };

  struct Engine {
    EngineId id;
    std::optional<EngineNumber> number;
    Serial serial = 0;                 // 0: the slot is free
    std::vector<Slot> in_flight;       // exactly the Running tasks whose `engine` is this slot
    std::optional<TimePoint> dies_at;  // set once it has left: no longer in index_, buried at that time
    Fifo reserved;                     // waiting restricted tasks that are allowed here
  };

  /// A task that has ended and whose dependents have not been told.
  struct Ended {
    MsgId id;
    std::vector<Edge> dependents;
    bool success;
    Serial home;
  };

  void on(Submit&& event);
  void on(EngineJoined&& event);
  void on(EngineLeft&& event);
  void on(Finished&& event);
  void on(Tick&& event);
  void on(Abort&& event);
  void on(Drain&& event);
  void on(EngineChanged&& event);

  // scheduler.cpp: the life of a task
  bool admit(Slot slot, const Requirements& wanted);
  void wire(Slot slot, const std::vector<MsgId>& ids, bool follow, std::optional<MsgId>& because);
  void bury(Slot engine);
  void fail(Slot slot, FailureKind kind, std::string text, std::optional<EngineId> engine = std::nullopt);
  void end(Slot slot, bool success, Serial home);
  void propagate();
  void learn(Conditions& conditions, bool follow, bool success, Serial home) const;
  std::optional<std::string> why_impossible(const Task& task, const MsgId* because) const;
  void reconsider(Slot slot, const Edge& edge, const MsgId& because);

  // placement.cpp: who goes where
  void settle(std::optional<Slot> opened);
  void fill(Slot engine, std::uint64_t before);
  std::optional<Entry> next_for(Slot engine);
  void become_ready(Slot slot);
  void place(Slot slot);
  void dispatch(Slot slot, Slot engine);
  void undispatch(Slot slot);
  void wait(Slot slot);
  void leave_queue(Slot slot);
  void refresh(Lane& lane);
  void start_timer(Slot slot);
  void stop_timer(Task& task);
  std::vector<Serial> allowed_engines(const Conditions& conditions) const;
  bool may_grow(const Conditions& conditions) const;

  bool is_task(const Entry& entry) const { return tasks_[entry.slot].arrival == entry.arrival; }
  bool waits_in(const Lane& lane, const Entry& entry) const;
  bool waits_at(Serial engine, const Entry& entry) const;
  std::optional<Slot> live_slot(Serial engine) const;
  std::string name_of(const Engine& engine) const;
  std::string describe(const Task& task) const;
  std::vector<Entry> queue() const;  // blocked and waiting tasks, oldest first
  Slot new_slot();
  void release(Slot slot);
  void check_in_debug_builds();

  Options options_;
  Rng rng_;
  Phase phase_ = Phase::open;
  EngineIndex index_;  // exactly the engines that have not left
  MsgTable table_;     // every live task and the last finished ones
  std::vector<Task> tasks_;
  std::vector<Slot> free_tasks_;
  std::size_t live_ = 0, running_ = 0;
  std::uint64_t arrivals_ = 0;

  std::vector<Engine> engines_;
  std::vector<Slot> free_engines_;
  std::unordered_map<EngineId, Slot> engine_slots_;
  std::vector<Slot> slot_of_serial_;  // by serial; kNoSlot once buried
  std::set<Slot> leaving_;            // engines with dies_at

  Lane anywhere_;                                 // waiting tasks that may run anywhere
  std::map<std::vector<Serial>, Lane> lanes_;     // the other unrestricted ones, by what they exclude; none is empty
  std::map<Entry, Lane*> lane_heads_;             // the oldest task of each of lanes_
  std::size_t restricted_waiting_ = 0;            // waiting tasks with no lane
  std::set<std::pair<TimePoint, Entry>> timers_;  // queued tasks with a timeout

  // Only during handle(), empty between events (kept for their memory):
  TimePoint now_{};
  std::vector<Action>* out_ = nullptr;
  std::vector<Ended> ended_;
  std::vector<Entry> ready_;  // tasks to be placed, in any order
  std::uint64_t unchecked_events_ = 0;
};

}  // namespace camshaft::sched
