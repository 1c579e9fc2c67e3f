// core/slab.hpp: objects in numbered slots. They never move, and memory goes back as soon as a piece of it is empty.
// Thread: one. Owns: its objects, in pieces of kBytes. Errors: std::bad_alloc.
// A million objects in one vector would be moved, and their memory be touched anew, each time the vector grows; and one
// that stays would hold the memory of all that were there beside it. On the heap each would cost an account of its own.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "core/pages.hpp"

namespace camshaft {

template <class T, std::size_t kBytes = pages::kHuge>
class Slab {
  // What 64 slots take: themselves, a word of `taken`, and a bit and more of `roomy`.
  static constexpr std::size_t kRow = 64 * sizeof(T) + sizeof(std::uint64_t) + 1;
  static constexpr std::uint32_t kWords = static_cast<std::uint32_t>((kBytes - 256) / kRow);

 public:
  static constexpr std::uint32_t kPiece = kWords * 64;  // slots

  Slab() = default;
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() {
    for (Piece* piece : pieces_) {
      if (piece == nullptr) continue;
      if (piece->used > 0) {
        for (std::uint32_t at = 0; at < kPiece; ++at)
          if (is_taken(*piece, at)) std::destroy_at(&piece->item(at));
      }
      unmap(piece);
    }
  }

  /// A slot with a fresh object. Slots are used again.
  std::uint32_t take() {
    if (roomy_.empty()) add_piece();
    const std::uint32_t number = roomy_.back();
    Piece& piece = *pieces_[number];
    std::uint32_t row = 0;
    while (piece.roomy[row] == 0) ++row;
    const std::uint32_t word = row * 64 + static_cast<std::uint32_t>(std::countr_zero(piece.roomy[row]));
    const auto bit = static_cast<std::uint32_t>(std::countr_one(piece.taken[word]));
    const std::uint32_t at = word * 64 + bit;
    std::construct_at(&piece.item(at));
    piece.taken[word] |= std::uint64_t{1} << bit;
    if (piece.taken[word] == ~std::uint64_t{0}) piece.roomy[row] &= ~(std::uint64_t{1} << word % 64);
    piece.reached = std::max(piece.reached, at + 1);
    if (piece.used++ == 0) --empty_;
    if (piece.used == kPiece) unlist(number);
    ++size_;
    return number * kPiece + at;
  }

  /// The slot's object goes.
  void give(std::uint32_t slot) {
    const std::uint32_t number = slot / kPiece, at = slot % kPiece, word = at / 64;
    Piece& piece = *pieces_[number];
    std::destroy_at(&piece.item(at));
    piece.taken[word] &= ~(std::uint64_t{1} << at % 64);
    piece.roomy[word / 64] |= std::uint64_t{1} << word % 64;
    --size_;
    if (piece.used-- == kPiece) list(number);
    if (piece.used > 0) return;
    if (++empty_ <= 1) return trim(piece);  // one is kept, so that a count that swings around its edge costs nothing
    --empty_;
    unlist(number);
    unmap(pieces_[number]);
    pieces_[number] = nullptr;
    holes_.push_back(number);
  }

  /// Of a slot that is taken.
  T& operator[](std::uint32_t slot) { return pieces_[slot / kPiece]->item(slot % kPiece); }
  const T& operator[](std::uint32_t slot) const { return pieces_[slot / kPiece]->item(slot % kPiece); }

  /// Null if the slot is not taken.
  const T* find(std::uint32_t slot) const {
    const std::uint32_t number = slot / kPiece, at = slot % kPiece;
    if (number >= pieces_.size() || pieces_[number] == nullptr || !is_taken(*pieces_[number], at)) return nullptr;
    return &pieces_[number]->item(at);
  }

  /// For a look soon to come at a slot that may be free by now.
  void prefetch(std::uint32_t slot) const {
    const std::uint32_t number = slot / kPiece;
    if (number < pieces_.size() && pieces_[number] != nullptr)
      __builtin_prefetch(&pieces_[number]->item(slot % kPiece), 1);
  }

  /// Calls use(slot, object) for each slot that is taken, in order of slots.
  template <class Use>
  void each(Use&& use) const {
    for (std::uint32_t number = 0; number < pieces_.size(); ++number) {
      for (std::uint32_t word = 0; pieces_[number] && word < kWords; ++word) {
        for (std::uint64_t left = pieces_[number]->taken[word]; left != 0; left &= left - 1) {
          const std::uint32_t at = word * 64 + static_cast<std::uint32_t>(std::countr_zero(left));
          use(number * kPiece + at, pieces_[number]->item(at));
        }
      }
    }
  }

  std::size_t size() const { return size_; }                                          // slots that are taken
  std::size_t capacity() const { return (pieces_.size() - holes_.size()) * kPiece; }  // slots that have memory

 private:
  static constexpr std::uint32_t kRows = (kWords + 63) / 64;
  struct Piece {
    std::array<std::uint64_t, kWords> taken{};
    std::array<std::uint64_t, kRows> roomy{};  // a bit for each word of `taken` that has a free slot
    std::uint32_t used = 0;
    std::uint32_t reached = 0;    // slots below have been touched since the piece was trimmed
    std::uint32_t listed_at = 0;  // its place in roomy_, while it has room
    alignas(T) std::array<std::byte, sizeof(T)> first;

    Piece() {  // not the items: they come one by one, so that memory is touched when it is used
      for (std::uint32_t word = 0; word < kWords; ++word) roomy[word / 64] |= std::uint64_t{1} << word % 64;
    }
    T& item(std::uint32_t at) { return *std::launder(reinterpret_cast<T*>(first.data()) + at); }
    const T& item(std::uint32_t at) const { return *std::launder(reinterpret_cast<const T*>(first.data()) + at); }
  };
  static_assert(kWords > 0 && sizeof(Piece) - sizeof(T) + kPiece * sizeof(T) <= kBytes);
  static constexpr std::size_t kKept = std::min(kBytes, std::size_t{64} << 10);  // bytes that an empty piece keeps

  static bool is_taken(const Piece& piece, std::uint32_t at) { return (piece.taken[at / 64] >> at % 64 & 1) != 0; }
  static void unmap(Piece* piece) {
    std::destroy_at(piece);
    pages::unmap(piece, kBytes);
  }
  static void trim(Piece& piece) {
    constexpr std::uint32_t kept = kKept / sizeof(T);
    if (piece.reached <= kept || kept >= kPiece) return;
    pages::discard(&piece.item(kept), (piece.reached - kept) * sizeof(T));
    piece.reached = 0;
  }

  void add_piece() {
    std::uint32_t number = static_cast<std::uint32_t>(pieces_.size());
    if (holes_.empty()) {
      pieces_.push_back(nullptr);
    } else {
      number = holes_.back();
      holes_.pop_back();
    }
    // Whoever needs a second piece has many: those come in large pages.
    const pages::Size size = size_ > 0 ? pages::Size::large : pages::Size::normal;
    pieces_[number] = std::construct_at(static_cast<Piece*>(pages::map(kBytes, size)));
    ++empty_;
    list(number);
  }
  void list(std::uint32_t number) {
    pieces_[number]->listed_at = static_cast<std::uint32_t>(roomy_.size());
    roomy_.push_back(number);
  }
  void unlist(std::uint32_t number) {
    const std::uint32_t at = pieces_[number]->listed_at;
    roomy_[at] = roomy_.back();
    pieces_[roomy_[at]]->listed_at = at;
    roomy_.pop_back();
  }

  std::vector<Piece*> pieces_;                // null: a hole
  std::vector<std::uint32_t> roomy_, holes_;  // numbers of pieces with a free slot; of holes
  std::size_t size_ = 0, empty_ = 0;          // taken slots; pieces without any
};

}  // namespace camshaft
