// service/engine_service.hpp: an engine: joins the pure cores of src/engine to a controller and to an interpreter.
// Thread: the constructor starts one io thread that has every socket and never waits for the interpreter: heartbeats,
//         aborts, signals and shutdown go on while user code runs. While next() waits, the interpreter's thread does
//         its work (net/lent_loop.hpp): a request then wakes one thread, not two. "On the io thread" below means
//         whoever has the loop. next() and finish() are for the interpreter's thread (the one that made the service);
//         write(), publish() and the rest are for any.
// Owns:   the io thread, the links to the controller, the requests until they are taken.
// Errors: what ends the engine comes back as next() == stopped and exit_code(); peers' faults are logged.
#pragma once
#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/log.hpp"
#include "engine/control.hpp"
#include "engine/ledger.hpp"
#include "engine/membership.hpp"
#include "engine/request_queue.hpp"
#include "net/lent_loop.hpp"
#include "net/loop.hpp"
#include "service/engine_links.hpp"
#include "service/engine_messages.hpp"
#include "service/outboxes.hpp"
#include "wire/bodies.hpp"
#include "wire/message.hpp"
#include "wire/replay_guard.hpp"

namespace camshaft::service {

struct EngineConfig {
  engine::MembershipOptions membership;
  std::filesystem::path file;                  // the connection file, read again when a controller is lost
  std::optional<std::string> connection;       // JSON text to use instead of the file
  std::optional<std::string> location;         // overrides the file's
  std::optional<std::string> key;              // overrides the file's
  std::optional<std::string> curve_serverkey;  // the controller's public key, when the file has none
  std::string username;
  std::string kernel_info = "{}";  // content of kernel_info_reply
  std::string properties = "{}";   // what the engine tells of itself when it registers: a JSON object
  std::string version;
  int lifeline = -1;        // a descriptor: its end is the engine's end
  int restart_code = 0;     // the exit code that lets somebody start the engine again; 0 = nobody does
  int stop_requests = -1;   // a descriptor that SIGTERM's handler writes to
  std::string termination;  // what SIGTERM means, for those whose tasks end by it: "its job ..."; "" = nothing to tell
  int wake_ups = -1;        // a descriptor that Python's signal handlers write to
};

class EngineService final {
 public:
  /// `number_changed` runs on the io thread after each registration.
  EngineService(EngineConfig config, Log& log, std::function<void(EngineNumber)> number_changed);
  ~EngineService();
  EngineService(const EngineService&) = delete;
  EngineService& operator=(const EngineService&) = delete;

  enum class Next { task, woken, stopped };
  struct Taken {
    Next what;
    TaskPtr task;
  };
  /// Waits for the next request; `woken` when wake() was called meanwhile. The task before must be finished.
  Taken next();
  void finish(const TaskPtr& task, EngineReply reply);

  /// Text of stdout or stderr; sent in batches. Without a parent it is nobody's and dropped.
  void write(const ParentPtr& parent, bool to_stderr, std::string_view text);
  /// Any other side effect; text written before is sent before. An empty topic means the usual one.
  void publish(const ParentPtr& parent, std::string msg_type, std::string content, std::string metadata,
               std::vector<Blob> buffers = {});
  void flush();

  void wake();
  /// Leaves the controller and lets next() return `stopped`. The process ends by force when close() is not called
  /// within `grace`: then user code does not return.
  void stop(int code, Duration grace);
  /// Sends what is left and ends the io thread. Idempotent.
  void close();

  /// The engine's properties as JSON text: what it started with, and what clients and user code have changed since.
  std::string properties() const;
  /// Changes them here and tells the controller. std::invalid_argument unless `changes` is a JSON object.
  void change_properties(const std::string& changes);
  /// Whether the interrupt that has just come is meant for what runs now; one that was meant for a request that has
  /// ended meanwhile is forgotten.
  bool takes_interrupt();
  /// Whether next() has given out a request, or is about to, that is not finished.
  bool running();

  int exit_code() const { return exit_code_.load(); }
  bool encrypted() const { return encrypted_.load(); }
  EngineNumber number() const { return EngineNumber{number_.load()}; }
  const EngineId& uuid() const { return config_.membership.uuid; }

 private:
  struct Chunk {
    ParentPtr parent;
    bool to_stderr;
    std::string text;
  };
  // A request that the interpreter has finished, on its way to the io thread.
  struct Answered {
    TaskPtr task;
    EngineReply reply;
    std::vector<Chunk> chunks;  // what it printed last
    std::vector<engine::Action> actions;
  };

  // How long the interpreter has to stop: user code after an interrupt, and everybody's atexit handlers.
  static constexpr Duration kStopGrace = std::chrono::seconds(2);

  // On the io thread.
  void run();
  void feed(const engine::MemberEvent& event);
  void perform(const engine::MemberAction& action);
  void rearm_tick();
  void read_connection();
  void close_links();
  std::optional<wire::Message> open(Frames frames);
  void on_registration(Frames frames);
  void on_shell(Frames frames);
  void on_batch(const wire::Message& envelope);
  void on_request(wire::Message message);
  bool complete(wire::Message& request);
  void hand_back(const wire::Message& request);
  void on_control(Frames frames);
  void on_ping(Frames frames);
  void on_task_word(const wire::Message& message);
  void interrupt_running(const engine::InterruptRequest& request);
  void interrupt_user_code();  // under queue_mutex_
  void kill_if_running(const std::vector<MsgId>& ids);
  void answer_control(const wire::Message& message, const engine::ControlRequest& request);
  void deliver_signal(int signal);
  void queue(wire::Message message, bool on_control);
  void settle(const std::vector<engine::Action>& actions);
  void answer_finished();
  void send_reply(const EngineTask& task, const EngineReply& reply);
  void keep_reply(const EngineTask& task, const wire::Parts& reply);
  // engine_resume.cpp
  void tell_fates(const wire::Message& question);
  void expire_replies();
  void send_iopub(EngineParent& parent, const std::string& msg_type, std::string content, std::string metadata,
                  std::vector<Blob> buffers);
  void send_status(EngineParent& parent, std::string_view state);
  void send_chunks(const std::vector<Chunk>& chunks);
  void send_control_reply(const wire::Message& message, const std::string& type, std::string content);
  void send_to_hub(std::string_view type, std::string content);
  Blob header(std::string_view type);
  void count_dropped(const Error& error);
  void begin_stop(int code, Duration grace);
  [[noreturn]] void end_process();

  void wait_for_work();
  std::vector<Chunk> take_chunks();
  ParentPtr make_parent(const wire::Message& message) const;

  EngineConfig config_;
  Log& log_;
  std::function<void(EngineNumber)> number_changed_;
  const pthread_t interpreter_;
  SystemClock clock_;
  net::Loop loop_;
  net::LentLoop lent_;

  // Only the io thread touches these.
  std::unique_ptr<net::Context> context_;
  std::unique_ptr<EngineLinks> links_;
  engine::Membership membership_;
  std::optional<wire::Signer> signer_;
  wire::ReplayGuard replay_guard_;
  wire::MsgIdSource ids_;
  Outboxes replies_;
  MetadataReader metadata_reader_;
  wire::Bodies bodies_{std::size_t{64} << 20};  // functions of tasks
  std::string connection_text_;
  std::optional<net::TimerId> tick_;
  std::optional<Frames> last_ping_;
  bool answering_ = false;
  std::string why_leaving_;              // told to the hub, if it is worth telling
  bool leaving_ = false;                 // the end has begun: what becomes of the registration no longer matters
  std::map<Errc, std::size_t> dropped_;  // since the last line about it
  bool dropped_timer_ = false;
  std::uint64_t next_ticket_ = 1;
  engine::Ledger ledger_;  // what was answered
  bool expiry_timer_ = false;

  // Both threads, under queue_mutex_; held for moments, never while sending or running user code.
  std::mutex queue_mutex_;
  std::condition_variable queue_changed_;
  engine::RequestQueue queue_;
  std::unordered_map<std::uint64_t, TaskPtr> waiting_;  // exactly the requests that wait in queue_
  TaskPtr slot_;                                        // started but not yet taken by the interpreter
  std::optional<engine::Ticket> interrupted_;           // what the interrupt that is under way is meant for
  std::vector<Answered> finished_;                      // exactly those whose replies have not been sent
  bool answering_soon_ = false;                         // the io thread will look at finished_ of its own accord
  bool woken_ = false;
  bool stopping_ = false;
  std::atomic<bool> anything_{false};  // slot_, woken_ or stopping_ was set since next() last looked

  mutable std::mutex properties_mutex_;
  nlohmann::json properties_;  // an object

  std::mutex chunks_mutex_;  // guards the output that waits to be sent
  std::vector<Chunk> chunks_;
  std::size_t chunk_bytes_ = 0;

  std::atomic<int> exit_code_{0};
  std::atomic<bool> encrypted_{false};
  std::atomic<std::int32_t> number_{-1};
  bool closed_ = false;
  std::thread thread_;
};

}  // namespace camshaft::service
