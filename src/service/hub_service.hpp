// service/hub_service.hpp: the shell around the hub: queries, notifications, heartbeats, and the traffic it hears of.
// Thread: that of its loop; other threads hand over traffic by posting to the loop.
// Owns:   its sockets and the hub. Borrows the keeper of records.
// Errors: messages with bad signatures are dropped and counted; what a peer asks wrongly is answered by an error reply.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "core/log.hpp"
#include "core/open_files.hpp"
#include "core/tally.hpp"
#include "hub/hub.hpp"
#include "net/loop.hpp"
#include "service/end_watchers.hpp"
#include "service/origin.hpp"
#include "service/record_keeper.hpp"
#include "service/task_question.hpp"
#include "wire/connection_file.hpp"
#include "wire/replay_guard.hpp"

namespace camshaft::service {

// What relays and the task service saw, as it passed.
struct MuxIn {
  Frames frames;  // [engine, client, message...]
};
struct MuxOut {
  Frames frames;  // [client, engine, message...]
};
struct Output {
  Frames frames;  // [topic, message...]
};
struct TaskIn {
  wire::Message message;
};
struct TaskMoved {
  MsgId id;
  EngineId engine;
};
struct TaskOut {
  MsgId id;
  wire::Message message;
};
using Traffic = std::variant<MuxIn, MuxOut, Output, TaskIn, TaskMoved, TaskOut>;

struct HubAddresses {
  std::vector<std::string> queries;  // for clients, and for engines where they have another address
  std::string notification;
  std::string hb_ping, hb_pong;
};

/// Who else must know of engines and of the end.
struct HubListeners {
  std::function<void(const EngineId&, EngineNumber, std::string properties, bool recalls, bool reads_bodies)>
      engine_joined;
  std::function<void(const EngineId&, std::string properties)> engine_changed;
  std::function<void(const EngineId&, std::string why)> engine_left;  // why: "" or how its process ended
  /// It was registered all the time, but out of reach: its direct requests may have been lost.
  std::function<void(const EngineId&, std::vector<MsgId> direct)> engine_returned;
  std::function<void()> shut_down;
  /// Calls back on the hub's thread once all traffic seen so far has been recorded.
  std::function<void(std::function<void()>)> catch_up;
  /// Hands a question to the task scheduler; calls back on the hub's thread with the content of the reply.
  std::function<void(TaskQuestion, std::function<void(std::string)>)> ask_tasks;
  /// Starts the scheduler of Dask with arguments in JSON; calls back on the hub's thread with the content of the reply.
  std::function<void(const std::string& arguments, std::function<void(std::string)>)> start_dask{};
  std::function<void()> stop_dask{};
  std::function<void(const EngineId&, int signal)> signal_engine{};
};

class HubService final {
 public:
  HubService(net::Context& context, net::Loop& loop, const HubAddresses& addresses, hub::Hub::Options options,
             RecordKeeper& records, std::filesystem::path engine_state_file, Origin origin, HubListeners listeners,
             Log& log);

  int registration_port() const { return queries_.port(); }
  int notification_port() const { return notification_.port(); }
  int hb_ping_port() const { return ping_.port(); }
  int hb_pong_port() const { return pong_.port(); }

  /// What clients that know an address alone are told; before the loop runs.
  void tell_clients(const wire::ClientConnection& connection);

  /// Where tasks are submitted: for tasks that are submitted once more.
  void connect_tasks(const std::string& endpoint) { resubmit_.connect(endpoint); }
  /// Takes over the engines of the state file, if there is one.
  void restore();
  /// Engines of the controller before that may come back.
  void expect(const hub::EngineState& state);
  /// A task of the controller before that has not ended; its record is in the store.
  void resume(const MsgId& id, hub::Queue queue) { hub_.resume(id, queue); }
  /// These direct requests are with this engine after all, or will have no reply.
  void direct_held(const std::vector<MsgId>& ids, const EngineId& engine) { hub_.attach(ids, engine); }
  void direct_ended(const std::vector<MsgId>& ids, const EngineId& engine, const std::string& why);
  /// The end: what has no result is on record as failed.
  void give_up() { hub_.give_up(loop_.clock().wall()); }
  void record(std::vector<Traffic> traffic);
  /// Tells clients that the controller stops.
  void announce_shutdown(Blob parent = Blob::of_static("{}"));

 private:
  void handle_query(Frames frames);
  void answer(const wire::Message& request);
  void watch(const wire::Message& request);
  void answer_watchers();
  bool refuses_for_want_of_files();
  void pass_on(const std::shared_ptr<wire::Message>& request, const nlohmann::json& content);
  void send_answer(const wire::Message& request, hub::Answer answer);
  void submit_again(hub::Answer& answer);
  void handle_pong(net::Received received);
  void handle_connection(const net::SocketEvent& event);
  void feed(const hub::Event& event);
  void perform(const std::vector<hub::Action>& actions);
  void perform(const hub::RegistrationReply& action);
  void perform(const hub::EngineRegistered& action);
  void perform(const hub::EngineReturned& action);
  void perform(const hub::EngineGone& action);
  void perform(const hub::EngineChanged& action);
  void perform(const hub::SignalEngine& action);
  void perform(const hub::Ping& action);
  void perform(const hub::SaveEngines& action);
  void perform(const hub::RegistrationIgnored& action);
  void perform(const hub::RegistrationDropped& action);
  void record(MuxIn&& seen);
  void record(MuxOut&& seen);
  void record(Output&& seen);
  void record(TaskIn&& seen);
  void record(TaskMoved&& seen);
  void record(TaskOut&& seen);
  void publish(std::string_view type, std::string content, Blob parent = Blob::of_static("{}"));
  void schedule_tick();

  net::Loop& loop_;
  Origin origin_;
  HubListeners listeners_;
  Log& log_;
  std::filesystem::path engine_state_file_;
  RecordKeeper& records_;
  const std::size_t open_files_ = raise_open_files();
  hub::Hub hub_;
  wire::ReplayGuard replays_;
  Tally dropped_;
  EndWatchers watchers_;
  std::optional<TimePoint> watchers_at_;
  net::Socket queries_, notification_, ping_, pong_, resubmit_;
  std::unordered_map<int, EngineId> heart_of_descriptor_;  // connections that pongs came by
  Blob asking_;                                            // routing id of the query that is being handled
  TimePoint tick_at_{};
  net::TimerId tick_{};
};

}  // namespace camshaft::service
