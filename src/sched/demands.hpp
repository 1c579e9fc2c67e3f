// sched/demands.hpp: what tasks ask of an engine's properties, and which engines have it.
// Thread: one. Owns: each different demand once, the properties of the engines by slot, and how much of their resources
// is taken.
// Errors: none. A demand is judged once for each engine, not once for each task.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sched/engine_index.hpp"
#include "sched/properties.hpp"

namespace camshaft::sched {

/// Conditions and resources as some tasks state them. Equal ones are one object while a task has it.
struct Demand {
  std::uint64_t number = 0;  // never given twice
  std::vector<Where> where;
  std::vector<Resource> resources;
  std::size_t users = 0;
  std::vector<std::uint8_t> fits{};  // by slot: the engine meets the conditions and has the resources at all
};

class Demands {
 public:
  /// The demand of one task more; null when it asks for nothing.
  Demand* take(const std::vector<Where>& where, const std::vector<Resource>& resources);
  /// The task is gone.
  void drop(Demand* demand);

  void engine_is(Slot engine, Properties properties);  // new, or changed
  void engine_gone(Slot engine);

  /// Whether the engine could run such tasks, if it had nothing else to do.
  static bool fits(const Demand& demand, Slot engine) {
    return engine < demand.fits.size() && demand.fits[engine] != 0;
  }
  /// Whether it can take one beside the tasks that it has.
  bool fits_now(const Demand& demand, Slot engine) const;

  void occupy(const Demand& demand, Slot engine);  // one task more there
  void vacate(const Demand& demand, Slot engine);  // one task less

  std::size_t size() const { return known_.size(); }
  /// How much of the resource the tasks there have taken.
  double taken(Slot engine, std::string_view resource) const;
  /// How many resources they have taken any of.
  std::size_t takes(Slot engine) const { return engine < seats_.size() ? seats_[engine].taken.size() : 0; }

 private:
  struct Seat {
    bool present = false;
    Properties properties;
    std::map<std::string, std::int64_t, std::less<>> taken;  // in millionths, so that sums are exact; none is 0
  };
  bool judge(const Demand& demand, const Seat& seat) const;

  std::map<std::string, Demand> known_;  // by its text
  std::vector<Seat> seats_;              // by slot
  std::uint64_t numbers_ = 0;
};

/// The demand as one text for people: "gpu >= 1, rack == \"a\"".
std::string to_text(const Demand& demand);

}  // namespace camshaft::sched
