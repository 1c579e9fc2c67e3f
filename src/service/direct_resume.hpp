// service/direct_resume.hpp: the shell around sched::DirectReconciler: asks engines what they have of direct requests
// whose way was broken. Thread: that of its loop. Owns: its timers. Errors: none; every wait ends, by an answer, an
// engine's end or a time.
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "net/loop.hpp"
#include "sched/direct_reconciler.hpp"
#include "wire/resume.hpp"

namespace camshaft::service {

class DirectResume final {
 public:
  /// The round of its questions; those of the other reconciler are counted from 1.
  static constexpr std::uint64_t kRound = std::uint64_t{1} << 52;

  DirectResume(net::Loop& loop, std::function<void(const EngineId&, wire::ResumeAsk)> ask)
      : loop_(loop), ask_(std::move(ask)) {}

  struct Listener {
    std::function<void(sched::DirectHeld)> held;
    std::function<void(sched::DirectEnded)> ended;
  };
  void use(Listener listener, Duration patience);

  void watch(const EngineId& engine, const std::vector<MsgId>& ids);
  void engine_back(const EngineId& engine, bool answers);
  void engine_gone(const EngineId& engine);
  void engine_answers(const EngineId& engine, const wire::Fates& fates);

 private:
  void perform(std::vector<sched::DirectAction> actions);
  void ask_again_later();
  void schedule_tick();

  net::Loop& loop_;
  std::function<void(const EngineId&, wire::ResumeAsk)> ask_;
  Listener listener_;
  sched::DirectReconciler core_;
  std::optional<TimePoint> tick_at_;
  bool asking_again_ = false;
};

}  // namespace camshaft::service
