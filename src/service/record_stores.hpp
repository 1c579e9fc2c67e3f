// service/record_stores.hpp: which store a controller keeps its records in, and the keeper that goes with it.
// Thread: plain values and functions. Owns: nothing.
// Errors: one line that says what to do, when a database cannot be opened.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "core/log.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "hub/store/memory.hpp"
#include "hub/store/sqlite.hpp"
#include "mongo/mongo.hpp"
#include "service/record_keeper.hpp"

namespace camshaft::service {

struct RecordOptions {
  enum class Kind : std::uint8_t { none, memory, sqlite, mongo } kind = Kind::memory;
  /// Bytes, a 16th of the original's: see docs/operations-databases.md. Larger results are passed on and forgotten.
  hub::MemoryStore::Limits memory{.records = 1024, .bytes = std::size_t{64} << 20, .cull_fraction = 0.1};
  hub::SqliteStore::Options sqlite;
  hub::MongoOptions mongo;
  std::size_t buffer_limit = std::size_t{64} << 20;  // of databases: bytes of one request or result
};

/// `session` names the table, or MongoDB's database, when the options do not.
Result<std::unique_ptr<RecordKeeper>> make_record_keeper(RecordOptions options, const std::string& session,
                                                         const Clock& clock, Log& log);

/// The file of a session that begins `now`: `tasks-<cluster id>-<time>.db`. With `go_on`, that of the last session of
/// this cluster, if there is one.
std::filesystem::path session_database(const std::filesystem::path& folder, const std::string& cluster_id, WallTime now,
                                       bool go_on);

/// Is this, by its name, such a file of any cluster, or one that SQLite keeps beside it?
bool is_session_database(const std::string& name);

}  // namespace camshaft::service
