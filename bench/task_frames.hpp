// The frames of a no-op task and of its answer, for every program here that sends or answers one.
// Thread: as the Origin that it is given. Errors: none.
#pragma once
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/date.hpp"
#include "service/origin.hpp"

namespace camshaft::bench {

inline constexpr std::string_view kTaskMetadata = R"({"codec":"p5/0.0"})";
inline constexpr std::string_view kNone = std::string_view("\x80\x05N.", 4);  // pickle of None

/// As an engine answers; the identities go in front.
inline Frames reply_frames(service::Origin& origin, std::string_view type, std::vector<Blob> identities, Blob parent,
                           std::string_view engine, WallTime now) {
  return origin.message(
      std::move(identities), type, std::move(parent), R"({"status":"ok"})",
      fmt::format(
          R"({{"started":"{}","dependencies_met":true,"engine":"{}","status":"ok","outputs":0,"codec":"p5","batch":1}})",
          format_date(now), engine),
      {Blob::of_static(kNone)});
}

/// As a client asks, with buffers of so many bytes.
inline Frames request_frames(service::Origin& origin, const std::vector<std::size_t>& buffer_sizes) {
  std::vector<Blob> buffers;
  for (const std::size_t size : buffer_sizes) buffers.push_back(Blob::of(std::string(size, 'b')));
  return origin.message({}, "apply_request", Blob::of_static("{}"), "{}", std::string(kTaskMetadata),
                        std::move(buffers));
}

}  // namespace camshaft::bench
