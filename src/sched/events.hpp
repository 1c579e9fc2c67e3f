// sched/events.hpp: everything that can happen to the scheduler and everything it can ask for.
// Thread: plain values, compared with ==. Owns: nothing but shared, immutable payloads.
// Errors: none; a task's failure is data (Fail).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/ids.hpp"
#include "core/parcel.hpp"
#include "core/time.hpp"
#include "sched/requirements.hpp"

namespace camshaft::sched {

// ---- events ----------------------------------------------------------------------------------------------------

/// A client hands in a task. `payload` comes back unchanged in Dispatch and Fail.
struct Submit {
  MsgId id;
  ClientId client;
  Requirements requirements{};
  Parcel payload{};
  bool operator==(const Submit&) const = default;
};

/// An engine is ready for tasks. Deliver this before clients hear of the engine, so that they may target it.
struct EngineJoined {
  EngineId engine;
  std::optional<EngineNumber> number{};  // only for texts
  Properties properties{};               // what tasks may ask for
  bool recalls = false;                  // it can hand back tasks that it has not started
  bool operator==(const EngineJoined&) const = default;
};

/// An engine is gone. Replies that are still under way count until the grace time is over.
struct EngineLeft {
  EngineId engine;
  std::string why{};  // how its process ended, for texts; "" when nobody knows
  bool operator==(const EngineLeft&) const = default;
};

/// An engine's properties are others from now on. Tasks that it holds stay.
struct EngineChanged {
  EngineId engine;
  Properties properties{};
  bool operator==(const EngineChanged&) const = default;
};

enum class Outcome : std::uint8_t {
  ok,
  error,
  aborted,
  unmet,     // the reply says dependencies_met = false: the task did not run there
  recalled,  // handed back as asked by Recall: it has not started there
};

/// An engine's reply. The first action that answers it is Forward or Hide: what to do with that reply.
struct Finished {
  MsgId id;
  EngineId engine;
  Outcome outcome = Outcome::ok;
  std::optional<Duration> took{};  // how long it ran, as the engine says
  bool operator==(const Finished&) const = default;
};

/// Time has passed; wanted at next_deadline().
struct Tick {
  bool operator==(const Tick&) const = default;
};

/// How far an abort goes with a task that runs.
enum class How : std::uint8_t {
  queued,     // let it run
  interrupt,  // interrupt it
  kill,       // kill its engine
};

/// Tasks that have not started end as aborted; running ones lose their retries, and `how` says what becomes of them;
/// others are left alone.
struct Abort {
  std::vector<MsgId> ids;
  How how = How::queued;
  bool operator==(const Abort&) const = default;
};

/// The controller stops: queued and new tasks end as aborted, running ones still report, then comes Closed.
struct Drain {
  bool operator==(const Drain&) const = default;
};

using Event = std::variant<Submit, EngineJoined, EngineLeft, Finished, Tick, Abort, Drain, EngineChanged>;

// ---- actions ---------------------------------------------------------------------------------------------------

/// Send the task to the engine (and tell the hub where it went).
struct Dispatch {
  MsgId id;
  EngineId engine;
  Parcel payload{};
  bool operator==(const Dispatch&) const = default;
};

/// Terminal: send this engine's reply to the client (and the hub).
struct Forward {
  MsgId id;
  EngineId engine;
  ClientId client;
  bool operator==(const Forward&) const = default;
};

enum class HideReason : std::uint8_t {
  unmet,       // the task goes to another engine, at no cost
  retry,       // the task goes to another engine and has one retry less
  late,        // the task has ended or runs elsewhere by now
  recalled,    // the engine had not started the task, which goes to another engine at no cost or was aborted
  time_limit,  // the task was stopped at its time limit; a Fail says so
};

/// Drop this engine's reply: the client must not see it.
struct Hide {
  MsgId id;
  EngineId engine;
  HideReason reason = HideReason::late;
  bool operator==(const Hide&) const = default;
};

enum class FailureKind : std::uint8_t {
  invalid_dependency,
  impossible_dependency,
  task_timeout,
  engine_died,
  aborted,
  duplicate,   // of the second submission only: the task that has the id carries on, so the hub must not hear of it
  poison,      // it has taken several engines down with it
  time_limit,  // it ran longer than it may
};

/// Terminal: answer the client with an error of the scheduler's own making (and tell the hub).
struct Fail {
  MsgId id;
  ClientId client;
  Parcel payload{};
  FailureKind kind = FailureKind::aborted;
  std::string text{};                // one line: what happened, for people
  std::optional<EngineId> engine{};  // the engine that died
  bool operator==(const Fail&) const = default;
};

/// Ask the engine for the task back: it answers `recalled` if it has not started it, and nothing at all if it has.
struct Recall {
  MsgId id;
  EngineId engine;
  bool operator==(const Recall&) const = default;
};

/// Raise KeyboardInterrupt in the task.
struct Interrupt {
  MsgId id;
  EngineId engine;
  bool operator==(const Interrupt&) const = default;
};

/// Kill the engine's process if it runs the task.
struct Kill {
  MsgId id;
  EngineId engine;
  bool operator==(const Kill&) const = default;
};

/// Draining is over: no task is left.
struct Closed {
  bool operator==(const Closed&) const = default;
};

using Action = std::variant<Dispatch, Forward, Hide, Fail, Closed, Recall, Interrupt, Kill>;

/// The exception class that clients raise for this kind of failure (`ename` of the reply).
constexpr std::string_view exception_name(FailureKind kind) {
  switch (kind) {
    case FailureKind::invalid_dependency:
      return "InvalidDependency";
    case FailureKind::impossible_dependency:
      return "ImpossibleDependency";
    case FailureKind::task_timeout:
      return "TaskTimeout";
    case FailureKind::engine_died:
      return "EngineError";
    case FailureKind::aborted:
      return "TaskAborted";
    case FailureKind::duplicate:
      return "TaskRejectError";
    case FailureKind::poison:
      return "EngineError";
    case FailureKind::time_limit:
      return "TaskTimeout";
  }
  return "EngineError";
}

}  // namespace camshaft::sched
