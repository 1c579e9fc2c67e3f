// sched/direct_reconciler.hpp: direct requests whose way was broken, and whose client may be gone: does their engine
// have them? Pure: events and the time in, actions out. Thread: one. Owns: the ids of such requests, by engine, until
// each is settled. Errors: none; answers to questions that nobody asked are ignored.
//
// A client that lives asks for itself, and sends again what never arrived. So nothing is sent here; but what nobody
// has, and nobody has sent again when the patience is over, has ended.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_set>
#include <variant>
#include <vector>

#include "core/ids.hpp"
#include "core/time.hpp"

namespace camshaft::sched {

/// Ask this engine about these ids; its answer is answered(). Replies that are at hand are to be sent again.
struct AskDirect {
  EngineId engine;
  std::vector<MsgId> ids;
  bool operator==(const AskDirect&) const = default;
};
/// The engine has them, or has answered: a reply comes, or the engine's end ends them.
struct DirectHeld {
  EngineId engine;
  std::vector<MsgId> ids;
  bool operator==(const DirectHeld&) const = default;
};
/// There will be no reply.
struct DirectEnded {
  enum class Why : std::uint8_t { lost, never_arrived, engine_missing } why;
  EngineId engine;
  std::vector<MsgId> ids;
  bool operator==(const DirectEnded&) const = default;
};
using DirectAction = std::variant<AskDirect, DirectHeld, DirectEnded>;

class DirectReconciler {
 public:
  using Out = std::vector<DirectAction>;
  static constexpr Duration kPatience = std::chrono::seconds(120);

  /// How long an engine may stay away, and a client may take to send again what did not arrive.
  void set_patience(Duration patience) { patience_ = patience; }

  /// These requests were sent to the engine, and may have been lost.
  void watch(const EngineId& engine, const std::vector<MsgId>& ids, TimePoint now, Out& out);
  /// An engine is there, for the first time or again. One that cannot `answer` is believed to have everything.
  void engine_back(const EngineId& engine, bool answers, Out& out);
  void engine_gone(const EngineId& engine);
  /// What is neither held nor done is lost or was never seen.
  struct Told {
    std::vector<MsgId> held, done, lost;
  };
  void answered(const EngineId& engine, const Told& told, TimePoint now, Out& out);

  /// Questions that are open, once more: they may have gone into a connection that was about to be replaced.
  void ask_again(Out& out) const;
  bool asking() const;
  void tick(TimePoint now, Out& out);
  std::optional<TimePoint> next_deadline() const;

 private:
  struct Left {
    std::unordered_set<MsgId> ids{};
    TimePoint until{};
    bool asked = false;  // and not answered
  };
  void ask(const EngineId& engine, Left& left, Out& out);

  Duration patience_ = kPatience;
  std::map<EngineId, bool> here_;  // and whether it can answer
  std::map<EngineId, Left> left_;  // never empty ones
};

}  // namespace camshaft::sched
