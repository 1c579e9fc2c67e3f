// hub/hub.hpp: the hub's decisions in one place: engines and their hearts, who has which task, and answers to queries.
// Thread: one. Pure: events and the time in, actions or answers out.
// Owns:   the registry, the heart monitor and the list of pending tasks. Borrows the sink of records.
// Errors: none; what a peer asks wrongly is answered by an error reply.
//
// Memory: finished tasks live in the store only, which has limits; of pending ones the hub keeps the id and the engine.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "core/id_map.hpp"
#include "core/ids.hpp"
#include "core/time.hpp"
#include "hub/answer.hpp"
#include "hub/engine_properties.hpp"
#include "hub/heart_monitor.hpp"
#include "hub/registry.hpp"
#include "hub/traffic.hpp"

namespace camshaft::hub {

/// Events about engines. An iopub `shutdown_reply` is Unregister{nullopt, EngineId(header.session), shut_down}.
/// Whoever started an engine says how its process has ended.
struct ProcessEnded {
  std::string host;
  std::int64_t pid;
  std::string why;  // "killed by signal 9 (Killed)"
  bool operator==(const ProcessEnded&) const = default;
};
/// Whoever started engines elsewhere cannot send them a signal by other means.
struct SignalEngines {
  std::string set;  // their property "engine_set"
  int signal;
  bool operator==(const SignalEngines&) const = default;
};
using Event = std::variant<Tick, Pong, ConnectionLost, RegistrationRequested, Unregister, PropertiesChanged,
                           ProcessEnded, SignalEngines>;

/// To whoever asked: msg_type registration_reply, parent_header {}, this content. At most one for each request.
struct RegistrationReply {
  EngineId uuid;
  std::string content;
  bool operator==(const RegistrationReply&) const = default;
};
/// The engine state file is out of date; engine_state() has the new text.
struct SaveEngines {
  bool operator==(const SaveEngines&) const = default;
};
/// A registered engine has other properties now: for the schedulers.
struct EngineChanged {
  EngineId uuid;
  bool operator==(const EngineChanged&) const = default;
};
/// An engine that is registered has registered again: its connections were broken, and stand.
struct EngineReturned {
  EngineId uuid;
  bool operator==(const EngineReturned&) const = default;
};
/// An engine is to raise this signal in its own process.
struct SignalEngine {
  EngineId uuid;
  int signal;
  bool operator==(const SignalEngine&) const = default;
};
/// EngineRegistered, EngineReturned and EngineGone go to the schedulers, and to clients as notifications with
/// notification_content(). RegistrationIgnored and RegistrationDropped are for the log.
using Action = std::variant<RegistrationReply, EngineRegistered, EngineReturned, EngineGone, EngineChanged, Ping,
                            SaveEngines, RegistrationIgnored, RegistrationDropped, SignalEngine>;

/// Content of registration_notification and unregistration_notification.
std::string notification_content(EngineNumber number, const EngineId& uuid, const std::string& why = "");
/// Reads registration_request, unregistration_request, an engine's properties_notification and a supervisor's
/// camshaft_engine_exit and camshaft_engine_signal; nullopt for other types, which are for answer().
std::optional<Event> read_engine_request(std::string_view msg_type, const ClientId& from,
                                         const nlohmann::json& content);

class Hub {
 public:
  struct Options {
    HeartMonitor::Options heart;
    std::optional<Duration> registration_timeout;            // else 30 s or ten periods, whichever is longer
    std::string connection_info;                             // JSON text for registration replies; empty: left out
    nlohmann::json capabilities = nlohmann::json::object();  // of this controller, told to clients that connect
  };

  Hub(Options options, RecordSink& records, TimePoint now);

  /// Takes over the engines of an earlier controller; each has until its eleventh missed beat to show up.
  /// The actions are for the schedulers: no client is there yet to be notified.
  std::vector<Action> restore(const EngineState& state, TimePoint now);
  /// Engines of an earlier controller that may come back. Until they do, or minutes have passed, the state file names
  /// them: yet another controller must know that they may have run something.
  void expect(const EngineState& state, TimePoint now);
  /// A task that an earlier controller has left unfinished: it is pending here, and its record is in the store.
  void resume(const MsgId& id, Queue queue);
  /// What is pending of the engine's direct requests, in the order in which they came.
  std::vector<MsgId> direct_requests(const EngineId& engine) const;
  /// Pending tasks of an earlier controller are with this engine: they end when it does. No engine of that name has
  /// been here: they stay as they are.
  void attach(const std::vector<MsgId>& ids, const EngineId& engine);
  /// Tasks that are still pending end with an EngineError: "Task '...' <why>". Returns how many did.
  std::size_t end(const std::vector<MsgId>& ids, const EngineId& engine, const std::string& why, WallTime now);
  /// The controller stops: what is pending ends with an error, so that nobody takes it up later.
  void give_up(WallTime now);
  std::vector<Action> handle(const Event& event, TimePoint now, WallTime wall);
  /// When a Tick is due at the latest.
  TimePoint next_deadline() const;

  // The path of every task: no JSON, no allocation beyond the record.
  void record(MuxRequest event);
  void record(MuxReply event, WallTime now);
  void record(TaskSubmitted event);
  void record(TaskDispatched event);
  void record(TaskReplied event, WallTime now);
  void record(IoPub event);

  /// What clients that know an address alone are told: how to connect, as a JSON object without the key.
  void set_client_connection(const nlohmann::json& connection) { client_connection_ = connection; }

  /// Answers any query; unknown types get hub_error. `content` should come from parse_untrusted().
  Response answer(std::string_view msg_type, const nlohmann::json& content);
  /// For an answer with records to submit again: notes the new tasks, completes the answer, returns what to submit.
  std::vector<Request> resubmit(Answer& answer, const std::function<MsgId()>& next_id, WallTime now);

  const Registry& registry() const { return registry_; }
  const EngineProperties& properties() const { return properties_; }
  /// Whether the engine can hand back tasks that it has not started.
  bool recalls(const EngineId& uuid) const { return recalling_.contains(uuid); }
  /// Whether the engine reads tasks without their function.
  bool reads_bodies(const EngineId& uuid) const { return body_readers_.contains(uuid); }
  std::string engine_state() const;
  std::size_t pending() const { return pending_.size(); }
  bool is_pending(const MsgId& id) const { return pending_.contains(id); }
  std::size_t unassigned() const { return unassigned_; }
  /// Throws std::logic_error when counters and pending tasks contradict each other.
  void check() const;

 private:
  /// What an engine has to do. Stays while it is gone, for its return and for what it left undone.
  struct Load {
    EngineId uuid;
    EngineNumber number;
    bool live = true;
    std::size_t queue = 0, tasks = 0;    // pending_ entries that point here, by kind
    std::uint64_t completed = 0;         // ever
    std::optional<TimePoint> strand_at;  // then its mux requests are given up; only when not live
    std::string why;                     // how its process ended, if somebody knows
  };
  struct Pending {
    Queue queue;
    Load* engine;  // null: unassigned
    std::uint64_t order;
  };
  using Json = nlohmann::json;

  void perform(std::vector<RegistryAction> actions, TimePoint now, std::vector<Action>& out);
  void perform(std::vector<HeartAction> actions, TimePoint now, std::vector<Action>& out);
  std::string accepted_content(EngineNumber number) const;
  void strand(TimePoint now, WallTime wall);
  void note_end(const ProcessEnded& end, TimePoint now);
  void bury(TimePoint now, std::vector<Action>& out);
  void attach(Pending& task, Load* engine);
  void finish(Reply reply, WallTime now);
  void fail(MsgId id, const EngineId& engine, const std::string& why, WallTime now);
  Load* find_load(const EngineId& uuid);
  void learn(const RegistrationRequested& request, std::vector<Action>& out);
  void unsettle(const EngineId& uuid, TimePoint until);
  bool settle(TimePoint now);
  static TaskRecord make_record(Request request, Queue queue);

  // hub_queries.cpp
  Response queue_status(const Json& content) const;
  Response queue_ids(const std::vector<const Load*>& targets) const;
  Answer load(const Json& content) const;
  Response results(const Json& content) const;
  Response purge(const Json& content) const;
  Response resubmission(const Json& content) const;
  Answer connections() const;
  Answer properties(const Json& content);

  Options options_;
  Registry registry_;
  EngineProperties properties_;
  nlohmann::json client_connection_;  // null until set
  std::unordered_set<EngineId> recalling_, body_readers_;
  struct Ended {
    TimePoint bury_at;
    std::string why;
  };
  std::map<EngineId, Ended> ended_;          // registered, but their processes are gone
  std::map<EngineId, TimePoint> unsettled_;  // not registered; for the state file, until when
  HeartMonitor hearts_;
  RecordSink& records_;
  std::unordered_map<EngineId, Load> loads_;  // nodes do not move: Pending points at them
  IdMap<Pending> pending_;
  std::size_t unassigned_ = 0;  // pending_ entries without engine
  std::uint64_t order_ = 0;
  std::optional<TimePoint> next_strand_;  // no later than the earliest strand_at
};

}  // namespace camshaft::hub
