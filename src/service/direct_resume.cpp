#include "service/direct_resume.hpp"

#include <utility>

namespace camshaft::service {

namespace {
constexpr Duration kAskAgain = std::chrono::seconds(1);
}  // namespace

void DirectResume::use(Listener listener, Duration patience) {
  listener_ = std::move(listener);
  core_.set_patience(patience);
}

void DirectResume::watch(const EngineId& engine, const std::vector<MsgId>& ids) {
  std::vector<sched::DirectAction> actions;
  core_.watch(engine, ids, loop_.clock().now(), actions);
  perform(std::move(actions));
}

void DirectResume::engine_back(const EngineId& engine, bool answers) {
  std::vector<sched::DirectAction> actions;
  core_.engine_back(engine, answers, actions);
  perform(std::move(actions));
}

void DirectResume::engine_gone(const EngineId& engine) {
  core_.engine_gone(engine);
  schedule_tick();
}

void DirectResume::engine_answers(const EngineId& engine, const wire::Fates& fates) {
  std::vector<sched::DirectAction> actions;
  core_.answered(engine, {fates.held, fates.done, fates.lost}, loop_.clock().now(), actions);
  perform(std::move(actions));
}

void DirectResume::perform(std::vector<sched::DirectAction> actions) {
  for (sched::DirectAction& action : actions) {
    if (auto* ask = std::get_if<sched::AskDirect>(&action)) {
      ask_(ask->engine, {kRound, true, std::move(ask->ids)});
    } else if (auto* held = std::get_if<sched::DirectHeld>(&action)) {
      if (listener_.held) listener_.held(std::move(*held));
    } else if (listener_.ended) {
      listener_.ended(std::get<sched::DirectEnded>(std::move(action)));
    }
  }
  ask_again_later();
  schedule_tick();
}

void DirectResume::ask_again_later() {
  if (asking_again_ || !core_.asking()) return;
  asking_again_ = true;
  loop_.at(loop_.clock().now() + kAskAgain, [this] {
    asking_again_ = false;
    std::vector<sched::DirectAction> actions;
    core_.ask_again(actions);
    perform(std::move(actions));
  });
}

void DirectResume::schedule_tick() {
  const auto deadline = core_.next_deadline();
  if (!deadline || (tick_at_ && *tick_at_ <= *deadline)) return;
  tick_at_ = deadline;
  loop_.at(*deadline, [this, at = *deadline] {
    if (tick_at_ == at) tick_at_.reset();
    std::vector<sched::DirectAction> actions;
    core_.tick(loop_.clock().now(), actions);
    perform(std::move(actions));
  });
}

}  // namespace camshaft::service
