// hub/store/memory.hpp: records in memory, up to a number and a size; then the oldest leave.
// Thread: one.
// Owns:   the records.
// Errors: none; culled records and updates that came too late are counted.
#pragma once
#include <map>
#include <unordered_map>
#include <utility>

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
    TaskRecord record;
    std::size_t bytes;  // its footprint
  };
  using Order = std::pair<WallTime, std::uint64_t>;  // submission, then arrival; stubs take the youngest time there is
  using Records = std::map<Order, Entry>;

  void insert(TaskRecord record);
  void update(Update given);
  void add(TaskRecord record);
  void resize(Entry& entry);
  void cull();
  Records::iterator drop(Records::iterator at);

  Limits limits_;
  Records records_;
  std::unordered_map<std::string_view, Records::iterator> index_;  // keys are views of the records' own ids
  std::uint64_t arrivals_ = 0;
  std::size_t bytes_ = 0;  // sum over records_
  std::uint64_t culled_ = 0;
  std::uint64_t ignored_ = 0;
};

}  // namespace camshaft::hub
