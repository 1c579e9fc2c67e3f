// core/properties.hpp: the properties of an engine: a JSON object that describes it to whoever chooses engines.
// Thread: pure functions. Owns: nothing. Errors: none; the caller makes sure that both values are objects.
#pragma once
#include <nlohmann/json.hpp>

namespace camshaft {

/// Applies `changes` to `properties`: each of its members replaces the one of that name; null removes it.
inline void change_properties(nlohmann::json& properties, const nlohmann::json& changes) {
  for (const auto& [name, value] : changes.items()) {
    if (value.is_null()) {
      properties.erase(name);
    } else {
      properties[name] = value;
    }
  }
}

}  // namespace camshaft
