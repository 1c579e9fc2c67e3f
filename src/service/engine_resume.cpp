// An engine's side of a connection that broke: what it tells a controller or a client about their requests.
#include <unordered_set>

#include "service/engine_service.hpp"
#include "wire/resume.hpp"

namespace camshaft::service {

namespace {
constexpr Duration kExpireEvery = std::chrono::seconds(5);
}  // namespace

void EngineService::keep_reply(const EngineTask& task, const wire::Parts& reply) {
  if (task.on_control || (task.kind != engine::Kind::apply && task.kind != engine::Kind::execute)) return;
  wire::Parts kept = reply;
  kept.identities = task.identities;
  ledger_.answered(task.parent->id, wire::join(kept), clock_.now());
  expire_replies();
}

// By the channel by which the question came, and the replies after the answer: whoever asked knows first that they
// come.
void EngineService::tell_fates(const wire::Message& question) {
  const auto ask = wire::parse_resume_ask(question.parts.content.view());
  if (!ask || !links_) return;
  answer_finished();
  replies_.flush();
  std::unordered_set<MsgId> held;
  {
    const std::lock_guard lock(queue_mutex_);
    for (MsgId& id : queue_.held()) held.insert(std::move(id));
    for (const Answered& each : finished_) held.insert(each.task->parent->id);
  }
  wire::Fates fates;
  fates.round = ask->round;
  std::vector<const Frames*> replies;
  const auto answers = ledger_.fates(ask->ids);
  for (std::size_t i = 0; i < ask->ids.size(); ++i) {
    const MsgId& id = ask->ids[i];
    if (held.contains(id)) {
      fates.held.push_back(id);
    } else if (answers[i].reply != nullptr) {
      fates.done.push_back(id);
      replies.push_back(answers[i].reply);
    } else {
      (answers[i].answered ? fates.lost : fates.unknown).push_back(id);
    }
  }
  wire::Parts out;
  out.header = header(question.header.msg_type == wire::kResumeQuery ? wire::kResumeAnswer : wire::kResumeReply);
  out.parent = question.parts.header;
  out.metadata = Blob::of("{\"engine\": \"" + uuid().value + "\", \"status\": \"ok\"}");
  out.content = Blob::of(wire::render(fates));
  links_->send_shell(wire::encode(question.parts.identities, std::move(out), *signer_));
  if (!ask->resend) return;
  for (const Frames* reply : replies) {
    wire::Parts again = wire::split(*reply).value();
    const std::string peer = again.identities.front().str();
    again.identities.erase(again.identities.begin());
    replies_.add(peer, std::move(again));
  }
}

// Nothing gets old while the controller is away.
void EngineService::expire_replies() {
  if (expiry_timer_) return;
  expiry_timer_ = true;
  loop_.at(clock_.now() + kExpireEvery, [this] {
    expiry_timer_ = false;
    if (membership_.is_member()) ledger_.expire(clock_.now());
    if (ledger_.kept() > 0) expire_replies();
  });
}

}  // namespace camshaft::service
