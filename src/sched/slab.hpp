// sched/slab.hpp: objects in numbered slots. They never move, and memory goes back as soon as a piece of it is empty.
// Thread: one. Owns: its objects, in pieces of kPiece. Errors: none.
// A million objects in one vector would be moved, and their memory be touched anew, each time the vector grows; and one
// that stays would hold the memory of all that were there beside it.
#pragma once
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace camshaft::sched {

template <class T, std::uint32_t kPiece = 256>
class Slab {
  static_assert(kPiece % 64 == 0);

 public:
  /// A slot with a fresh object. Slots are used again.
  std::uint32_t take() {
    if (roomy_.empty()) add_piece();
    const std::uint32_t number = roomy_.back();
    Piece& piece = *pieces_[number];
    std::uint32_t word = 0;
    while (~piece.taken[word] == 0) ++word;
    const auto bit = static_cast<std::uint32_t>(std::countr_one(piece.taken[word]));
    piece.taken[word] |= std::uint64_t{1} << bit;
    if (piece.used++ == 0) --empty_;
    if (piece.used == kPiece) unlist(number);
    ++size_;
    return number * kPiece + word * 64 + bit;
  }

  /// The slot's object goes.
  void give(std::uint32_t slot) {
    const std::uint32_t number = slot / kPiece, at = slot % kPiece;
    Piece& piece = *pieces_[number];
    piece.items[at] = T{};
    piece.taken[at / 64] &= ~(std::uint64_t{1} << at % 64);
    --size_;
    if (piece.used-- == kPiece) list(number);
    if (piece.used > 0) return;
    if (++empty_ <= 1) return;  // one is kept, so that a count that swings around its edge costs nothing
    --empty_;
    unlist(number);
    pieces_[number].reset();
    holes_.push_back(number);
    if (holes_.size() == pieces_.size()) clear();
  }

  /// Of a slot that is taken.
  T& operator[](std::uint32_t slot) { return pieces_[slot / kPiece]->items[slot % kPiece]; }
  const T& operator[](std::uint32_t slot) const { return pieces_[slot / kPiece]->items[slot % kPiece]; }

  /// Null if the slot's memory is gone; else its object, as new when the slot is not taken.
  const T* find(std::uint32_t slot) const {
    const std::uint32_t number = slot / kPiece;
    return number < pieces_.size() && pieces_[number] ? &pieces_[number]->items[slot % kPiece] : nullptr;
  }

  /// Calls use(slot, object) for each slot that is taken, in order of slots.
  template <class Use>
  void each(Use&& use) const {
    for (std::uint32_t number = 0; number < pieces_.size(); ++number) {
      for (std::uint32_t word = 0; pieces_[number] && word < kPiece / 64; ++word) {
        for (std::uint64_t left = pieces_[number]->taken[word]; left != 0; left &= left - 1) {
          const std::uint32_t at = word * 64 + static_cast<std::uint32_t>(std::countr_zero(left));
          use(number * kPiece + at, pieces_[number]->items[at]);
        }
      }
    }
  }

  std::size_t size() const { return size_; }                                          // slots that are taken
  std::size_t capacity() const { return (pieces_.size() - holes_.size()) * kPiece; }  // slots that have memory

 private:
  struct Piece {
    std::array<T, kPiece> items{};
    std::array<std::uint64_t, kPiece / 64> taken{};
    std::uint32_t used = 0;
    std::uint32_t listed_at = 0;  // its place in roomy_, while it has room
  };

  void add_piece() {
    std::uint32_t number = static_cast<std::uint32_t>(pieces_.size());
    if (holes_.empty()) {
      pieces_.emplace_back();
    } else {
      number = holes_.back();
      holes_.pop_back();
    }
    pieces_[number] = std::make_unique<Piece>();
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
  void clear() { *this = Slab(); }

  std::vector<std::unique_ptr<Piece>> pieces_;  // null: a hole
  std::vector<std::uint32_t> roomy_, holes_;    // numbers of pieces with a free slot; of holes
  std::size_t size_ = 0, empty_ = 0;            // taken slots; pieces without any
};

}  // namespace camshaft::sched
