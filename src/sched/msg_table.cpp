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

FingerprintMap::FingerprintMap() : cells_(kFirstCells, Cell{}) {}

std::size_t FingerprintMap::locate(std::uint64_t fingerprint) const {
  const auto low = static_cast<std::uint32_t>(fingerprint), high = static_cast<std::uint32_t>(fingerprint >> 32);
  std::size_t at = home(fingerprint);
  while (cells_[at].value != 0 && (cells_[at].low != low || cells_[at].high != high))
    at = (at + 1) & (cells_.size() - 1);
  return at;
}

void FingerprintMap::put(std::uint64_t fingerprint, std::uint32_t value) {
  if ((size_ + 1) * 5 > cells_.size() * 4) resize(cells_.size() * 2);
  Cell& cell = cells_[locate(fingerprint)];
  size_ += cell.value == 0 ? 1 : 0;
  cell = {static_cast<std::uint32_t>(fingerprint), static_cast<std::uint32_t>(fingerprint >> 32), value};
}

void FingerprintMap::erase(std::uint64_t fingerprint) {
  const std::size_t mask = cells_.size() - 1;
  std::size_t hole = locate(fingerprint);
  // Close the hole with the next cell that may move there, so that no probe stops short.
  for (std::size_t next = (hole + 1) & mask; cells_[next].value != 0; next = (next + 1) & mask) {
    if (((next - home(cells_[next].fingerprint())) & mask) >= ((next - hole) & mask)) {
      cells_[hole] = cells_[next];
      hole = next;
    }
  }
  cells_[hole] = Cell{};
  --size_;
  if (size_ * 8 < cells_.size() && cells_.size() > kFirstCells) resize(cells_.size() / 2);
}

void FingerprintMap::clear() {
  std::fill(cells_.begin(), cells_.end(), Cell{});
  size_ = 0;
}

void FingerprintMap::resize(std::size_t cells) {
  std::vector<Cell> before(cells, Cell{});
  before.swap(cells_);
  for (const Cell& cell : before) {
    if (cell.value != 0) cells_[locate(cell.fingerprint())] = cell;
  }
}

MsgTable::MsgTable(std::size_t remembered, std::uint64_t seed)
    : remembered_(std::max<std::size_t>(remembered, 1)), seed_(fold(seed ^ kOdd1, kOdd2)) {}

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

Known MsgTable::find(std::uint64_t fingerprint) const {
  // A new id is looked for in all three, and a live one is about to move to young_: let their misses overlap.
  young_.prefetch(fingerprint);
  old_.prefetch(fingerprint);
  if (const std::uint32_t slot = live_.find(fingerprint); slot != 0) return {Known::live, slot - 1};
  for (const FingerprintMap* generation : {&young_, &old_}) {
    const std::uint32_t value = generation->size() == 0 ? 0 : generation->find(fingerprint);
    if (value != 0) return {static_cast<Known::Kind>(value >> 30), value & kNowhere};
  }
  return {};
}

void MsgTable::add_live(std::uint64_t fingerprint, std::uint32_t slot) { live_.put(fingerprint, slot + 1); }

void MsgTable::finish(std::uint64_t fingerprint, bool success, std::uint32_t engine) {
  live_.erase(fingerprint);
  if (young_.size() >= remembered_) {
    std::swap(young_, old_);
    young_.clear();
  }
  young_.put(fingerprint, (success ? std::uint32_t{Known::succeeded} : std::uint32_t{Known::failed}) << 30 | engine);
}

}  // namespace camshaft::sched
