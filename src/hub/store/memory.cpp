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
  if (const auto known = index_.find(std::string_view(record.id.value)); known != index_.end()) {
    const auto at = *known;
    if (!at->second.stub() || record.stub()) {
      ++ignored_;
      return;
    }
    TaskRecord stub = at->second.record();
    merge_into_stub(stub, std::move(record));
    record = std::move(stub);
    drop(at);
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
  const auto at = records_.emplace_hint(
      records_.end(), Order(when, ++arrivals_),
      Entry{.open = std::make_unique<TaskRecord>(std::move(record)), .packed = {}, .bytes = bytes});
  index_.insert(at);
  bytes_ += bytes;
}

void MemoryStore::update(Update given) {
  auto known = index_.find(std::string_view(given.id.value));
  if (known == index_.end() && given.or_stub) {
    TaskRecord stub;
    stub.id = given.id;
    add(std::move(stub));
    cull();
    known = index_.find(std::string_view(given.id.value));
  }
  if (known == index_.end()) {
    ++ignored_;
    return;
  }
  const bool grows = !std::holds_alternative<Dispatched>(given.change);
  const bool ends = std::holds_alternative<Finished>(given.change);
  Entry& entry = (*known)->second;
  if (!entry.open) entry.open = std::make_unique<TaskRecord>(std::exchange(entry.packed, {})->record());
  apply(*entry.open, std::move(given.change));
  if (grows) {
    const std::size_t bytes = footprint(*entry.open);
    bytes_ = bytes_ - entry.bytes + bytes;
    entry.bytes = bytes;
    if (ends) pack(entry);
    cull();
  }
}

/// Packs the record of an entry whose task has ended, if it is small.
void MemoryStore::pack(Entry& entry) {
  if (entry.open->stub()) return;  // a request may still come for it
  entry.packed = packer_.pack(*entry.open);
  if (entry.packed) entry.open.reset();
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
  index_.erase(index_.find(at));
  return records_.erase(at);
}

Result<State> MemoryStore::state(const MsgId& id) {
  const auto known = index_.find(std::string_view(id.value));
  if (known == index_.end()) return State::unknown;
  const Entry& entry = (*known)->second;
  return !entry.open || entry.open->completed ? State::completed : State::pending;
}

Result<std::optional<TaskRecord>> MemoryStore::get(const MsgId& id) {
  const auto known = index_.find(std::string_view(id.value));
  if (known == index_.end()) return std::optional<TaskRecord>();
  return std::optional((*known)->second.record());
}

Result<Done> MemoryStore::visit(const Filter& filter, FieldSet, const Visitor& visit) {
  for (const bool stubs : {false, true}) {
    for (const auto& [order, entry] : records_) {
      if (entry.stub() != stubs) continue;
      if (entry.open) {
        if (filter.matches(*entry.open)) visit(*entry.open);
      } else if (const TaskRecord record = entry.packed->record(); filter.matches(record)) {
        visit(record);
      }
    }
  }
  return Done{};
}

Result<Done> MemoryStore::remove(std::span<const MsgId> ids) {
  for (const MsgId& id : ids) {
    if (const auto known = index_.find(std::string_view(id.value)); known != index_.end()) drop(*known);
  }
  return Done{};
}

Result<Done> MemoryStore::remove(const Filter& filter) {
  for (auto at = records_.begin(); at != records_.end();) {
    at = filter.matches(at->second.record()) ? drop(at) : std::next(at);
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
    const auto known = index_.find(entry.id());
    require(known != index_.end() && &(*known)->second == &entry, "the index misses a record");
    require((entry.open == nullptr) == entry.packed.has_value(), "a record is neither open nor packed, or both");
    require(entry.bytes == footprint(entry.record()), "a record has another size");
    bytes += entry.bytes;
  }
  require(bytes == bytes_, "the sum of sizes is wrong");
  require(records_.size() <= std::max<std::size_t>(limits_.records, 1) && bytes_ <= limits_.bytes, "over a limit");
}

}  // namespace camshaft::hub
