// sched/engine_index.hpp: the engines that take tasks, ordered so that a scheme finds one in O(log engines).
// Thread: one. Owns: load and recency of each engine, by slot; who an engine is, is the scheduler's business.
// Errors: none. Recency: a new engine counts as used before all others, an assignment makes it the last used,
// an answer changes only its load (as in the original's parallel lists `targets` and `loads`).
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "core/time.hpp"
#include "sched/schemes.hpp"

namespace camshaft::sched {

using Slot = std::uint32_t;

class EngineIndex {
 public:
  /// `hwm`: an engine with so many tasks gets no more; 0: there is no such bound.
  /// `chooser`: scheme custom, which is O(engines) for each choice.
  EngineIndex(Scheme scheme, std::uint32_t hwm, Chooser chooser = {});

  void add(Slot engine, Load load) { add(engine, load, bound_); }
  void remove(Slot engine);
  void assign(Slot engine) { assign(engine, bound_); }  // one task more
  void answer(Slot engine) { answer(engine, bound_); }  // one task less

  /// The same with a bound of the engine's own, from now on.
  void add(Slot engine, Load load, Load bound);
  void assign(Slot engine, Load bound);
  void answer(Slot engine, Load bound);
  void rebound(Slot engine, Load bound);

  bool contains(Slot engine) const { return engine < seats_.size() && seats_[engine].present; }
  bool open(Slot engine) const { return contains(engine) && seats_[engine].load < seats_[engine].bound; }
  std::size_t open_count() const { return open_.size(); }
  Load load(Slot engine) const { return seats_[engine].load; }
  Load bound() const { return bound_; }

  /// The scheme's choice among open engines: all, those of `only`, or all but `except`.
  std::optional<Slot> pick(Rng& rng) const;
  std::optional<Slot> pick_only(std::span<const Slot> only, Rng& rng) const;
  std::optional<Slot> pick_except(std::span<const Slot> except, Rng& rng);

 private:
  struct Seat {
    std::int64_t stamp = 0;   // order of last use; unique among present engines
    std::uint64_t count = 0;  // tasks that it was ever given
    Load load = 0;
    Load bound = 0;
    std::uint32_t open_at = 0;    // position in open_, when listed
    std::uint32_t bucket_at = 0;  // position in buckets_[load], when listed
    bool present = false;
    bool listed = false;  // in open_ (and buckets_, and the tree): present, below the bound, not held back
  };
  /// A place in the tournament: who won there, and what it is compared by.
  struct Rank {
    std::uint64_t load;  // kOut: not listed; 0 where the scheme does not look at it
    std::int64_t stamp;
    Slot engine;
    bool before(const Rank& other) const { return load != other.load ? load < other.load : stamp < other.stamp; }
  };
  static constexpr std::uint64_t kOut = ~std::uint64_t{0};
  Rank rank_of(Slot engine) const;
  void reload(Slot engine, Load load);
  void list(Slot engine);
  void unlist(Slot engine);
  void replay(Slot engine);  // puts the tree right after a change of this engine
  Slot draw_by_weight(Rng& rng) const;
  Slot choose_among(std::vector<Slot> candidates, Rng& rng) const;  // not empty, in any order
  bool has_tree() const { return scheme_ == Scheme::leastload || scheme_ == Scheme::lru || scheme_ == Scheme::pure; }

  Scheme scheme_;
  Chooser chooser_;
  Load bound_;
  std::int64_t newest_ = 0, oldest_ = 0;  // stamps handed out at either end
  std::vector<Seat> seats_;               // by slot
  std::vector<Slot> open_;                // every listed engine, in no order
  std::vector<Rank> tree_;  // schemes with a first choice: a tournament; tree_[1] is that choice, leaves are the slots
  std::map<Load, std::vector<Slot>> buckets_;  // scheme weighted: the listed engines by load
};

}  // namespace camshaft::sched
