#include "core/parcel.hpp"

#include <atomic>
#include <cstring>
#include <new>

#include "core/pages.hpp"

namespace camshaft {

static_assert(Packer::kPieceBytes <= std::size_t{1} << 16 && Packer::kMostBytes < std::size_t{1} << 16,
              "places in a piece have 16 bits");

const Payload* Parcel::whole() const {
  std::uint16_t frames;
  std::memcpy(&frames, at_.get(), sizeof frames);
  return frames == kWhole ? &static_cast<const Whole*>(at_.get())->frames : nullptr;
}

/// A frame without its owner.
std::span<const std::byte> Parcel::packed_bytes(std::size_t index) const {
  const auto* base = static_cast<const std::byte*>(at_.get());
  Packed packed;
  Place place;
  std::memcpy(&packed, base, sizeof packed);
  std::memcpy(&place, base + sizeof packed + index * sizeof place, sizeof place);
  return {base - packed.here + place.from, place.size};
}

Frames Parcel::frames() const {
  if (!at_) return {};
  if (const Payload* frames = whole()) return **frames;
  std::uint16_t count;
  std::memcpy(&count, at_.get(), sizeof count);
  Frames frames;
  frames.reserve(count);
  for (std::size_t i = 0; i < count; ++i) frames.push_back({at_, packed_bytes(i)});
  return frames;
}

std::string_view Parcel::frame(std::size_t index) const {
  const Payload* frames = whole();
  return frames ? (*frames)->at(index).view() : Blob{nullptr, packed_bytes(index)}.view();
}

Parcel Packer::pack(Frames frames) {
  std::optional<Parcel> copied = copy(frames);
  return copied ? std::move(*copied) : Parcel(std::move(frames));
}

std::optional<Parcel> Packer::copy(const Frames& frames) {
  const std::size_t table = sizeof(Parcel::Packed) + frames.size() * sizeof(Parcel::Place);
  std::size_t bytes = table;
  for (const Blob& frame : frames) bytes += frame.size();
  if (bytes > kMostBytes) return std::nullopt;
  constexpr std::size_t kAlign = alignof(std::uint16_t);
  used_ = (used_ + kAlign - 1) / kAlign * kAlign;
  if (used_ + bytes > kPieceBytes) next_piece();

  std::byte* base = piece_.get() + used_;
  std::byte* next = base + table;
  const Parcel::Packed packed{static_cast<std::uint16_t>(frames.size()), static_cast<std::uint16_t>(used_)};
  std::memcpy(base, &packed, sizeof packed);
  before_.resize(frames.size());
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const std::string_view frame = frames[i].view();
    if (before_[i].data() == nullptr || before_[i] != frame) {
      if (!frame.empty()) std::memcpy(next, frame.data(), frame.size());
      before_[i] = {reinterpret_cast<const char*>(next), frame.size()};
      next += frame.size();
    }
    const auto from = reinterpret_cast<const std::byte*>(before_[i].data()) - piece_.get();
    const Parcel::Place place{static_cast<std::uint16_t>(from), static_cast<std::uint16_t>(frame.size())};
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

void Packer::tidy() {
  if (spare_ && is_free(spare_)) spare_.reset();
  if (!piece_ || !is_free(piece_)) return;
  piece_.reset();
  before_.clear();
  used_ = kPieceBytes;
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
