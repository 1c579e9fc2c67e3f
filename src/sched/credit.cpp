#include "sched/credit.hpp"

#include <algorithm>

namespace camshaft::sched {
namespace {

constexpr std::size_t kFewestCells = 1u << 8, kMostCells = 1u << 14;
constexpr std::uint32_t kNoEngine = 0;         // serials start at 1: the row for any engine
constexpr std::uint32_t kMostTasks = 1024;     // what an engine can lose at worst
constexpr std::uint64_t kWorthHiding = 100;    // round trips are hidden behind tasks not so many times as long
constexpr Micros kLongestRoundTrip = 100'000;  // longer ones say that the engine was busy with something else
constexpr std::uint32_t kSurprise = 4;

std::uint32_t mix(std::uint32_t label, std::uint32_t engine) {
  std::uint64_t hash = (std::uint64_t{label} << 32 | engine) * 0x9e3779b97f4a7c15ull;
  hash ^= hash >> 29;
  hash *= 0xbf58476d1ce4e5b9ull;
  return static_cast<std::uint32_t>(hash >> 32);
}

}  // namespace

Micros micros(Duration duration) {
  const auto count = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  return static_cast<Micros>(std::clamp<std::int64_t>(count, 1, kUnknown - 1));
}

std::uint32_t label_fingerprint(std::string_view label) {
  if (label.empty()) return 0;
  std::uint32_t hash = 2166136261u;
  for (const char c : label) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash == 0 ? 1 : hash;
}

/// Where a tag belongs: the number of cells is a power of two.
std::size_t Durations::cell_of(std::uint32_t tag) const { return tag & (cells_.size() - 1); }

Micros Durations::expected(std::uint32_t label, std::uint32_t engine) const {
  if (cells_.empty()) return kUnknown;
  for (const std::uint32_t where : {engine, kNoEngine}) {
    const std::uint32_t tag = mix(label, where);
    const Cell& cell = cells_[cell_of(tag)];
    if (cell.expected != 0 && cell.tag == tag) return cell.expected;
  }
  return kUnknown;
}

void Durations::learn(std::uint32_t label, std::uint32_t engine, Micros took) {
  if (used_ * 8 >= cells_.size() && cells_.size() < kMostCells) grow();
  for (const std::uint32_t where : {engine, kNoEngine}) {
    const std::uint32_t tag = mix(label, where);
    Cell& cell = cells_[cell_of(tag)];
    if (cell.expected == 0 || cell.tag != tag) {
      if (cell.expected == 0) ++used_;
      cell = {tag, took};
    } else {
      cell.expected = static_cast<Micros>((std::uint64_t{cell.expected} * 3 + took + 3) / 4);
    }
  }
}

void Durations::grow() {
  std::vector<Cell> before(std::max(kFewestCells, cells_.size() * 2));
  before.swap(cells_);
  used_ = 0;
  for (const Cell& cell : before) {
    if (cell.expected == 0) continue;
    cells_[cell_of(cell.tag)] = cell;  // two that had cells of their own still have: the lower bits tell them apart
    ++used_;
  }
}

bool Credit::room(std::uint32_t load, Micros first, std::uint64_t rest) const {
  if (load == 0) return true;
  if (load >= limit_ || round_trip_ == 0) return false;
  return first < kWorthHiding * round_trip_ && rest < std::uint64_t{2} * round_trip_;
}

void Credit::answered(Micros expected, Micros took, bool alone, Micros away) {
  if (alone) {
    const Micros trip = std::clamp<Micros>(away > took ? away - took : 1, 1, kLongestRoundTrip);
    if (round_trip_ == 0) {
      round_trip_ = trip;
    } else if (trip > round_trip_) {
      round_trip_ += (trip - round_trip_ + 1) / 2;  // soon when it grows: an idle engine is what this is all about
    } else {
      round_trip_ -= (round_trip_ - trip) / 8;
    }
  }
  const bool surprise = expected != kUnknown && took / kSurprise > expected && took > round_trip_;
  limit_ = surprise ? std::max(2u, limit_ / 2) : std::min(limit_ + 1, kMostTasks);
}

}  // namespace camshaft::sched
