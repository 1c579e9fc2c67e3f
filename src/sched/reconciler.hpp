// sched/reconciler.hpp: after a controller came back, or a connection did: which tasks do the engines still hold?
// Pure: events and the time in, actions out.
// Thread: one. Owns: one round for each question that is open: its ids, and the engines that have yet to answer.
// Errors: none; answers to questions that nobody asked are ignored.
//
// A task that no engine has seen can safely be sent again, but only once every engine that might have seen it has said
// so. One that does not come back leaves doubt, and so does one that came back and left before it could be asked.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "core/ids.hpp"
#include "core/time.hpp"

namespace camshaft::sched {

/// Ask this engine about these ids; its answer is answered().
struct AskEngine {
  EngineId engine;
  std::uint64_t round;
  std::vector<MsgId> ids;
  bool operator==(const AskEngine&) const = default;
};

/// Every engine has answered, or is gone. Each id of the round stands in one list.
struct Concluded {
  std::uint64_t round;
  std::vector<std::pair<MsgId, EngineId>> held;  // waits, runs or has ended there, and the reply is to be had
  std::vector<MsgId> lost;                       // has run, but its reply is not to be had
  std::vector<MsgId> unknown;                    // never ran
  std::vector<MsgId> doubtful;                   // may have run on an engine that did not come back,
  std::vector<EngineId> missing{};               // one of these, in order
  bool operator==(const Concluded&) const = default;
};

using ReconcilerAction = std::variant<AskEngine, Concluded>;

class Reconciler {
 public:
  using Out = std::vector<ReconcilerAction>;

  /// Engines of an earlier controller that may come back; those that have not by `until` are gone.
  void expect(std::vector<EngineId> engines, TimePoint until);
  /// An engine is there, for the first time or again. One that cannot `answer` leaves doubt if it was expected.
  void engine_back(const EngineId& engine, bool answers, Out& out);
  void engine_gone(const EngineId& engine, Out& out);

  /// Opens a round about `ids`. It may conclude at once.
  std::uint64_t ask(const std::vector<MsgId>& ids, Out& out);
  /// The number that the next round will have.
  std::uint64_t next_round() const { return last_round_ + 1; }
  struct Told {
    std::vector<MsgId> held, done, lost;  // what is in none of them was never seen
  };
  void answered(const EngineId& engine, std::uint64_t round, const Told& told, Out& out);

  /// The engines that are here and have not answered are asked once more: a question may have gone into a connection
  /// that was about to be replaced.
  void ask_again(Out& out) const;

  void tick(TimePoint now, Out& out);
  std::optional<TimePoint> next_deadline() const;
  std::size_t open_rounds() const { return rounds_.size(); }

 private:
  enum class Found : std::uint8_t { nowhere, lost, done, held };  // the later, the better
  struct Fate {
    Found found = Found::nowhere;
    EngineId where{};
  };
  struct Round {
    std::vector<MsgId> ids;  // in the order of the question
    std::unordered_map<MsgId, Fate> fates;
    std::set<EngineId> awaited;
    std::size_t not_held;        // ids that no engine holds as far as is known
    std::set<EngineId> missing;  // gone, or cannot answer
  };
  using Rounds = std::map<std::uint64_t, Round>;

  void conclude(Rounds::iterator round, Out& out);
  Rounds::iterator check(Rounds::iterator round, Out& out);

  std::map<EngineId, bool> here_;  // and whether it can answer
  std::set<EngineId> earlier_;     // served an earlier controller: may have run what this one has never seen
  std::set<EngineId> expected_;    // those of them that have not come back
  std::optional<TimePoint> until_;
  std::set<EngineId> missing_;  // earlier engines that are gone, or cannot answer
  Rounds rounds_;
  std::uint64_t last_round_ = 0;
};

}  // namespace camshaft::sched
