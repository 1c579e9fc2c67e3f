// core/parcel.hpp: what travels with a request through a core that never looks at it, packed while it waits.
// Thread: a packer on one; parcels, and the frames that they give, may be dropped on any. Owns: shared, immutable
// bytes. Errors: std::bad_alloc.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "core/blob.hpp"

namespace camshaft {

/// The frames of one message; copies are cheap. By itself it shares the frames' own bytes.
class Parcel {
 public:
  Parcel() = default;
  explicit Parcel(Payload whole) : at_(std::make_shared<const Whole>(Whole{kWhole, std::move(whole)})) {}
  explicit Parcel(Frames frames) : Parcel(std::make_shared<const Frames>(std::move(frames))) {}

  /// The frames, which share the parcel's bytes.
  Frames frames() const;
  bool empty() const { return at_ == nullptr; }
  long use_count() const { return at_.use_count(); }
  /// Equal when the frames are, however they are kept.
  bool operator==(const Parcel& other) const { return at_ == other.at_ || frames() == other.frames(); }

 private:
  friend class Packer;
  static constexpr std::uint32_t kWhole = ~std::uint32_t{0};
  struct Whole {
    std::uint32_t kind;
    Payload frames;
  };
  /// In front of the bytes of a packed message: how many frames, and where each is, as seen from here.
  struct Packed {
    std::uint32_t frames;
  };
  struct Place {
    std::int32_t from;
    std::uint32_t size;
  };
  explicit Parcel(std::shared_ptr<const void> at) : at_(std::move(at)) {}

  std::shared_ptr<const void> at_;  // a Whole or a Packed
};

/// Packs small messages into pieces of memory that go back to the system as a whole, each when the last message in it
/// is gone: a million that wait leave no trace on the heap. A frame that is the same as the one in the same place of
/// the message before, the same function for instance, is kept once for both.
class Packer {
 public:
  /// The same frames. Messages of more than kMostBytes are left as they are: nothing large is copied.
  Parcel pack(Frames frames);

  static constexpr std::size_t kPieceBytes = std::size_t{64} << 10;
  static constexpr std::size_t kMostBytes = std::size_t{8} << 10;

 private:
  using Piece = std::shared_ptr<std::byte>;
  void next_piece();
  static bool is_free(const Piece& piece);

  Piece piece_, spare_;  // the one being filled; the one before it, in case that it is free again by then
  std::size_t used_ = kPieceBytes;
  std::vector<std::string_view> before_;  // the frames of the last message in piece_
};

}  // namespace camshaft
