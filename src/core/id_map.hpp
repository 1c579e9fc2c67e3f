// core/id_map.hpp: a map from message ids to small values, for millions of them: open addressing, 8 bytes for an id.
// Thread: one. Owns: its entries, and the ids' beginnings. Errors: none. Memory shrinks with the number of entries.
// Pointers to values hold until the next insertion or removal.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/ids.hpp"
#include "core/pages.hpp"
#include "core/short_ids.hpp"

namespace camshaft {

template <class Value>
class IdMap {
  static_assert(std::is_trivially_copyable_v<Value>);

 public:
  /// Puts in `value` unless the id is there; the value that is there, and whether it is new.
  std::pair<Value*, bool> try_emplace(const MsgId& id, Value value) {
    if (Value* known = find(id)) return {known, false};
    if ((size_ + 1) * 4 > entries_.size() * 3) resize(std::max(kFewest, entries_.size() * 2));
    const ShortId short_id = ids_.take(id.value);
    const std::size_t at = locate(short_id);
    entries_[at] = {short_id, true, value};
    ++size_;
    return {&entries_[at].value, true};
  }

  Value* find(const MsgId& id) {
    const auto short_id = ids_.find(id.value);
    if (!short_id || size_ == 0) return nullptr;
    Entry& entry = entries_[locate(*short_id)];
    return entry.taken ? &entry.value : nullptr;
  }
  const Value* find(const MsgId& id) const { return const_cast<IdMap*>(this)->find(id); }
  bool contains(const MsgId& id) const { return find(id) != nullptr; }

  /// Whether it was there.
  bool erase(const MsgId& id) {
    if (find(id) == nullptr) return false;
    const ShortId short_id = *ids_.find(id.value);
    std::size_t hole = locate(short_id);
    ids_.drop(short_id);
    // Those behind it that would not be found past the hole move up.
    for (std::size_t at = after(hole); entries_[at].taken; at = after(at)) {
      const std::size_t home = home_of(entries_[at].id);
      if ((at > hole) ? (home > hole && home <= at) : (home > hole || home <= at)) continue;
      entries_[hole] = entries_[at];
      hole = at;
    }
    entries_[hole].taken = false;
    --size_;
    if (entries_.size() > kFewest && size_ * 8 < entries_.size()) resize(std::max(kFewest, entries_.size() / 2));
    return true;
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  /// Calls use(id, value) for each entry, in any order.
  template <class Use>
  void each(Use&& use) const {
    for (const Entry& entry : entries_)
      if (entry.taken) use(ids_.text(entry.id), entry.value);
  }

 private:
  struct Entry {
    ShortId id;
    bool taken = false;
    Value value;
  };
  static constexpr std::size_t kFewest = 64;  // places; always a power of two, or none

  // Eight ids in a row are neighbours here, too: whoever looks one up looks up the next one soon.
  std::size_t home_of(ShortId id) const {
    const std::uint64_t mixed = (std::uint64_t{id.beginning} << 32 | id.number >> 3) * 0x9e3779b97f4a7c15ull;
    return (static_cast<std::size_t>(mixed >> 20) << 3 | (id.number & 7)) & (entries_.size() - 1);
  }
  std::size_t after(std::size_t at) const { return (at + 1) & (entries_.size() - 1); }
  std::size_t locate(ShortId id) const {  // its place, or the one where it would be
    std::size_t at = home_of(id);
    while (entries_[at].taken && entries_[at].id != id) at = after(at);
    return at;
  }
  void resize(std::size_t places) {
    std::vector<Entry, pages::Allocator<Entry>> before(places);
    before.swap(entries_);
    for (const Entry& entry : before)
      if (entry.taken) entries_[locate(entry.id)] = entry;
  }

  ShortIds ids_;
  std::vector<Entry, pages::Allocator<Entry>> entries_;
  std::size_t size_ = 0;
};

}  // namespace camshaft
