// hub/store/batch.hpp: a batch of writes, sorted by record, for stores that write less when they know what comes next.
// Thread: plain values. Owns: nothing; it points into the batch.
// Errors: none.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "hub/store/store.hpp"

namespace camshaft::hub {

/// What a batch does to one record: first it may be inserted, then changed, in order.
struct RecordWrites {
  const MsgId* id = nullptr;
  TaskRecord* insert = nullptr;
  std::vector<Update*> updates;

  /// The record to insert, with all that the batch does to it.
  TaskRecord merged() const;
  /// What merged() has beyond the inserted record, without a copy; nullopt when it is more than this.
  struct Course {
    const EngineId* engine;
    const Finished* result;  // may be null
  };
  std::optional<Course> course() const;
  /// The updates that have to be written by themselves: not where a task went when its result tells it too.
  std::vector<const Update*> separate() const;
};

/// In the order in which the ids first appear. `again`: second inserts of an id, which have no effect.
std::vector<RecordWrites> sort_by_record(std::span<Write> batch, std::uint64_t& again);

}  // namespace camshaft::hub
