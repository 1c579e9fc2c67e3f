#include "sched/demands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace camshaft::sched {
namespace {

std::int64_t millionths(double amount) {
  return static_cast<std::int64_t>(std::clamp(std::round(amount * 1e6), 0.0, 4e18));
}

std::string key_of(const std::vector<Where>& where, const std::vector<Resource>& resources) {
  std::string key;  // lengths keep a name from looking like the rest
  for (const Where& w : where) {
    const std::string value = to_text(w.value);
    key += fmt::format("w{}:{}{}{}:{}", w.name.size(), w.name, name_of(w.op), value.size(), value);
  }
  for (const Resource& r : resources) key += fmt::format("r{}:{}{}", r.name.size(), r.name, r.amount);
  return key;
}

}  // namespace

Demand* Demands::take(const std::vector<Where>& where, const std::vector<Resource>& resources) {
  if (where.empty() && resources.empty()) return nullptr;
  const auto [at, fresh] = known_.try_emplace(key_of(where, resources));
  Demand& demand = at->second;
  if (fresh) {
    demand.number = ++numbers_;
    demand.where = where;
    demand.resources = resources;
    demand.fits.resize(seats_.size());
    for (Slot slot = 0; slot < seats_.size(); ++slot) demand.fits[slot] = judge(demand, seats_[slot]);
  }
  ++demand.users;
  return &demand;
}

void Demands::drop(Demand* demand) {
  if (demand != nullptr && --demand->users == 0) known_.erase(key_of(demand->where, demand->resources));
}

void Demands::engine_is(Slot engine, Properties properties) {
  if (engine >= seats_.size()) seats_.resize(engine + 1);
  Seat& seat = seats_[engine];
  seat.present = true;
  seat.properties = std::move(properties);
  for (auto& [key, demand] : known_) {
    if (engine >= demand.fits.size()) demand.fits.resize(engine + 1);
    demand.fits[engine] = judge(demand, seat);
  }
}

void Demands::engine_gone(Slot engine) {
  seats_[engine] = Seat{};
  for (auto& [key, demand] : known_) {
    if (engine < demand.fits.size()) demand.fits[engine] = 0;
  }
}

bool Demands::judge(const Demand& demand, const Seat& seat) const {
  return seat.present &&
         std::all_of(demand.where.begin(), demand.where.end(),
                     [&](const Where& where) { return holds(where, seat.properties); }) &&
         std::all_of(demand.resources.begin(), demand.resources.end(), [&](const Resource& wanted) {
           return millionths(amount_of(wanted.name, seat.properties)) >= millionths(wanted.amount);
         });
}

bool Demands::fits_now(const Demand& demand, Slot engine) const {
  if (!fits(demand, engine)) return false;
  const Seat& seat = seats_[engine];
  if (seat.taken.empty()) return true;
  return std::all_of(demand.resources.begin(), demand.resources.end(), [&](const Resource& wanted) {
    const auto taken = seat.taken.find(wanted.name);
    return taken == seat.taken.end() ||
           millionths(amount_of(wanted.name, seat.properties)) - taken->second >= millionths(wanted.amount);
  });
}

void Demands::occupy(const Demand& demand, Slot engine) {
  for (const Resource& wanted : demand.resources) seats_[engine].taken[wanted.name] += millionths(wanted.amount);
}

void Demands::vacate(const Demand& demand, Slot engine) {
  auto& taken = seats_[engine].taken;
  for (const Resource& wanted : demand.resources) {
    const auto at = taken.find(wanted.name);
    if (at == taken.end()) continue;
    at->second -= millionths(wanted.amount);
    if (at->second <= 0) taken.erase(at);
  }
}

double Demands::taken(Slot engine, std::string_view resource) const {
  if (engine >= seats_.size()) return 0;
  const auto at = seats_[engine].taken.find(resource);
  return at == seats_[engine].taken.end() ? 0 : static_cast<double>(at->second) / 1e6;
}

std::string to_text(const Demand& demand) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : " and ") + part; };
  for (const Where& w : demand.where) {
    if (w.op == Operator::has) {
      const auto* flag = std::get_if<bool>(&w.value.is);
      add(flag && !*flag ? fmt::format("no property {}", w.name) : fmt::format("property {}", w.name));
    } else {
      add(fmt::format("{} {} {}", w.name, name_of(w.op), to_text(w.value)));
    }
  }
  for (const Resource& r : demand.resources) add(fmt::format("{} {}", r.amount, r.name));
  return text;
}

}  // namespace camshaft::sched
