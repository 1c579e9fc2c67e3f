// core/ids.hpp: the names of things, one type each, so that a swap does not compile.
// Thread: plain values. Errors: none.
#pragma once
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace camshaft {

/// A string that names one kind of thing.
template <class Tag>
struct Id {
  std::string value;

  Id() = default;
  explicit Id(std::string text) : value(std::move(text)) {}
  bool empty() const { return value.empty(); }
  auto operator<=>(const Id&) const = default;
};

using MsgId = Id<struct MsgTag>;          // header.msg_id of a request
using EngineId = Id<struct EngineTag>;    // an engine's uuid: its ZeroMQ identity on every channel
using ClientId = Id<struct ClientTag>;    // a client's ZeroMQ routing id on one channel: raw bytes
using SessionId = Id<struct SessionTag>;  // header.session of a peer

/// What users call an engine: 0, 1, 2, ... (`rc[0]`). Never re-used by a controller.
enum class EngineNumber : std::int32_t {};

constexpr std::int32_t to_int(EngineNumber n) { return static_cast<std::int32_t>(n); }

}  // namespace camshaft

template <class Tag>
struct std::hash<camshaft::Id<Tag>> {
  std::size_t operator()(const camshaft::Id<Tag>& id) const noexcept { return std::hash<std::string>{}(id.value); }
};
