#include "hub/engine_properties.hpp"

#include <utility>

#include "core/properties.hpp"

namespace camshaft::hub {

bool EngineProperties::declare(const EngineId& engine, const nlohmann::json& properties) {
  if (!properties.is_object() || properties == of(engine)) return false;
  properties_.insert_or_assign(engine, properties);
  ++version_;
  return true;
}

bool EngineProperties::change(const EngineId& engine, const nlohmann::json& changes) {
  if (!changes.is_object()) return false;
  nlohmann::json changed = of(engine);
  change_properties(changed, changes);
  return declare(engine, changed);
}

void EngineProperties::forget(const EngineId& engine) { properties_.erase(engine); }

const nlohmann::json& EngineProperties::of(const EngineId& engine) const {
  static const nlohmann::json kNone = nlohmann::json::object();
  const auto found = properties_.find(engine);
  return found == properties_.end() ? kNone : found->second;
}

}  // namespace camshaft::hub
