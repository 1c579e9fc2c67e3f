// engine/request_queue.hpp: which request an engine runs next, and which it answers `aborted`. Pure: events in, actions
// out. Thread: none of its own; the owner serialises calls. Owns:   the order of waiting requests and the ids that
// clients asked to abort. The requests themselves are the owner's. Errors: std::logic_error when the owner breaks the
// order of events (check()).
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_set>
#include <variant>
#include <vector>

#include "core/ids.hpp"

namespace camshaft::engine {

/// What the owner calls a request.
enum class Ticket : std::uint64_t {};

enum class Kind : std::uint8_t {
  apply,
  execute,
  clear,  // from the control channel: runs before everything that waits
  other,  // comm messages, completion, ...: run in order, never aborted by a failing execute
};

struct Request {
  Ticket ticket;
  MsgId id;
  Kind kind = Kind::apply;
  // Of a task that the scheduler sent, in advance perhaps: its arrival, put back by its priority. It runs before those
  // of a later turn. Whatever else waits keeps its place: no task overtakes a direct request.
  std::optional<std::int64_t> turn{};
  bool operator==(const Request&) const = default;
};

// Events.
struct Arrived {
  Request request;
};
/// Empty `ids` abort every waiting execute; otherwise the ids count now and for requests still to come.
struct Abort {
  std::vector<MsgId> ids;
};
/// The controller wants to give these to another engine: what has not started is handed back, all else goes on.
struct Recall {
  std::vector<MsgId> ids;
};
/// The interpreter wants something to run.
struct Idle {};
/// The running request was answered. `aborts_executes`: it was a non-silent execute that failed with stop_on_error.
struct Finished {
  Ticket ticket;
  bool aborts_executes = false;
};
/// The controller that sent the waiting requests is gone for good.
struct ControllerLost {};
using Event = std::variant<Arrived, Abort, Recall, Idle, Finished, ControllerLost>;

// Actions.
struct Start {
  Ticket ticket;
  bool operator==(const Start&) const = default;
};
struct AnswerAborted {
  Ticket ticket;
  bool operator==(const AnswerAborted&) const = default;
};
struct AnswerRecalled {
  Ticket ticket;
  bool operator==(const AnswerRecalled&) const = default;
};
/// Forget the request without an answer: nobody waits for it.
struct Discard {
  Ticket ticket;
  bool operator==(const Discard&) const = default;
};
using Action = std::variant<Start, AnswerAborted, AnswerRecalled, Discard>;

class RequestQueue final {
 public:
  /// Ids to abort that never arrive here are forgotten, oldest first, when there are more than `max_aborts`.
  explicit RequestQueue(std::size_t max_aborts = 65536) : max_aborts_(max_aborts) {}

  std::vector<Action> handle(const Event& event);

  std::size_t waiting() const { return waiting_.size(); }
  std::optional<Ticket> running() const { return running_ ? std::optional(running_->ticket) : std::nullopt; }
  /// The running request if its id is one of `ids`.
  std::optional<Ticket> running_of(const std::vector<MsgId>& ids) const;
  /// The ids of what runs and waits: the answers that are still to come from here.
  std::vector<MsgId> held() const;
  /// Throws std::logic_error when an invariant does not hold.
  void check() const;

 private:
  void on(const Arrived& event, std::vector<Action>& out);
  void on(const Abort& event, std::vector<Action>& out);
  void on(const Recall& event, std::vector<Action>& out);
  void on(const Idle& event, std::vector<Action>& out);
  void on(const Finished& event, std::vector<Action>& out);
  void on(const ControllerLost& event, std::vector<Action>& out);
  void run_next(std::vector<Action>& out);
  void abort_waiting_executes(std::vector<Action>& out);
  void remember_abort(const MsgId& id);

  std::size_t max_aborts_;
  std::deque<Request> waiting_;        // in the order in which they will run
  std::optional<Request> running_;     // set from Start until Finished
  bool idle_ = false;                  // the interpreter asked and got nothing: then waiting_ is empty
  std::unordered_set<MsgId> aborted_;  // ids of requests that have not arrived yet
  std::deque<MsgId> aborted_order_;    // oldest first; may hold ids that have left aborted_
};

}  // namespace camshaft::engine
