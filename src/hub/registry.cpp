#include "hub/registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace camshaft::hub {

std::string_view to_text(GoneReason reason) {
  switch (reason) {
    case GoneReason::unregistered:
      return "unregistered";
    case GoneReason::shut_down:
      return "shut down";
    case GoneReason::heart_stopped:
      return "no heartbeat";
    case GoneReason::connection_lost:
      return "connection lost";
    case GoneReason::process_ended:
      return "its process ended";
  }
  return "unknown";
}

std::vector<RegistryAction> Registry::handle(const RegistryEvent& event, TimePoint now) {
  return std::visit([&](const auto& e) { return on(e, now); }, event);
}

Registry::Actions Registry::on(const RegistrationRequested& request, TimePoint now) {
  if (request.uuid.empty()) return {RegistrationIgnored{"a registration request without uuid"}};
  if (!is_valid_uuid(request.uuid.value)) {
    return {RegistrationRefused{request.uuid, {"ValueError", "an engine uuid may hold A-Z a-z 0-9 _ - only"}}};
  }
  // Only one connected socket can have the uuid as its routing id, so whoever asks from there is the same engine,
  // asking again because it reconnected or lost our answer. Anybody else is a second engine under a taken name.
  const bool same_engine = request.from.value == request.uuid.value;
  const auto in_use = [&] {
    return Actions{RegistrationRefused{request.uuid, key_error(fmt::format("uuid '{}' in use", request.uuid.value))}};
  };
  if (const auto live = numbers_.find(request.uuid); live != numbers_.end()) {
    if (!same_engine) return in_use();
    return {RegistrationAccepted{request.uuid, live->second, false}};
  }
  const TimePoint until = now + options_.registration_timeout;
  if (const auto pending = pending_.find(request.uuid); pending != pending_.end()) {
    if (!same_engine) return in_use();
    pending->second.until = until;
    return {RegistrationAccepted{request.uuid, pending->second.number, true}};
  }

  const auto lost = lost_.find(request.uuid);
  const bool returning = lost != lost_.end() && !held(lost->second.number);
  const EngineNumber number = returning ? lost->second.number : assign(request);
  if (lost != lost_.end()) lost_.erase(lost);
  pending_.emplace(request.uuid, Pending{number, until, returning});
  return {RegistrationAccepted{request.uuid, number, true}};
}

Registry::Actions Registry::on(const HeartBegan& heart, TimePoint) {
  EngineNumber number{};
  bool returned = true;
  if (const auto pending = pending_.find(heart.uuid); pending != pending_.end()) {
    number = pending->second.number;
    returned = pending->second.returning;
    pending_.erase(pending);
  } else {
    // An engine that was only out of reach (a cut network, a stopped process) is welcome back as it was. One that
    // said good-bye is not: what we hear is an echo.
    const auto lost = lost_.find(heart.uuid);
    if (lost == lost_.end() || held(lost->second.number)) return {};
    if (lost->second.reason != GoneReason::heart_stopped && lost->second.reason != GoneReason::connection_lost)
      return {};
    number = lost->second.number;
    lost_.erase(lost);
  }
  live_.emplace(number, heart.uuid);
  numbers_.emplace(heart.uuid, number);
  return {EngineRegistered{number, heart.uuid, returned}};
}

Registry::Actions Registry::on(const Unregister& request, TimePoint) {
  EngineId uuid = request.uuid;
  if (request.number) {
    if (*request.number < 0 || *request.number > kMaxEngineNumber) return {};
    const EngineNumber number{static_cast<std::int32_t>(*request.number)};
    const auto pending =
        std::find_if(pending_.begin(), pending_.end(), [&](const auto& p) { return p.second.number == number; });
    if (const auto live = live_.find(number); live != live_.end()) {
      uuid = live->second;
    } else if (pending != pending_.end()) {
      uuid = pending->first;
    } else {
      return {};  // most often the nanny's second farewell for an engine that is gone already
    }
  }
  Actions out;
  if (const auto pending = pending_.find(uuid); pending != pending_.end()) {
    out.push_back(RegistrationDropped{uuid, false});
    if (pending->second.returning) remember(uuid, pending->second.number, request.reason, out);
    pending_.erase(pending);
  } else if (const auto live = numbers_.find(uuid); live != numbers_.end()) {
    const EngineNumber number = live->second;
    live_.erase(number);
    numbers_.erase(live);
    out.push_back(EngineGone{number, uuid, request.reason, request.why});
    remember(uuid, number, request.reason, out);
  }
  return out;
}

Registry::Actions Registry::on(const PurgeStalled&, TimePoint now) {
  Actions out;
  for (auto it = pending_.begin(); it != pending_.end();) {
    if (it->second.until > now) {
      ++it;
      continue;
    }
    out.push_back(RegistrationDropped{it->first, true});
    if (it->second.returning) remember(it->first, it->second.number, GoneReason::heart_stopped, out);
    it = pending_.erase(it);
  }
  return out;
}

void Registry::restore(const EngineState& state) {
  for (const auto& [number, uuid] : state.engines) {
    if (held(number) || numbers_.contains(uuid) || pending_.contains(uuid)) continue;
    lost_.erase(uuid);
    live_.emplace(number, uuid);
    numbers_.emplace(uuid, number);
    next_ = std::max(next_, to_int(number) + 1);
  }
  next_ = std::max(next_, state.next_id);
}

bool Registry::held(EngineNumber number) const {
  return live_.contains(number) ||
         std::any_of(pending_.begin(), pending_.end(), [&](const auto& p) { return p.second.number == number; });
}

EngineNumber Registry::assign(const RegistrationRequested& request) {
  // Asking for a number is how MPI ranks become engine numbers, also after a restart of all engines: so a number is
  // granted when nobody holds it now, though somebody may have had it.
  if (request.requested && *request.requested >= 0 && *request.requested <= kMaxEngineNumber) {
    const EngineNumber asked{static_cast<std::int32_t>(*request.requested)};
    if (!held(asked)) {
      next_ = std::max(next_, to_int(asked) + 1);
      return asked;
    }
  }
  return EngineNumber{next_++};
}

void Registry::remember(const EngineId& uuid, EngineNumber number, GoneReason reason, Actions& out) {
  lost_[uuid] = Lost{number, reason, ++losses_};
  lost_order_.emplace_back(losses_, uuid);
  while (lost_.size() > options_.remembered || lost_order_.size() > 2 * options_.remembered + 16) {
    const auto [order, oldest] = std::move(lost_order_.front());
    lost_order_.pop_front();
    const auto lost = lost_.find(oldest);
    if (lost == lost_.end() || lost->second.order != order) continue;
    lost_.erase(lost);
    out.push_back(EngineForgotten{oldest});
  }
}

std::optional<EngineNumber> Registry::number_of(const EngineId& uuid) const {
  const auto found = numbers_.find(uuid);
  return found == numbers_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<EngineId> Registry::uuid_of(EngineNumber number) const {
  const auto found = live_.find(number);
  return found == live_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<TimePoint> Registry::next_deadline() const {
  std::optional<TimePoint> soonest;
  for (const auto& [uuid, pending] : pending_) soonest = std::min(soonest.value_or(pending.until), pending.until);
  return soonest;
}

void Registry::check() const {
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw std::logic_error(std::string("registry: ") + what);
  };
  require(live_.size() == numbers_.size(), "two engines share a number or a uuid");
  std::map<EngineNumber, EngineId> holders = live_;
  for (const auto& [uuid, number] : numbers_) require(live_.at(number) == uuid, "the maps are not inverse");
  for (const auto& [uuid, pending] : pending_) {
    require(holders.emplace(pending.number, uuid).second, "a pending engine has a taken number");
    require(!numbers_.contains(uuid) && !lost_.contains(uuid), "a pending engine is live or lost as well");
  }
  for (const auto& [uuid, lost] : lost_) {
    require(!numbers_.contains(uuid), "a lost engine is live");
    require(to_int(lost.number) < next_, "a lost engine's number was never given");
  }
  for (const auto& [number, uuid] : holders) require(to_int(number) < next_, "a number above the counter");
  require(lost_.size() <= options_.remembered, "too many lost engines are remembered");
}

}  // namespace camshaft::hub
