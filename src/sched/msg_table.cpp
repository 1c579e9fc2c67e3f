#include "sched/msg_table.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace camshaft::sched {
namespace {

constexpr std::size_t kFirstLines = 16;

std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{a} * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

constexpr std::uint64_t kOdd1 = 0xd1b54a32d192ed03ull;
constexpr std::uint64_t kOdd2 = 0x8cb92ba72f3d8dd7ull;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Whether the id ends in an underscore and a number.
bool is_numbered(std::string_view id) {
  std::size_t at = id.size();
  while (at > 0 && is_digit(id[at - 1])) --at;
  return at > 0 && at < id.size() && id[at - 1] == '_';
}

}  // namespace

MsgTable::MsgTable(std::size_t remembered, std::uint64_t seed)
    : remembered_(std::max<std::size_t>(remembered, 2)), seed_(fold(seed ^ kOdd1, kOdd2)), lines_(kFirstLines) {}

std::uint64_t MsgTable::fingerprint(std::string_view id) const {
  const bool numbered = is_numbered(id);
  const std::uint64_t place = numbered ? static_cast<std::uint64_t>(id.back() - '0') : 0;
  if (numbered) id.remove_suffix(1);
  // What is left of a numbered id may be an id, too: the length tells them apart.
  std::uint64_t hash = seed_ ^ ((id.size() * 2 + (numbered ? 1 : 0)) * kOdd1);
  const char* at = id.data();
  std::size_t left = id.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    hash = fold(hash ^ word, kOdd1) + kOdd2;  // the sum keeps a zero product from swallowing what came before
  }
  std::uint64_t tail = 0;
  if (left > 0) std::memcpy(&tail, at, left);
  hash = fold(fold(hash ^ tail, kOdd1) ^ kOdd2, kOdd2);
  return (hash & ~kPlace) | (kPlace + 1) | place;  // a key is never 0
}

std::size_t MsgTable::locate(std::uint64_t key) const {
  std::size_t at = home(key);
  while (lines_[at].key != key && lines_[at].key != 0) at = after(at);
  return at;
}

Known MsgTable::find(std::uint64_t fingerprint) const {
  const std::uint32_t value = lines_[locate(fingerprint & ~kPlace)].values[fingerprint & kPlace];
  if (value == 0) return {};
  return {static_cast<Known::Kind>(value >> 30), value & kNowhere};
}

void MsgTable::prefetch(std::uint64_t fingerprint) const {
  __builtin_prefetch(&lines_[home(fingerprint & ~kPlace)], 1);
}

void MsgTable::add_live(std::uint64_t fingerprint, std::uint32_t slot) {
  const std::uint64_t key = fingerprint & ~kPlace;
  std::size_t at = locate(key);
  if (lines_[at].key == 0) {
    if ((used_ + 1) * 4 > lines_.size() * 3) {
      resize(std::max(kFirstLines, used_ * 2));
      at = locate(key);
    }
    lines_[at].key = key;
    ++used_;
  }
  lines_[at].values[fingerprint & kPlace] = std::uint32_t{Known::live} << 30 | slot;
  ++live_;
}

void MsgTable::finish(std::uint64_t fingerprint, bool success, std::uint32_t engine) {
  if (ages_[age_] >= remembered_ / 2) sweep();
  Line& line = lines_[locate(fingerprint & ~kPlace)];
  const std::uint64_t place = fingerprint & kPlace;
  line.values[place] = (success ? std::uint32_t{Known::succeeded} : std::uint32_t{Known::failed}) << 30 | engine;
  line.ages = (line.ages & ~(3u << place * 2)) | age_ << place * 2;
  --live_;
  ++ages_[age_];
}

/// Begins a new age and forgets the oldest. Lines without ids stay where others look past them, until
/// there are so many that it is worth while to move the others and give back memory.
void MsgTable::sweep() {
  age_ = (age_ + 1) % 3;
  ages_[age_] = 0;
  std::size_t alive = 0;
  for (Line& line : lines_) {
    bool any = false;
    for (std::size_t place = 0; place < kDigits; ++place) {
      std::uint32_t& value = line.values[place];
      if (value >> 30 > Known::live && (line.ages >> place * 2 & 3) == age_) value = 0;
      any = any || value != 0;
    }
    alive += any ? 1 : 0;
  }
  if (lines_.size() > 2 * alive + kFirstLines) resize(std::max(kFirstLines, alive * 3 / 2));
}

/// Each line that has an id finds its place anew; the others go.
void MsgTable::resize(std::size_t lines) {
  Lines before(lines);
  before.swap(lines_);
  used_ = 0;
  for (const Line& line : before) {
    if (std::all_of(line.values.begin(), line.values.end(), [](std::uint32_t value) { return value == 0; })) continue;
    lines_[locate(line.key)] = line;
    ++used_;
  }
}

}  // namespace camshaft::sched
