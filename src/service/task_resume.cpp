#include "service/task_resume.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace camshaft::service {

namespace {

// Questions about what is in flight have no round of the reconciler.
constexpr std::uint64_t kCheck = 0;
// Tasks that are taken over one after the other are asked about in one message.
constexpr Duration kCheckDelay = std::chrono::milliseconds(20);
// A question without an answer is repeated: the engine's connection may have been the old one still.
constexpr Duration kAskAgain = std::chrono::seconds(1);
// Claims that nobody has taken up by then never will be: the client is gone.
constexpr Duration kClaimsFor = std::chrono::seconds(120);

bool can_answer(const EngineId& engine) { return engine.value.starts_with("camshaft-"); }

}  // namespace

void TaskResume::use(std::unique_ptr<DispatchJournal> journal) {
  journal_ = std::move(journal);
  journal_->use([this](const std::function<void(const MsgId&, const EngineId&)>& tell) {
    for (const EngineId& engine : here_)
      for (const auto& task : scheduler_.in_flight(engine)) tell(task.id, engine);
  });
}

void TaskResume::expect(std::vector<EngineId> engines, Duration wait) {
  reconciler_.expect(std::move(engines), loop_.clock().now() + wait);
  schedule_tick();
}

void TaskResume::restore(std::vector<EarlierTask> tasks) {
  if (tasks.empty()) return;
  std::vector<MsgId> ids;
  ids.reserve(tasks.size());
  for (EarlierTask& earlier : tasks) {
    ids.push_back(earlier.task.id);
    restoring_.emplace(ids.back(), std::move(earlier));
  }
  log_.info("{} unfinished tasks of the controller before: asking the engines", ids.size());
  std::vector<sched::ReconcilerAction> actions;
  restore_round_ = reconciler_.next_round();
  reconciler_.ask(ids, actions);
  perform(std::move(actions));
}

// ---- engines -------------------------------------------------------------------------------------------------------

void TaskResume::engine_back(const EngineId& engine) {
  here_.insert(engine);
  std::vector<sched::ReconcilerAction> actions;
  reconciler_.engine_back(engine, can_answer(engine), actions);
  perform(std::move(actions));
  if (can_answer(engine)) check(engine);
  direct_.engine_back(engine, can_answer(engine));
}

void TaskResume::engine_gone(const EngineId& engine) {
  here_.erase(engine);
  checks_.erase(engine);
  std::vector<sched::ReconcilerAction> actions;
  reconciler_.engine_gone(engine, actions);
  perform(std::move(actions));
  direct_.engine_gone(engine);
}

void TaskResume::send_question(const EngineId& engine, const wire::ResumeAsk& ask) {
  hooks_.to_engine(engine, origin_.message({Blob::of(engine.value), Blob::of_static("controller")}, wire::kResumeQuery,
                                           Blob::of_static("{}"), wire::render(ask)));
}

void TaskResume::ask_again_later() {
  if (asking_again_ || (reconciler_.open_rounds() == 0 && checks_.empty())) return;
  asking_again_ = true;
  loop_.at(loop_.clock().now() + kAskAgain, [this] {
    asking_again_ = false;
    std::vector<sched::ReconcilerAction> actions;
    reconciler_.ask_again(actions);
    std::vector<EngineId> unanswered;
    for (const auto& [engine, tasks] : checks_) unanswered.push_back(engine);
    for (const EngineId& engine : unanswered) check(engine);
    perform(std::move(actions));
    ask_again_later();
  });
}

/// Asks what became of the tasks that the engine should have.
void TaskResume::check(const EngineId& engine) {
  auto tasks = scheduler_.in_flight(engine);
  if (tasks.empty()) {
    checks_.erase(engine);
    return;
  }
  wire::ResumeAsk ask{kCheck, true, {}};
  for (const auto& task : tasks) ask.ids.push_back(task.id);
  checks_[engine] = std::move(tasks);
  send_question(engine, ask);
  ask_again_later();
}

void TaskResume::check_soon(const EngineId& engine) {
  if (!check_due_.insert(engine).second) return;
  loop_.at(loop_.clock().now() + kCheckDelay, [this, engine] {
    check_due_.erase(engine);
    check(engine);
  });
}

void TaskResume::engine_answers(const wire::Message& answer) {
  const auto fates = wire::parse_fates(answer.parts.content.view());
  if (!fates || answer.parts.identities.empty())
    return log_.warning("task: dropped an engine's answer: {}", fates ? "no sender" : fates.error().message);
  const EngineId engine(answer.parts.identities.front().str());
  if (fates->round == kCheck) return settle_in_flight(engine, *fates);
  if (fates->round == DirectResume::kRound) return direct_.engine_answers(engine, *fates);
  std::vector<sched::ReconcilerAction> actions;
  reconciler_.answered(engine, fates->round, {fates->held, fates->done, fates->lost}, actions);
  perform(std::move(actions));
}

void TaskResume::settle_in_flight(const EngineId& engine, const wire::Fates& fates) {
  const auto asked = checks_.extract(engine);
  if (asked.empty()) return;
  const std::unordered_set<MsgId> lost(fates.lost.begin(), fates.lost.end());
  const std::unordered_set<MsgId> unknown(fates.unknown.begin(), fates.unknown.end());
  std::vector<sched::Action> actions;
  for (const auto& task : asked.mapped()) {
    if (unknown.contains(task.id)) {
      handed_back(task.id, engine);
      scheduler_.give_back(task, engine, loop_.clock().now(), actions);
    } else if (lost.contains(task.id)) {
      scheduler_.lose_result(task, engine, loop_.clock().now(), actions);
    }
  }
  if (!unknown.empty() || !lost.empty())
    log_.info("engine {} is back: {} tasks never reached it, {} results were lost", engine.value, unknown.size(),
              lost.size());
  hooks_.perform(std::move(actions));
}

// ---- clients -------------------------------------------------------------------------------------------------------

void TaskResume::client_asks(const wire::Message& question) {
  const auto ask = wire::parse_resume_ask(question.parts.content.view());
  if (!ask) return log_.warning("task: dropped a client's question: {}", ask.error().message);
  const ClientId client(question.parts.identities.front().str());
  const TimePoint now = loop_.clock().now();
  std::erase_if(asked_, [now](const auto& asked) { return now - asked.second > kClaimsFor; });
  asked_.insert_or_assign(client, now);
  std::vector<MsgId> held, open;
  for (const MsgId& id : ask->ids) {
    const bool known = scheduler_.is_live(id).value_or(false) || restoring_.contains(id);
    (known ? held : open).push_back(id);
  }
  log_.debug("task: a client asks for {} tasks: {} are here", ask->ids.size(), held.size());
  const Blob header = Blob::of(question.parts.header.str());
  if (!records_ || open.empty()) return ask_engines(client, header, std::move(held), open);
  std::vector<MsgId> ids = open;
  records_(std::move(ids), client,
           [this, client, header, held = std::move(held), open = std::move(open)](Found found) mutable {
             std::unordered_set<MsgId> answered;
             for (Recorded& one : found) {
               hooks_.to_client(one.reply);
               scheduler_.remember(one.id, one.success);
               answered.insert(std::move(one.id));
             }
             std::erase_if(open, [&](const MsgId& id) { return answered.contains(id); });
             held.insert(held.end(), answered.begin(), answered.end());
             ask_engines(client, header, std::move(held), open);
           });
}

void TaskResume::ask_engines(ClientId client, Blob header, std::vector<MsgId> held, const std::vector<MsgId>& ids) {
  // A task that has ended is not sent again: what its client lacks is the reply, which an engine may still have.
  for (const MsgId& id : ids)
    if (scheduler_.is_live(id) == false) wanted_.insert_or_assign(id, client);
  std::vector<sched::ReconcilerAction> actions;
  questions_.emplace(reconciler_.next_round(), Question{std::move(client), std::move(header), std::move(held)});
  reconciler_.ask(ids, actions);
  perform(std::move(actions));
}

void TaskResume::perform(std::vector<sched::ReconcilerAction> actions) {
  for (sched::ReconcilerAction& action : actions) {
    if (auto* ask = std::get_if<sched::AskEngine>(&action)) {
      send_question(ask->engine, {ask->round, false, std::move(ask->ids)});
      continue;
    }
    auto& concluded = std::get<sched::Concluded>(action);
    settle_doubt(concluded);
    if (concluded.round == restore_round_) {
      conclude_restore(concluded);
    } else {
      conclude(std::move(concluded));
    }
  }
  schedule_tick();
  ask_again_later();
}

// Doubt is about engines that cannot be asked: what was never sent to one of them has not run there, and what was may
// have, however long ago that engine was lost.
void TaskResume::settle_doubt(sched::Concluded& concluded) {
  for (const auto* some : {&concluded.lost, &concluded.doubtful})
    for (const MsgId& id : *some) spent_[id] = 1;
  if (!journal_) return;
  std::set<EngineId> asked;
  for (const EngineId& engine : here_)
    if (can_answer(engine)) asked.insert(engine);
  std::vector<MsgId> ids = concluded.lost;
  for (const auto* some : {&concluded.doubtful, &concluded.unknown}) ids.insert(ids.end(), some->begin(), some->end());
  const auto times = journal_->sent_elsewhere(ids, asked);
  if (!times) return;
  const auto elsewhere = [&](const MsgId& id) {
    const auto count = times->find(id);
    return count == times->end() ? 0 : count->second;
  };
  for (const MsgId& id : concluded.lost) spent_[id] = 1 + elsewhere(id);
  std::vector<MsgId> unsettled = std::exchange(concluded.doubtful, {});
  unsettled.insert(unsettled.end(), concluded.unknown.begin(), concluded.unknown.end());
  concluded.unknown.clear();
  for (MsgId& id : unsettled) {
    if (const std::int32_t count = elsewhere(id); count > 0) {
      spent_[id] = count;
      concluded.doubtful.push_back(std::move(id));
    } else {
      spent_.erase(id);
      concluded.unknown.push_back(std::move(id));
    }
  }
}

bool TaskResume::charge(const MsgId& id, std::int32_t& retries) const {
  const auto spent = spent_.find(id);
  if (spent == spent_.end()) return true;
  retries -= spent->second;
  return retries >= 0;
}

void TaskResume::conclude(sched::Concluded concluded) {
  auto asked = questions_.extract(concluded.round);
  if (asked.empty()) return;
  Question& question = asked.mapped();
  wire::Fates fates;
  fates.held = std::move(question.held);
  fates.lost = std::move(concluded.lost);
  fates.doubtful = std::move(concluded.doubtful);
  std::unordered_map<EngineId, wire::ResumeAsk> resend;
  // The client may have asked more than once, and have sent the task again since: then it is here, or its reply is on
  // its way.
  const auto is_here = [&](const MsgId& id) {
    const auto live = scheduler_.is_live(id);
    return live == true || (live == false && !wanted_.contains(id));
  };
  for (auto* ids : {&fates.lost, &fates.doubtful, &concluded.unknown})
    std::erase_if(*ids, [&](MsgId& id) {
      if (!is_here(id)) return false;
      fates.held.push_back(std::move(id));
      return true;
    });
  for (auto& [id, engine] : concluded.held) {
    if (is_here(id)) {
      fates.held.push_back(std::move(id));
    } else if (wanted_.contains(id)) {
      resend[engine].ids.push_back(id);
      fates.held.push_back(std::move(id));
    } else {
      claims_.insert_or_assign(id, std::move(engine));
      fates.unknown.push_back(std::move(id));
    }
  }
  for (MsgId& id : concluded.unknown) (wanted_.contains(id) ? fates.lost : fates.unknown).push_back(std::move(id));
  for (const auto* gone : {&fates.lost, &fates.doubtful})
    for (const MsgId& id : *gone) wanted_.erase(id);
  for (auto& [engine, ask] : resend) send_question(engine, ask);
  hooks_.to_client(
      origin_.message({Blob::of(question.client.value)}, wire::kResumeReply, question.header, wire::render(fates)));
  if (claims_.empty() && spent_.empty()) return;
  claims_until_ = loop_.clock().now() + kClaimsFor;
  loop_.at(claims_until_, [this] {
    if (loop_.clock().now() < claims_until_) return;
    claims_.clear();
    spent_.clear();
  });
}

std::optional<EngineId> TaskResume::claim(const MsgId& id) {
  if (claims_.empty()) return std::nullopt;
  auto claimed = claims_.extract(id);
  return claimed.empty() ? std::nullopt : std::optional(std::move(claimed.mapped()));
}

void TaskResume::adopt(sched::Submit task, const EngineId& home) {
  take_over(std::move(task), home);
  check_soon(home);
}

void TaskResume::take_over(sched::Submit task, const EngineId& home) {
  hooks_.adopted(task.id, home);
  std::vector<sched::Action> actions;
  scheduler_.adopt(std::move(task), home, loop_.clock().now(), actions);
  hooks_.perform(std::move(actions));
}

void TaskResume::run(sched::Submit task) {
  std::vector<sched::Action> actions;
  scheduler_.handle(std::move(task), loop_.clock().now(), actions);
  hooks_.perform(std::move(actions));
}

// Faster than the answer to the question, and than what an engine can keep for a resend. An engine that has not
// registered yet is asked once it has.
void TaskResume::arrived(const MsgId& id, const EngineId& engine) {
  if (restoring_.empty() || !here_.contains(engine)) return;
  auto earlier = restoring_.extract(id);
  if (!earlier.empty()) take_over(std::move(earlier.mapped().task), engine);
}

std::optional<ClientId> TaskResume::wanted_by(const MsgId& id) {
  if (wanted_.empty()) return std::nullopt;
  auto wanted = wanted_.extract(id);
  return wanted.empty() ? std::nullopt : std::optional(std::move(wanted.mapped()));
}

// ---- an earlier controller's tasks ---------------------------------------------------------------------------------

void TaskResume::conclude_restore(const sched::Concluded& concluded) {
  restore_round_.reset();
  std::unordered_map<MsgId, EarlierTask> tasks = std::exchange(restoring_, {});
  // What has arrived meanwhile is settled.
  const auto take = [&](const MsgId& id) -> std::optional<EarlierTask> {
    auto found = tasks.extract(id);
    return found.empty() ? std::nullopt : std::optional(std::move(found.mapped()));
  };
  std::size_t held = 0, waiting = 0, ended = 0;
  for (auto& [id, engine] : concluded.held) {
    auto earlier = take(id);
    if (!earlier) continue;
    ++held;
    if (!earlier->broken.empty()) earlier->task.requirements.retries = 0;
    adopt(std::move(earlier->task), engine);
  }
  const auto run_again = [&](EarlierTask earlier) {
    if (earlier.broken.empty()) {
      ++waiting;
      run(std::move(earlier.task));
    } else {
      ++ended;
      fail(std::move(earlier.task), fmt::format("Task '{}' {}", earlier.task.id.value, earlier.broken));
    }
  };
  const auto give_up = [&](const std::vector<MsgId>& ids, std::string_view why) {
    for (const MsgId& id : ids) {
      auto earlier = take(id);
      if (!earlier) continue;
      if (charge(id, earlier->task.requirements.retries)) {
        run_again(std::move(*earlier));
      } else {
        ++ended;
        fail(std::move(earlier->task), fmt::format("Task '{}' {}", id.value, why));
      }
    }
  };
  give_up(concluded.lost, "has run, but its result was lost with the controller");
  give_up(concluded.doubtful,
          "was under way when the controller was lost, and may have run on an engine that did not come back");
  for (const MsgId& id : concluded.unknown)
    if (auto earlier = take(id)) run_again(std::move(*earlier));
  log_.info("of the controller before: {} tasks run on, {} wait again, {} are lost or in doubt", held, waiting, ended);
}

void TaskResume::fail(sched::Submit task, std::string text) {
  scheduler_.remember(task.id, false);  // for those that depend on it
  std::vector<sched::Action> actions;
  actions.emplace_back(sched::Fail{std::move(task.id), std::move(task.client), std::move(task.payload),
                                   sched::FailureKind::engine_died, std::move(text), std::nullopt});
  hooks_.perform(std::move(actions));
}

void TaskResume::schedule_tick() {
  const auto deadline = reconciler_.next_deadline();
  if (!deadline || tick_at_) return;
  tick_at_ = deadline;
  loop_.at(*deadline, [this] {
    tick_at_.reset();
    std::vector<sched::ReconcilerAction> actions;
    reconciler_.tick(loop_.clock().now(), actions);
    perform(std::move(actions));
  });
}

}  // namespace camshaft::service
