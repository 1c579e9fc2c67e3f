#include "service/record_stores.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "core/date.hpp"
#include "hub/store/none.hpp"
#include "service/mongo_module.hpp"

namespace camshaft::service {
namespace {

constexpr std::string_view kEnd = ".db";
constexpr std::size_t kStamp = 18;  // 20261120T102407123Z without the Z

std::string stamp(WallTime now) {
  std::string digits;
  for (const char c : format_sortable_date(now)) {
    if (c != '-' && c != ':' && c != '.') digits += c;
  }
  return digits.substr(0, kStamp);
}

bool is_stamp(std::string_view text) {
  return text.size() == kStamp && text[8] == 'T' &&
         std::count_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }) == kStamp - 1;
}

std::string prefix_of(const std::string& cluster_id) {
  return cluster_id.empty() ? "tasks-" : "tasks-" + cluster_id + "-";
}

Result<std::unique_ptr<RecordKeeper>> mongo_keeper(RecordOptions options, const std::string& session,
                                                   const Clock& clock, Log& log) {
  hub::MongoOptions& mongo = options.mongo;
  if (mongo.database.empty()) mongo.database = session;
  const auto load = load_mongo();
  if (!load) return load.error();
  auto store = (*load)(mongo);
  if (!store) return store.error();
  log.info("task records are kept in MongoDB, in its database {}", mongo.database);
  const auto again = [load = *load, mongo] { return load(mongo); };
  const std::size_t limit = std::min(options.buffer_limit, hub::kMongoBufferLimit);
  // A server may be slower than the tasks and there is no file to wait in: twice this may be in memory.
  const DatabaseKeeper::Options keeper{.queue_bytes = std::size_t{48} << 20, .buffer_limit = limit};
  return std::unique_ptr<RecordKeeper>(
      std::make_unique<DatabaseKeeper>(std::move(store).value(), again, keeper, clock, log));
}

}  // namespace

Result<std::unique_ptr<RecordKeeper>> make_record_keeper(RecordOptions options, const std::string& session,
                                                         const Clock& clock, Log& log) {
  using Kind = RecordOptions::Kind;
  using Keeper = std::unique_ptr<RecordKeeper>;
  if (options.kind == Kind::none)
    return Keeper(std::make_unique<DirectKeeper>(std::make_unique<hub::NoneStore>(), 0, log));
  if (options.kind == Kind::memory) {
    return Keeper(
        std::make_unique<DirectKeeper>(std::make_unique<hub::MemoryStore>(options.memory), options.memory.bytes, log));
  }
  if (options.kind == Kind::mongo) return mongo_keeper(std::move(options), session, clock, log);
  hub::SqliteStore::Options sqlite = options.sqlite;
  if (sqlite.table.empty()) {
    sqlite.table = "_" + session;
    std::replace(sqlite.table.begin(), sqlite.table.end(), '-', '_');
  }
  auto store = hub::SqliteStore::open(sqlite);
  if (!store) return store.error();
  log.info("task records are kept in {}", sqlite.file.string());
  sqlite.table = (*store)->table();
  sqlite.create = false;
  const std::filesystem::path folder = sqlite.file.has_parent_path() ? sqlite.file.parent_path() : ".";
  const auto again = [sqlite]() -> Result<std::unique_ptr<hub::Store>> {
    auto opened = hub::SqliteStore::open(sqlite);
    if (!opened) return opened.error();
    return std::unique_ptr<hub::Store>(std::move(opened).value());
  };
  return Keeper(std::make_unique<DatabaseKeeper>(
      std::move(store).value(), again,
      DatabaseKeeper::Options{.spill_folder = folder, .buffer_limit = options.buffer_limit}, clock, log));
}

bool is_session_database(const std::string& name) {
  for (const std::string_view end : {".db", ".db-wal", ".db-shm"}) {
    if (!name.starts_with("tasks-") || !name.ends_with(end) || name.size() < 6 + kStamp + end.size()) continue;
    if (is_stamp(std::string_view(name).substr(name.size() - end.size() - kStamp, kStamp))) return true;
  }
  return false;
}

std::filesystem::path session_database(const std::filesystem::path& folder, const std::string& cluster_id, WallTime now,
                                       bool go_on) {
  const std::string prefix = prefix_of(cluster_id);
  std::string last;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.size() == prefix.size() + kStamp + kEnd.size() && name.starts_with(prefix) && name.ends_with(kEnd) &&
        is_stamp(std::string_view(name).substr(prefix.size(), kStamp)))
      last = std::max(last, name);
  }
  if (go_on && !last.empty()) return folder / last;
  return folder / (prefix + stamp(now) + std::string(kEnd));
}

}  // namespace camshaft::service
