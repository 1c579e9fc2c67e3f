// hub/registry.hpp: which engines there are: numbers, uuids, who is pending, who is gone.
// Thread: one. Pure: events and the time in, actions out.
// Owns:   every engine number ever given; the counter never goes back, so a number given by it is new.
// Errors: none; a request that cannot be granted is answered by RegistrationRefused.
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "core/ids.hpp"
#include "core/time.hpp"
#include "hub/engine_state.hpp"
#include "hub/error.hpp"

namespace camshaft::hub {

enum class GoneReason : std::uint8_t { unregistered, shut_down, heart_stopped, connection_lost, process_ended };
std::string_view to_text(GoneReason reason);

// Events.
struct RegistrationRequested {
  ClientId from;  // routing id of the asking socket; an engine's own socket has its uuid there
  EngineId uuid;  // empty when the request names none
  std::optional<std::int64_t> requested;
  nlohmann::json properties{};    // what the engine tells of itself; null: nothing
  nlohmann::json capabilities{};  // what it can beyond the original; null: nothing
  bool operator==(const RegistrationRequested&) const = default;
};
struct HeartBegan {
  EngineId uuid;
  bool operator==(const HeartBegan&) const = default;
};
/// An engine is to be taken off the list: by number, by uuid, or by both (the number wins).
struct Unregister {
  std::optional<std::int64_t> number;
  EngineId uuid;
  GoneReason reason = GoneReason::unregistered;
  std::string why{};  // how its process ended, if somebody knows
  bool operator==(const Unregister&) const = default;
};
struct PurgeStalled {
  bool operator==(const PurgeStalled&) const = default;
};
using RegistryEvent = std::variant<RegistrationRequested, HeartBegan, Unregister, PurgeStalled>;

// Actions.
struct RegistrationAccepted {
  EngineId uuid;
  EngineNumber number;
  bool pending;  // false: the engine is registered already, so no heart is awaited
  bool operator==(const RegistrationAccepted&) const = default;
};
struct RegistrationRefused {
  EngineId uuid;
  PyError error;
  bool operator==(const RegistrationRefused&) const = default;
};
/// Nobody can be answered.
struct RegistrationIgnored {
  std::string why;
  bool operator==(const RegistrationIgnored&) const = default;
};
/// A pending registration is over without an engine.
struct RegistrationDropped {
  EngineId uuid;
  bool stalled;  // no heart in time; else cancelled by an unregistration
  bool operator==(const RegistrationDropped&) const = default;
};
struct EngineRegistered {
  EngineNumber number;
  EngineId uuid;
  bool returned;  // it was registered before and has its number back
  bool operator==(const EngineRegistered&) const = default;
};
struct EngineGone {
  EngineNumber number;
  EngineId uuid;
  GoneReason reason;
  std::string why{};  // how its process ended, if somebody knows
  bool operator==(const EngineGone&) const = default;
};
/// A lost engine has been away for so long that a return would give it a new number.
struct EngineForgotten {
  EngineId uuid;
  bool operator==(const EngineForgotten&) const = default;
};
using RegistryAction = std::variant<RegistrationAccepted, RegistrationRefused, RegistrationIgnored, RegistrationDropped,
                                    EngineRegistered, EngineGone, EngineForgotten>;

class Registry {
 public:
  struct Options {
    Duration registration_timeout = std::chrono::seconds(30);
    std::size_t remembered = 4096;  // lost engines whose numbers are kept for their return
  };

  explicit Registry(Options options) : options_(options) {}

  std::vector<RegistryAction> handle(const RegistryEvent& event, TimePoint now);
  /// Takes over the engines of an earlier controller: registered at once, without waiting for a heart.
  void restore(const EngineState& state);

  std::optional<EngineNumber> number_of(const EngineId& uuid) const;  // of registered engines only
  std::optional<EngineId> uuid_of(EngineNumber number) const;
  const std::map<EngineNumber, EngineId>& engines() const { return live_; }
  std::size_t pending() const { return pending_.size(); }
  EngineState state() const { return {live_, next_}; }
  std::optional<TimePoint> next_deadline() const;
  /// Throws std::logic_error when the maps contradict each other.
  void check() const;

 private:
  struct Pending {
    EngineNumber number;
    TimePoint until;
    bool returning;
  };
  struct Lost {
    EngineNumber number;
    GoneReason reason;
    std::uint64_t order;  // of the loss; an older entry in lost_order_ is void
  };
  using Actions = std::vector<RegistryAction>;

  Actions on(const RegistrationRequested& request, TimePoint now);
  Actions on(const HeartBegan& heart, TimePoint now);
  Actions on(const Unregister& request, TimePoint now);
  Actions on(const PurgeStalled&, TimePoint now);
  bool held(EngineNumber number) const;
  EngineNumber assign(const RegistrationRequested& request);
  void remember(const EngineId& uuid, EngineNumber number, GoneReason reason, Actions& out);

  Options options_;
  std::int32_t next_ = 0;                  // greater than every number given so far
  std::map<EngineNumber, EngineId> live_;  // and numbers_ is its inverse
  std::unordered_map<EngineId, EngineNumber> numbers_;
  std::map<EngineId, Pending> pending_;      // answered, but no heart yet
  std::unordered_map<EngineId, Lost> lost_;  // neither live nor pending
  std::deque<std::pair<std::uint64_t, EngineId>> lost_order_;
  std::uint64_t losses_ = 0;
};

}  // namespace camshaft::hub
