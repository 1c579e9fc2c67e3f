// hub/engine_properties.hpp: what engines tell of themselves, and what clients have added: the properties of each.
// Thread: one. Pure. Owns: one JSON object for each engine, live or expected back.
// Errors: none; what is no object counts as none.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/ids.hpp"

namespace camshaft::hub {

/// An engine has changed some of its own properties.
struct PropertiesChanged {
  EngineId uuid;
  nlohmann::json changes;
  bool operator==(const PropertiesChanged&) const = default;
};

class EngineProperties {
 public:
  /// What an engine says when it registers; it knows all changes that were made since it started. An engine of the
  /// original says nothing (null): it keeps what clients have set.
  /// Whether anything is different now.
  bool declare(const EngineId& engine, const nlohmann::json& properties);
  /// Replaces, adds or (null) removes single properties. Whether anything is different now.
  bool change(const EngineId& engine, const nlohmann::json& changes);
  void forget(const EngineId& engine);

  /// Always an object.
  const nlohmann::json& of(const EngineId& engine) const;
  /// Grows with each change of any engine.
  std::uint64_t version() const { return version_; }

 private:
  std::unordered_map<EngineId, nlohmann::json> properties_;
  std::uint64_t version_ = 0;
};

}  // namespace camshaft::hub
