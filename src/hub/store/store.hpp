// hub/store/store.hpp: where task records live: in memory, nowhere, or in a database.
// Thread: one. Stores that wait for a disk or a server are used on threads of their own (service/record_keeper.hpp).
// Owns:   the records.
// Errors: everything returns Result; writes that find no record to change are no error, they are counted in stats().
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "core/ids.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "hub/filter.hpp"
#include "hub/record.hpp"

namespace camshaft::hub {

struct StoreStats {
  std::size_t records = 0;
  std::size_t bytes = 0;      // footprint of all records; a database: of its file
  std::uint64_t culled = 0;   // records that left because of a limit
  std::uint64_t ignored = 0;  // inserts of known ids, and updates of records that are not (or no longer) there
  bool operator==(const StoreStats&) const = default;
};

/// Adds a record, or completes the stub of that id; a full record of that id stays as it is.
struct Insert {
  TaskRecord record;
};
struct Update {
  MsgId id;
  Change change;
  bool or_stub = false;  // no such record: make a stub for it
};
using Write = std::variant<Insert, Update>;

/// What a store knows of a task. NoneStore knows of the last ones that they are completed, and no more.
enum class State : std::uint8_t { unknown, pending, completed };

class Store {
 public:
  /// Gets each record that matches; its other fields than those asked for may be empty.
  using Visitor = std::function<void(const TaskRecord&)>;

  virtual ~Store() = default;
  virtual std::string_view name() const = 0;

  /// Applies the writes in order. On an error none of them is applied and `batch` is as it was, to be tried again;
  /// else its contents may be gone.
  virtual Result<Done> write(std::span<Write> batch) = 0;
  virtual Result<State> state(const MsgId& id) = 0;
  /// nullopt: no such record. Errc::unavailable: this store keeps none.
  virtual Result<std::optional<TaskRecord>> get(const MsgId& id) = 0;
  /// Calls `visit` with what matches, by submission; stubs come last.
  virtual Result<Done> visit(const Filter& filter, FieldSet fields, const Visitor& visit) = 0;
  virtual Result<Done> remove(std::span<const MsgId> ids) = 0;  // unknown ids are no error
  virtual Result<Done> remove(const Filter& filter) = 0;
  /// Lets go of what is over a limit of age or size. For stores that do not do so at each write; now and then.
  virtual Result<Done> tend(WallTime now);
  virtual StoreStats stats() = 0;

  /// Copies (which share their bytes) of what matches, by submission.
  Result<std::vector<TaskRecord>> select(const Filter& filter);
  /// Ids of all records that are no stubs, by submission.
  Result<std::vector<MsgId>> history();
  /// Everything of the tasks that have no result, by submission: what a controller that was restarted goes on with.
  Result<std::vector<TaskRecord>> unfinished();
  /// The same, one by one.
  Result<Done> visit_unfinished(const Visitor& visit);
};

/// Where the hub sends what it sees. Takes it in at once, or keeps it for a thread of the store's own.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  virtual void put(Write write) = 0;
};

/// A sink that writes into a store at once: for stores that do not wait.
class DirectSink final : public RecordSink {
 public:
  explicit DirectSink(Store& store) : store_(store) {}
  void put(Write write) override;

 private:
  Store& store_;
};

}  // namespace camshaft::hub
