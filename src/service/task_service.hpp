// service/task_service.hpp: the shell around the task scheduler: joins sched::Scheduler to the two task sockets.
// Thread: that of its loop. Owns: its sockets and the scheduler.
// Errors: messages with bad signatures are dropped and counted in the log; every other task ends in one reply.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/log.hpp"
#include "core/parcel.hpp"
#include "core/tally.hpp"
#include "net/loop.hpp"
#include "sched/scheduler.hpp"
#include "service/engine_channel.hpp"
#include "service/origin.hpp"
#include "service/outboxes.hpp"
#include "service/task_bodies.hpp"
#include "service/task_question.hpp"
#include "service/task_resume.hpp"

namespace camshaft::service {

/// Hears what task records are made of. Called on the service's thread; must be quick.
struct TaskTap {
  std::function<void(wire::Message)> submitted;  // identities: [client]
  std::function<void(const MsgId&, const EngineId&)> dispatched;
  // A reply that the client gets. Its header need not have been read.
  std::function<void(wire::Message, const MsgId&, const EngineId&)> replied;
  std::function<void(const Frames&, const MsgId&)> failed;  // a failure of the scheduler's making
};

class TaskService final {
 public:
  TaskService(net::Context& context, net::Loop& loop, const std::string& clients, const std::string& engines,
              sched::Options options, std::uint64_t seed, Origin origin, TaskTap tap, Log& log);

  int client_port() const { return clients_.port(); }
  int engine_port() const { return engines_.port(); }

  /// `properties`: a JSON object; `recalls`: it hands back tasks that it has not started; `reads_bodies`: it keeps
  /// functions, and reads tasks without theirs.
  void engine_joined(const EngineId& engine, EngineNumber number, std::string_view properties = "{}",
                     bool recalls = false, bool reads_bodies = false);
  void engine_changed(const EngineId& engine, std::string_view properties);
  /// `why`: how its process ended, or "".
  void engine_left(const EngineId& engine, const std::string& why = "");
  /// What was sent to the engine may have been lost: its connection broke, and it is back. `direct`: the direct
  /// requests among that.
  void engine_returned(const EngineId& engine, const std::vector<MsgId>& direct = {});
  TaskResume& resume() { return resume_; }
  /// Takes up what an earlier controller has left unfinished.
  void restore(EarlierTasks earlier);
  const wire::Signer& signer() const { return origin_.signer(); }
  /// Answers everything that has not started; new tasks are refused from now on.
  void drain();
  /// The content of the reply. why: {"why": {id: text}}, without ids that are unknown here. cancel: {"ended": the ids
  /// of those that are answered now, "asked": of those whose engines have been asked to give them up, "unknown": of
  /// those that have not come here, perhaps because the question was faster}.
  std::string answer(const TaskQuestion& question);

  /// Sends a signal to an engine that does not know our words; may be empty.
  std::function<void(const EngineId&, int)> on_signal;

 private:
  void handle_request(Frames frames);
  void submit(wire::Message request);
  void submit_whole(wire::Message request);
  void lose(const wire::Message& request);
  void handle_reply(Frames frames);
  void finish(wire::Message reply);
  void take_replies();
  void feed(sched::Event event);
  void perform_all();
  void perform(const sched::Dispatch& action);
  void perform(const sched::Forward& action);
  void perform(const sched::Hide& action);
  void perform(const sched::Fail& action);
  void perform(const sched::Closed&) {}
  void perform(const sched::Recall& action);
  void perform(const sched::Interrupt& action);
  void perform(const sched::Kill& action);
  void say(const EngineId& engine, std::string_view msg_type, const MsgId& id);
  sched::Properties read_properties(const EngineId& engine, std::string_view json);
  void drop(std::string_view what, const Error& error);
  void schedule_tick();

  net::Loop& loop_;
  Origin origin_;
  TaskTap tap_;
  Log& log_;
  bool pure_;  // the scheme that refuses requirements
  sched::Scheduler scheduler_;
  sched::RequirementsParser requirements_;
  Packer packer_;
  net::Socket clients_;
  net::Socket engines_;
  EngineChannel channel_;
  Outboxes to_engines_, to_clients_;
  TaskResume resume_;
  TaskBodies bodies_;
  wire::Message* reply_ = nullptr;      // the reply that the current event is about
  std::vector<sched::Action> actions_;  // of the current event; kept for its memory, if that is little
  std::optional<TimePoint> tick_at_;
  net::TimerId tick_{};
  Tally dropped_;
};

}  // namespace camshaft::service
