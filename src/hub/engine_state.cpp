#include "hub/engine_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

namespace camshaft::hub {

bool is_valid_uuid(std::string_view uuid) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !uuid.empty() && uuid.size() <= 255 && std::all_of(uuid.begin(), uuid.end(), allowed);
}

std::string render_engine_state(const EngineState& state) {
  std::string text = "{\"engines\": {";
  const char* separator = "";
  for (const auto& [number, uuid] : state.engines) {
    text += fmt::format("{}\"{}\": \"{}\"", separator, to_int(number), uuid.value);
    separator = ", ";
  }
  text += fmt::format("}}, \"next_id\": {}", state.next_id);
  if (!state.unsettled.empty()) {
    text += ", \"unsettled\": [";
    separator = "";
    for (const EngineId& uuid : state.unsettled) {
      text += fmt::format("{}\"{}\"", separator, uuid.value);
      separator = ", ";
    }
    text += "]";
  }
  return text += "}";
}

Result<EngineState> parse_engine_state(std::string_view text) {
  const auto bad = [](std::string_view what) {
    return Error{Errc::bad_json, fmt::format("engine state: {}; remove the file to start without it", what)};
  };
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("engines") || !json["engines"].is_object())
    return bad("not an object with 'engines'");
  EngineState state;
  std::set<EngineId> seen;
  for (const auto& [key, uuid] : json["engines"].items()) {
    std::int32_t number = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), number);
    if (error != std::errc() || end != key.data() + key.size() || number < 0 || number > kMaxEngineNumber)
      return bad(fmt::format("'{}' is no engine id", key));
    if (!uuid.is_string() || !is_valid_uuid(uuid.get_ref<const std::string&>()))
      return bad(fmt::format("engine {} has no usable uuid", number));
    EngineId id(uuid.get<std::string>());
    if (!seen.insert(id).second) return bad(fmt::format("uuid {} stands there twice", id.value));
    if (!state.engines.emplace(EngineNumber(number), std::move(id)).second)
      return bad("an engine id stands there twice");
    state.next_id = std::max(state.next_id, number + 1);
  }
  // A smaller or missing counter would give out numbers again.
  if (json.contains("next_id") && json["next_id"].is_number_integer()) {
    const auto next = json["next_id"].get<std::int64_t>();
    if (next > kMaxEngineNumber + 1) return bad("next_id is too large");
    state.next_id = std::max(state.next_id, static_cast<std::int32_t>(std::max<std::int64_t>(next, 0)));
  }
  if (const auto unsettled = json.find("unsettled"); unsettled != json.end()) {
    if (!unsettled->is_array()) return bad("'unsettled' is no list");
    for (const auto& uuid : *unsettled) {
      if (!uuid.is_string() || !is_valid_uuid(uuid.get_ref<const std::string&>()))
        return bad("'unsettled' has an unusable uuid");
      state.unsettled.emplace(uuid.get<std::string>());
    }
  }
  return state;
}

}  // namespace camshaft::hub
