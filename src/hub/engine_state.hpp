// hub/engine_state.hpp: the file that lets a new controller know the engines of the one before.
// Thread: pure functions. Errors: Errc::bad_json for text that is no such file.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "core/ids.hpp"
#include "core/result.hpp"

namespace camshaft::hub {

struct EngineState {
  std::map<EngineNumber, EngineId> engines;
  std::int32_t next_id = 0;
  // Gone, but what became of their tasks may not have been told to everybody who waits. The original ignores this.
  std::set<EngineId> unsettled{};
  bool operator==(const EngineState&) const = default;
};

/// {"engines": {"1": "<uuid>"}, "next_id": 2}, spaced as Python does; with "unsettled": ["<uuid>"] if there are any.
std::string render_engine_state(const EngineState& state);
Result<EngineState> parse_engine_state(std::string_view text);

/// Numbers above this would bring the counter close to its end.
inline constexpr std::int32_t kMaxEngineNumber = 1 << 30;
/// What may stand in an engine's uuid: it ends up in Python variable names and in routing ids.
bool is_valid_uuid(std::string_view uuid);

}  // namespace camshaft::hub
