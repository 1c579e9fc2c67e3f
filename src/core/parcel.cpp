#include "core/parcel.hpp"

#include <atomic>
#include <cstring>
#include <new>

#include "core/pages.hpp"

namespace camshaft {

Frames Parcel::frames() const {
  if (!at_) return {};
  const auto* base = static_cast<const std::byte*>(at_.get());
  Packed packed;
  std::memcpy(&packed, base, sizeof packed);
  if (packed.frames == kWhole) return *static_cast<const Whole*>(at_.get())->frames;
  Frames frames;
  frames.reserve(packed.frames);
  for (std::uint32_t i = 0; i < packed.frames; ++i) {
    Place place;
    std::memcpy(&place, base + sizeof packed + i * sizeof place, sizeof place);
    frames.push_back({at_, {base + place.from, place.size}});
  }
  return frames;
}

Parcel Packer::pack(Frames frames) {
  const std::size_t table = sizeof(Parcel::Packed) + frames.size() * sizeof(Parcel::Place);
  std::size_t bytes = table;
  for (const Blob& frame : frames) bytes += frame.size();
  if (bytes > kMostBytes) return Parcel(std::move(frames));
  constexpr std::size_t kAlign = alignof(std::uint64_t);
  used_ = (used_ + kAlign - 1) / kAlign * kAlign;
  if (used_ + bytes > kPieceBytes) next_piece();

  std::byte* base = piece_.get() + used_;
  std::byte* next = base + table;
  const Parcel::Packed packed{static_cast<std::uint32_t>(frames.size())};
  std::memcpy(base, &packed, sizeof packed);
  before_.resize(frames.size());
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const std::string_view frame = frames[i].view();
    if (before_[i].data() == nullptr || before_[i] != frame) {
      if (!frame.empty()) std::memcpy(next, frame.data(), frame.size());
      before_[i] = {reinterpret_cast<const char*>(next), frame.size()};
      next += frame.size();
    }
    const Parcel::Place place{static_cast<std::int32_t>(reinterpret_cast<const std::byte*>(before_[i].data()) - base),
                              static_cast<std::uint32_t>(frame.size())};
    std::memcpy(base + sizeof packed + i * sizeof place, &place, sizeof place);
  }
  used_ = static_cast<std::size_t>(next - piece_.get());
  return Parcel(std::shared_ptr<const void>(piece_, base));
}

/// Whether nobody but the packer has the piece.
bool Packer::is_free(const Piece& piece) {
  if (piece.use_count() != 1) return false;
  std::atomic_thread_fence(std::memory_order_acquire);  // what its last reader read, it has read
  return true;
}

void Packer::next_piece() {
  before_.clear();
  used_ = 0;
  if (piece_ && is_free(piece_)) return;
  std::swap(piece_, spare_);
  if (piece_ && is_free(piece_)) return;
  piece_ =
      Piece(static_cast<std::byte*>(pages::map(kPieceBytes)), [](std::byte* at) { pages::unmap(at, kPieceBytes); });
}

}  // namespace camshaft
