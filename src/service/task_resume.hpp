// service/task_resume.hpp: the scheduler's shell after a broken connection or a crash: asks engines what they hold,
// tells clients what to send again, and takes over the tasks of an earlier controller. Thread: that of its loop. Owns:
// the open questions, and the claims: tasks that an engine holds and whose client has
//         been asked to send them again. Borrows the scheduler.
// Errors: messages that cannot be read are dropped and logged; every wait ends, by an answer, an engine's end or a
// time.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/log.hpp"
#include "net/loop.hpp"
#include "sched/reconciler.hpp"
#include "sched/scheduler.hpp"
#include "service/direct_resume.hpp"
#include "service/dispatch_journal.hpp"
#include "service/earlier_tasks.hpp"
#include "service/origin.hpp"
#include "wire/message.hpp"
#include "wire/resume.hpp"

namespace camshaft::service {

class TaskResume final {
 public:
  struct Hooks {
    std::function<void(const EngineId&, Frames)> to_engine;
    std::function<void(const Frames&)> to_client;
    std::function<void(std::vector<sched::Action>)> perform;
    std::function<void(const MsgId&, const EngineId&)> adopted;  // counts as sent to that engine from now on
  };
  /// A reply that is on record, ready to be sent to the client that asks.
  struct Recorded {
    MsgId id;
    Frames reply;
    bool success;
  };
  using Found = std::vector<Recorded>;
  /// Looks up which of the ids have ended, and calls back on the loop's thread.
  using Records = std::function<void(std::vector<MsgId>, ClientId, std::function<void(Found)>)>;

  TaskResume(net::Loop& loop, Origin& origin, sched::Scheduler& scheduler, Hooks hooks, Log& log)
      : loop_(loop),
        origin_(origin),
        scheduler_(scheduler),
        hooks_(std::move(hooks)),
        log_(log),
        direct_(loop, [this](const EngineId& engine, const wire::ResumeAsk& ask) { send_question(engine, ask); }) {}

  void use(Records records) { records_ = std::move(records); }
  /// Knows what was sent to engines that do not come back. Without it, they may have run everything.
  void use(std::unique_ptr<DispatchJournal> journal);
  /// Whether the client has asked lately, so that it may send what has arrived after all.
  bool has_asked(const ClientId& client) const { return asked_.contains(client); }
  /// A task that is sent again after a break has so many retries less as it may have run before. False: it has used up
  /// all of them.
  bool charge(const MsgId& id, std::int32_t& retries) const;
  /// A task goes to an engine now, or has come back without having begun.
  void sent(const MsgId& id, const EngineId& engine) {
    if (journal_) journal_->sent(id, engine);
  }
  void handed_back(const MsgId& id, const EngineId& engine) {
    if (journal_) journal_->handed_back(id, engine);
  }
  /// Engines of an earlier controller that may come back within `wait`.
  void expect(std::vector<EngineId> engines, Duration wait);
  /// Unfinished tasks of an earlier controller, in the order in which they were submitted. They run once it is certain
  /// that they are not running.
  void restore(std::vector<EarlierTask> tasks);
  /// Whether it is open where some of them are.
  bool restoring() const { return restore_round_.has_value(); }

  /// Direct requests do not come this way, but questions to engines do.
  DirectResume& direct() { return direct_; }

  void engine_back(const EngineId& engine);
  void engine_gone(const EngineId& engine);
  void client_asks(const wire::Message& question);
  void engine_answers(const wire::Message& answer);

  /// The engine that holds this task, when its client has sent it again for that.
  std::optional<EngineId> claim(const MsgId& id);
  void adopt(sched::Submit task, const EngineId& home);
  /// A reply has come from an engine: if it is one to a task of restore(), that task was there.
  void arrived(const MsgId& id, const EngineId& engine);
  /// The client that still waits for the reply to a task that has ended: it gets the one that has come now.
  std::optional<ClientId> wanted_by(const MsgId& id);

 private:
  struct Question {  // of a client; the round's conclusion is its answer
    ClientId client;
    Blob header;
    std::vector<MsgId> held;
  };
  void ask_engines(ClientId client, Blob header, std::vector<MsgId> held, const std::vector<MsgId>& ids);
  void perform(std::vector<sched::ReconcilerAction> actions);
  void settle_doubt(sched::Concluded& concluded);
  void conclude(sched::Concluded concluded);
  void conclude_restore(const sched::Concluded& concluded);
  void send_question(const EngineId& engine, const wire::ResumeAsk& ask);
  void settle_in_flight(const EngineId& engine, const wire::Fates& fates);
  void take_over(sched::Submit task, const EngineId& home);
  void run(sched::Submit task);
  void check_soon(const EngineId& engine);
  void check(const EngineId& engine);
  void fail(sched::Submit task, std::string text);
  void schedule_tick();
  void ask_again_later();

  net::Loop& loop_;
  Origin& origin_;
  sched::Scheduler& scheduler_;
  Hooks hooks_;
  Log& log_;
  Records records_;
  std::unique_ptr<DispatchJournal> journal_;
  DirectResume direct_;
  sched::Reconciler reconciler_;
  std::unordered_map<std::uint64_t, Question> questions_;  // by round
  std::unordered_map<MsgId, EarlierTask> restoring_;       // tasks of restore(), until its round is over
  std::optional<std::uint64_t> restore_round_;
  std::set<EngineId> here_;
  std::unordered_map<MsgId, EngineId> claims_;
  std::unordered_map<MsgId, std::int32_t> spent_;  // runs before the break, of tasks that may be sent again
  std::unordered_map<ClientId, TimePoint> asked_;  // when it did so last
  TimePoint claims_until_{};
  std::unordered_map<MsgId, ClientId> wanted_;  // ended, but the reply has not reached the client
  std::unordered_map<EngineId, std::vector<sched::Scheduler::InFlight>> checks_;  // what an engine was asked about
  std::set<EngineId> check_due_;
  std::optional<TimePoint> tick_at_;
  bool asking_again_ = false;
};

}  // namespace camshaft::service
