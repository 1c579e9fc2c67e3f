#include "hub/store/memory.hpp"

#include <algorithm>
#include <stdexcept>

namespace camshaft::hub {

Result<Done> MemoryStore::write(std::span<Write> batch) {
  for (Write& each : batch) {
    if (auto* fresh = std::get_if<Insert>(&each)) {
      insert(std::move(fresh->record));
    } else {
      update(std::move(std::get<Update>(each)));
    }
  }
  return Done{};
}

void MemoryStore::insert(TaskRecord record) {
  if (const auto known = index_.find(record.id.value); known != index_.end()) {
    if (!known->second->second.record.stub() || record.stub()) {
      ++ignored_;
      return;
    }
    TaskRecord stub = std::move(known->second->second.record);
    merge_into_stub(stub, std::move(record));
    record = std::move(stub);
    // The index looks at the id where it stands, so it goes first.
    bytes_ -= known->second->second.bytes;
    const auto at = known->second;
    index_.erase(known);
    records_.erase(at);
  }
  add(std::move(record));
  cull();
}

void MemoryStore::add(TaskRecord record) {
  WallTime when{};
  if (record.submitted) {
    when = *record.submitted;
  } else if (!records_.empty()) {
    when = records_.rbegin()->first.first;
  }
  const std::size_t bytes = footprint(record);
  // Records come in order of submission but for clocks that disagree: the end is the right place nearly always.
  const auto at = records_.emplace_hint(records_.end(), Order(when, ++arrivals_), Entry{std::move(record), bytes});
  index_.emplace(at->second.record.id.value, at);
  bytes_ += bytes;
}

void MemoryStore::update(Update given) {
  auto known = index_.find(given.id.value);
  if (known == index_.end() && given.or_stub) {
    TaskRecord stub;
    stub.id = given.id;
    add(std::move(stub));
    cull();
    known = index_.find(given.id.value);
  }
  if (known == index_.end()) {
    ++ignored_;
    return;
  }
  Entry& entry = known->second->second;
  const bool grows = !std::holds_alternative<Dispatched>(given.change);
  apply(entry.record, std::move(given.change));
  if (grows) {
    resize(entry);
    cull();
  }
}

void MemoryStore::resize(Entry& entry) {
  const std::size_t bytes = footprint(entry.record);
  bytes_ = bytes_ - entry.bytes + bytes;
  entry.bytes = bytes;
}

void MemoryStore::cull() {
  if (records_.size() > limits_.records) {
    const auto share = static_cast<std::size_t>(limits_.cull_fraction * static_cast<double>(limits_.records));
    for (std::size_t n = std::max<std::size_t>(share, 1); n > 0 && !records_.empty(); --n, ++culled_) {
      drop(records_.begin());
    }
  }
  if (bytes_ > limits_.bytes) {
    const auto goal = static_cast<std::size_t>((1 - limits_.cull_fraction) * static_cast<double>(limits_.bytes));
    for (; bytes_ > goal && !records_.empty(); ++culled_) drop(records_.begin());
  }
}

MemoryStore::Records::iterator MemoryStore::drop(Records::iterator at) {
  bytes_ -= at->second.bytes;
  index_.erase(at->second.record.id.value);
  return records_.erase(at);
}

Result<State> MemoryStore::state(const MsgId& id) {
  const auto known = index_.find(id.value);
  if (known == index_.end()) return State::unknown;
  return known->second->second.record.completed ? State::completed : State::pending;
}

Result<std::optional<TaskRecord>> MemoryStore::get(const MsgId& id) {
  const auto known = index_.find(id.value);
  if (known == index_.end()) return std::optional<TaskRecord>();
  return std::optional(known->second->second.record);
}

Result<Done> MemoryStore::visit(const Filter& filter, FieldSet, const Visitor& visit) {
  for (const bool stubs : {false, true}) {
    for (const auto& [order, entry] : records_) {
      if (entry.record.stub() == stubs && filter.matches(entry.record)) visit(entry.record);
    }
  }
  return Done{};
}

Result<Done> MemoryStore::remove(std::span<const MsgId> ids) {
  for (const MsgId& id : ids) {
    if (const auto known = index_.find(id.value); known != index_.end()) drop(known->second);
  }
  return Done{};
}

Result<Done> MemoryStore::remove(const Filter& filter) {
  for (auto at = records_.begin(); at != records_.end();) {
    at = filter.matches(at->second.record) ? drop(at) : std::next(at);
  }
  return Done{};
}

StoreStats MemoryStore::stats() {
  return {.records = records_.size(), .bytes = bytes_, .culled = culled_, .ignored = ignored_};
}

void MemoryStore::check() const {
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw std::logic_error(std::string("memory store: ") + what);
  };
  require(index_.size() == records_.size(), "index and records differ in number");
  std::size_t bytes = 0;
  for (const auto& [order, entry] : records_) {
    const auto known = index_.find(entry.record.id.value);
    require(known != index_.end() && &known->second->second == &entry, "the index misses a record");
    require(entry.bytes == footprint(entry.record), "a record has another size");
    bytes += entry.bytes;
  }
  require(bytes == bytes_, "the sum of sizes is wrong");
  require(records_.size() <= std::max<std::size_t>(limits_.records, 1) && bytes_ <= limits_.bytes, "over a limit");
}

}  // namespace camshaft::hub
