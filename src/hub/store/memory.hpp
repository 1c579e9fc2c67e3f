// hub/store/memory.hpp: records in memory, up to a number and a size; then the oldest leave.
// Thread: one.
// Owns:   the records.
// Errors: none; culled records and updates that came too late are counted.
#pragma once
#include <map>
#include <memory>
#include <memory_resource>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "hub/store/packed_record.hpp"
#include "hub/store/store.hpp"

namespace camshaft::hub {

class MemoryStore final : public Store {
 public:
  struct Limits {
    std::size_t records = 1024;
    std::size_t bytes = std::size_t{1} << 30;
    double cull_fraction = 0.1;
  };

  explicit MemoryStore(Limits limits) : limits_(limits) {}
  MemoryStore() : MemoryStore(Limits()) {}

  std::string_view name() const override { return "memory"; }
  Result<Done> write(std::span<Write> batch) override;
  Result<State> state(const MsgId& id) override;
  Result<std::optional<TaskRecord>> get(const MsgId& id) override;
  Result<Done> visit(const Filter& filter, FieldSet fields, const Visitor& visit) override;
  Result<Done> remove(std::span<const MsgId> ids) override;
  Result<Done> remove(const Filter& filter) override;
  StoreStats stats() override;
  /// Throws std::logic_error when index, order and sizes contradict each other.
  void check() const;

 private:
  struct Entry {
    std::unique_ptr<TaskRecord> open;    // one that is likely to change, or too large to be packed
    std::optional<PackedRecord> packed;  // any other
    std::size_t bytes;                   // its footprint
    std::string_view id() const { return open ? std::string_view(open->id.value) : packed->id(); }
    bool stub() const { return open && open->stub(); }  // packed ones have ended, so that they were asked for
    TaskRecord record() const { return open ? *open : packed->record(); }
  };
  using Order = std::pair<WallTime, std::uint64_t>;  // submission, then arrival; stubs take the youngest time there is
  using Records = std::pmr::map<Order, Entry>;
  /// Records by id, each looked at where it stands just now: open or packed.
  struct ById {
    using is_transparent = void;
    static std::string_view id(std::string_view text) { return text; }
    static std::string_view id(const Records::iterator& at) { return at->second.id(); }
    std::size_t operator()(const auto& one) const { return std::hash<std::string_view>()(id(one)); }
    bool operator()(const auto& a, const auto& b) const { return id(a) == id(b); }
  };

  void insert(TaskRecord record);
  void update(Update given);
  void add(TaskRecord record);
  void pack(Entry& entry);
  void cull();
  Records::iterator drop(Records::iterator at);

  Limits limits_;
  RecordPacker packer_;
  // What stays for long lies together, and not here and there among what the heap gives out for a moment.
  std::pmr::unsynchronized_pool_resource nodes_;
  Records records_{&nodes_};
  std::pmr::unordered_set<Records::iterator, ById, ById> index_{&nodes_};
  std::uint64_t arrivals_ = 0;
  std::size_t bytes_ = 0;  // sum over records_
  std::uint64_t culled_ = 0;
  std::uint64_t ignored_ = 0;
};

}  // namespace camshaft::hub
