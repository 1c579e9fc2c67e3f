#include "sched/msg_table.hpp"

#include <algorithm>
#include <cstring>

namespace camshaft::sched {
namespace {

constexpr std::size_t kFirstCells = 64;

std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{a} * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

constexpr std::uint64_t kOdd1 = 0xd1b54a32d192ed03ull;
constexpr std::uint64_t kOdd2 = 0x8cb92ba72f3d8dd7ull;

}  // namespace

MsgTable::MsgTable(std::size_t remembered, std::uint64_t seed)
    : remembered_(remembered), seed_(fold(seed ^ kOdd1, kOdd2)), cells_(kFirstCells, Cell{}) {}

std::uint64_t MsgTable::fingerprint(std::string_view id) const {
  std::uint64_t hash = seed_ ^ (id.size() * kOdd1);
  const char* at = id.data();
  std::size_t left = id.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    hash = fold(hash ^ word, kOdd1) + kOdd2;  // the sum keeps a zero product from swallowing what came before
  }
  std::uint64_t tail = 0;
  if (left > 0) std::memcpy(&tail, at, left);
  return fold(fold(hash ^ tail, kOdd1) ^ kOdd2, kOdd2);
}

std::size_t MsgTable::locate(std::uint64_t fingerprint) const {
  const auto low = static_cast<std::uint32_t>(fingerprint), high = static_cast<std::uint32_t>(fingerprint >> 32);
  std::size_t at = home(fingerprint);
  while (cells_[at].value != 0 && (cells_[at].low != low || cells_[at].high != high))
    at = (at + 1) & (cells_.size() - 1);
  return at;
}

Known MsgTable::find(std::uint64_t fingerprint) const {
  const std::uint32_t value = cells_[locate(fingerprint)].value;
  return {static_cast<Known::Kind>(value >> 30), value & kNowhere};
}

void MsgTable::add_live(std::uint64_t fingerprint, std::uint32_t slot) {
  if ((size_ + 1) * 8 > cells_.size() * 7) grow();
  cells_[locate(fingerprint)] = {static_cast<std::uint32_t>(fingerprint), static_cast<std::uint32_t>(fingerprint >> 32),
                                 std::uint32_t{Known::live} << 30 | slot};
  ++size_;
}

void MsgTable::finish(std::uint64_t fingerprint, bool success, std::uint32_t engine) {
  cells_[locate(fingerprint)].value =
      (success ? std::uint32_t{Known::succeeded} : std::uint32_t{Known::failed}) << 30 | engine;
  order_.push_back(fingerprint);
  if (order_.size() > remembered_) {
    erase(order_.front());
    order_.pop_front();
  }
}

void MsgTable::erase(std::uint64_t fingerprint) {
  const std::size_t mask = cells_.size() - 1;
  std::size_t hole = locate(fingerprint);
  // Close the hole with the next cell that may move there, so that no probe stops short.
  for (std::size_t next = (hole + 1) & mask; cells_[next].value != 0; next = (next + 1) & mask) {
    const std::size_t wanted = home(std::uint64_t{cells_[next].high} << 32 | cells_[next].low);
    if (((next - wanted) & mask) >= ((next - hole) & mask)) {
      cells_[hole] = cells_[next];
      hole = next;
    }
  }
  cells_[hole] = Cell{};
  --size_;
}

void MsgTable::grow() {
  std::vector<Cell> old(cells_.size() * 2, Cell{});
  old.swap(cells_);
  for (const Cell& cell : old) {
    if (cell.value != 0) cells_[locate(std::uint64_t{cell.high} << 32 | cell.low)] = cell;
  }
}

}  // namespace camshaft::sched
