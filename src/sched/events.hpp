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

#include "core/blob.hpp"
#include "core/ids.hpp"
#include "sched/requirements.hpp"

namespace camshaft::sched {

// ---- events ----------------------------------------------------------------------------------------------------

/// A client hands in a task. `payload` comes back unchanged in Dispatch and Fail.
struct Submit {
  MsgId id;
  ClientId client;
  Requirements requirements{};
  Payload payload{};
  bool operator==(const Submit&) const = default;
};

/// An engine is ready for tasks. Deliver this before clients hear of the engine, so that they may target it.
struct EngineJoined {
  EngineId engine;
  std::optional<EngineNumber> number{};  // only for texts
  bool operator==(const EngineJoined&) const = default;
};

/// An engine is gone. Replies that are still under way count until the grace time is over.
struct EngineLeft {
  EngineId engine;
  bool operator==(const EngineLeft&) const = default;
};

enum class Outcome : std::uint8_t {
  ok,
  error,
  aborted,
  unmet,  // the reply says dependencies_met = false: the task did not run there
};

/// An engine's reply. The first action that answers it is Forward or Hide: what to do with that reply.
struct Finished {
  MsgId id;
  EngineId engine;
  Outcome outcome = Outcome::ok;
  bool operator==(const Finished&) const = default;
};

/// Time has passed; wanted at next_deadline().
struct Tick {
  bool operator==(const Tick&) const = default;
};

/// Queued tasks end as aborted; running ones lose their retries; others are left alone.
struct Abort {
  std::vector<MsgId> ids;
  bool operator==(const Abort&) const = default;
};

/// The controller stops: queued and new tasks end as aborted, running ones still report, then comes Closed.
struct Drain {
  bool operator==(const Drain&) const = default;
};

using Event = std::variant<Submit, EngineJoined, EngineLeft, Finished, Tick, Abort, Drain>;

// ---- actions ---------------------------------------------------------------------------------------------------

/// Send the task to the engine (and tell the hub where it went).
struct Dispatch {
  MsgId id;
  EngineId engine;
  Payload payload{};
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
  unmet,  // the task goes to another engine, at no cost
  retry,  // the task goes to another engine and has one retry less
  late,   // the task has ended or runs elsewhere by now
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
  duplicate,  // of the second submission only: the task that has the id carries on, so the hub must not hear of it
  poison,     // it has taken several engines down with it
};

/// Terminal: answer the client with an error of the scheduler's own making (and tell the hub).
struct Fail {
  MsgId id;
  ClientId client;
  Payload payload{};
  FailureKind kind = FailureKind::aborted;
  std::string text{};                // one line: what happened, for people
  std::optional<EngineId> engine{};  // the engine that died
  bool operator==(const Fail&) const = default;
};

/// Draining is over: no task is left.
struct Closed {
  bool operator==(const Closed&) const = default;
};

using Action = std::variant<Dispatch, Forward, Hide, Fail, Closed>;

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
  }
  return "EngineError";
}

}  // namespace camshaft::sched
