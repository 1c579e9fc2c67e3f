// hub/store/store.hpp: where task records live: in memory, nowhere, or (later) in a database.
// Thread: one, that of the hub. A store that waits for a disk does so on a thread of its own and answers reads from
//         what it has been told, so that a slow one delays no task.
// Owns:   the records.
// Errors: reads and removals return Result; insert and update never fail loudly, what they lose is counted in stats().
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/ids.hpp"
#include "core/result.hpp"
#include "hub/filter.hpp"
#include "hub/record.hpp"

namespace camshaft::hub {

struct StoreStats {
  std::size_t records = 0;
  std::size_t bytes = 0;      // footprint of all records
  std::uint64_t culled = 0;   // records that left because of a limit
  std::uint64_t ignored = 0;  // inserts of known ids, and updates of records that are not (or no longer) there
  bool operator==(const StoreStats&) const = default;
};

class Store {
 public:
  virtual ~Store() = default;
  virtual std::string_view name() const = 0;

  /// Adds a record, or completes the stub of that id; a full record of that id stays as it is.
  virtual void insert(TaskRecord record) = 0;
  virtual void update(const MsgId& id, Change change) = 0;
  virtual bool contains(const MsgId& id) const = 0;
  /// Has the task of this id a result? False also when nothing is known of it.
  virtual bool completed(const MsgId& id) const = 0;

  /// nullopt: no such record. Errc::unavailable: this store keeps none.
  virtual Result<std::optional<TaskRecord>> get(const MsgId& id) const = 0;
  /// Copies (which share their bytes) of what matches, oldest first.
  virtual Result<std::vector<TaskRecord>> select(const Filter& filter) const = 0;
  /// Ids of all records that are no stubs, by submission.
  virtual Result<std::vector<MsgId>> history() const = 0;
  virtual Result<Done> remove(std::span<const MsgId> ids) = 0;  // unknown ids are no error
  virtual Result<Done> remove(const Filter& filter) = 0;
  virtual StoreStats stats() const = 0;
};

}  // namespace camshaft::hub
