#include "sched/engine_index.hpp"

#include <algorithm>
#include <limits>

namespace camshaft::sched {

EngineIndex::EngineIndex(Scheme scheme, std::uint32_t hwm, Chooser chooser)
    : scheme_(scheme), chooser_(std::move(chooser)), bound_(hwm == 0 ? std::numeric_limits<Load>::max() : hwm) {}

void EngineIndex::add(Slot engine, Load load, Load bound) {
  if (engine >= seats_.size()) seats_.resize(engine + 1);
  seats_[engine] = Seat{.stamp = --oldest_, .load = load, .bound = bound, .present = true};
  if (has_tree() && engine >= tree_.size() / 2) {
    std::size_t leaves = std::max<std::size_t>(tree_.size() / 2, 1);
    while (leaves <= engine) leaves *= 2;
    tree_.resize(2 * leaves);
    for (Slot slot = 0; slot < leaves; ++slot) tree_[leaves + slot] = rank_of(slot);
    for (std::size_t node = leaves - 1; node > 0; --node) {
      tree_[node] = tree_[2 * node].before(tree_[2 * node + 1]) ? tree_[2 * node] : tree_[2 * node + 1];
    }
  }
  if (load < bound) list(engine);
}

void EngineIndex::remove(Slot engine) {
  if (seats_[engine].listed) unlist(engine);
  seats_[engine].present = false;
}

void EngineIndex::assign(Slot engine, Load bound) {
  Seat& seat = seats_[engine];
  seat.stamp = ++newest_;
  ++seat.count;
  seat.bound = bound;
  reload(engine, seat.load + 1);
}

void EngineIndex::answer(Slot engine, Load bound) {
  Seat& seat = seats_[engine];
  seat.bound = bound;
  reload(engine, seat.load - 1);
}

void EngineIndex::reload(Slot engine, Load load) {
  Seat& seat = seats_[engine];
  if (seat.listed && load < seat.bound && has_tree()) {  // it stays where it is in open_
    seat.load = load;
    return replay(engine);
  }
  if (seat.listed) unlist(engine);
  seat.load = load;
  if (load < seat.bound) list(engine);
}

void EngineIndex::rebound(Slot engine, Load bound) {
  Seat& seat = seats_[engine];
  seat.bound = bound;
  if (seat.listed == (seat.load < bound)) return;
  seat.listed ? unlist(engine) : list(engine);
}

void EngineIndex::list(Slot engine) {
  Seat& seat = seats_[engine];
  seat.listed = true;
  seat.open_at = static_cast<std::uint32_t>(open_.size());
  open_.push_back(engine);
  if (scheme_ == Scheme::weighted) {
    std::vector<Slot>& bucket = buckets_[seat.load];
    seat.bucket_at = static_cast<std::uint32_t>(bucket.size());
    bucket.push_back(engine);
  }
  replay(engine);
}

void EngineIndex::unlist(Slot engine) {
  Seat& seat = seats_[engine];
  seat.listed = false;
  seats_[open_.back()].open_at = seat.open_at;
  open_[seat.open_at] = open_.back();
  open_.pop_back();
  if (scheme_ == Scheme::weighted) {
    const auto bucket = buckets_.find(seat.load);
    seats_[bucket->second.back()].bucket_at = seat.bucket_at;
    bucket->second[seat.bucket_at] = bucket->second.back();
    bucket->second.pop_back();
    if (bucket->second.empty()) buckets_.erase(bucket);
  }
  replay(engine);
}

EngineIndex::Rank EngineIndex::rank_of(Slot engine) const {
  if (engine >= seats_.size() || !seats_[engine].listed) return {kOut, 0, engine};
  const Seat& seat = seats_[engine];
  const std::uint64_t load = scheme_ == Scheme::lru ? 0 : scheme_ == Scheme::pure ? (seat.load > 0 ? 1 : 0) : seat.load;
  return {load, seat.stamp, engine};
}

void EngineIndex::replay(Slot engine) {
  if (!has_tree()) return;
  std::size_t node = tree_.size() / 2 + engine;
  tree_[node] = rank_of(engine);
  for (node /= 2; node > 0; node /= 2) {
    const Rank& winner = tree_[2 * node].before(tree_[2 * node + 1]) ? tree_[2 * node] : tree_[2 * node + 1];
    if (winner.engine != engine && tree_[node].engine == winner.engine) return;  // nothing changes above
    tree_[node] = winner;
  }
}

Slot EngineIndex::draw_by_weight(Rng& rng) const {
  double total = 0;
  for (const auto& [load, bucket] : buckets_) total += weight_of(load) * static_cast<double>(bucket.size());
  double left = uniform_unit(rng) * total;
  for (const auto& [load, bucket] : buckets_) {
    left -= weight_of(load) * static_cast<double>(bucket.size());
    if (left < 0) return bucket[uniform_below(bucket.size(), rng)];
  }
  return buckets_.rbegin()->second.back();  // rounding
}

std::optional<Slot> EngineIndex::pick(Rng& rng) const {
  if (open_.empty()) return std::nullopt;
  switch (scheme_) {
    case Scheme::leastload:
    case Scheme::lru:
    case Scheme::pure:
      return tree_[1].engine;
    case Scheme::plainrandom:
      return open_[uniform_below(open_.size(), rng)];
    case Scheme::twobin: {
      const Slot x = open_[uniform_below(open_.size(), rng)];
      const Slot y = open_[uniform_below(open_.size(), rng)];
      return seats_[y].stamp < seats_[x].stamp ? y : x;
    }
    case Scheme::weighted: {
      const Slot x = draw_by_weight(rng);
      const Slot y = draw_by_weight(rng);
      return seats_[y].load < seats_[x].load ? y : x;
    }
    case Scheme::custom:
      return choose_among(open_, rng);
  }
  return std::nullopt;
}

Slot EngineIndex::choose_among(std::vector<Slot> candidates, Rng& rng) const {
  std::sort(candidates.begin(), candidates.end(), [&](Slot a, Slot b) { return seats_[a].stamp < seats_[b].stamp; });
  std::vector<Load> loads;
  for (Slot slot : candidates) loads.push_back(seats_[slot].load);
  if (scheme_ != Scheme::custom) return candidates[pick_of(scheme_)(loads, rng)];
  std::vector<std::uint64_t> counts;
  for (Slot slot : candidates) counts.push_back(seats_[slot].count);
  const std::size_t chosen = chooser_(Candidates{loads, counts, candidates}, rng);
  return candidates[chosen < candidates.size() ? chosen : 0];
}

std::optional<Slot> EngineIndex::pick_only(std::span<const Slot> only, Rng& rng) const {
  std::vector<Slot> candidates;
  std::copy_if(only.begin(), only.end(), std::back_inserter(candidates), [&](Slot slot) { return open(slot); });
  if (candidates.empty()) return std::nullopt;
  return choose_among(std::move(candidates), rng);
}

std::optional<Slot> EngineIndex::pick_except(std::span<const Slot> except, Rng& rng) {
  // Hold the excluded ones back for a moment: O(excluded * log engines), and the scheme is written only once.
  std::vector<Slot> held;
  for (Slot slot : except) {
    if (!contains(slot) || !seats_[slot].listed) continue;
    unlist(slot);
    held.push_back(slot);
  }
  const std::optional<Slot> chosen = pick(rng);
  for (Slot slot : held) list(slot);
  return chosen;
}

}  // namespace camshaft::sched
