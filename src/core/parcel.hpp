// core/parcel.hpp: what travels with a request through a core that never looks at it, packed while it waits.
// Thread: a packer on one; parcels, and the frames that they give, may be dropped on any. Owns: shared, immutable
// bytes. Errors: std::bad_alloc.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
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
  /// One of them, for as long as a parcel of this message is there.
  std::string_view frame(std::size_t index) const;
  bool empty() const { return at_ == nullptr; }
  long use_count() const { return at_.use_count(); }
  /// Equal when the frames are, however they are kept.
  bool operator==(const Parcel& other) const { return at_ == other.at_ || frames() == other.frames(); }

 private:
  friend class Packer;
  static constexpr std::uint16_t kWhole = ~std::uint16_t{0};
  struct Whole {
    std::uint16_t kind;
    Payload frames;
  };
  /// In front of the bytes of a packed message: how many frames, where this is in its piece, and where each frame is.
  struct Packed {
    std::uint16_t frames;  // kWhole: this is a Whole
    std::uint16_t here;
  };
  struct Place {
    std::uint16_t from;
    std::uint16_t size;
  };
  const Payload* whole() const;  // null: it is packed
  std::span<const std::byte> packed_bytes(std::size_t index) const;
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
  /// The same; nothing for messages of more than kMostBytes.
  std::optional<Parcel> copy(const Frames& frames);
  /// Gives back what no message needs.
  void tidy();

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
