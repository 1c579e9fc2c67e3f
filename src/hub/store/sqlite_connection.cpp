#include "hub/store/sqlite_connection.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace camshaft::hub {

constexpr int kBusyMilliseconds = 5000;  // for another connection to end its transaction

SqliteConnection::SqliteConnection(const std::filesystem::path& file) : name_(file.string()) {
  // Nobody asks SQLite how much memory it uses; counting takes a lock at each allocation. Too late when it has begun.
  static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(uncounted);
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(file.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  handle_.reset(handle);
  if (code != SQLITE_OK) fail();
  sqlite3_extended_result_codes(handle, 1);
  // Pieces of memory for rows that are being made: most of ours are larger than those that it has by itself.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_LOOKASIDE, nullptr, 4096, 64);
  sqlite3_busy_timeout(handle, kBusyMilliseconds);
}

void SqliteConnection::fail() const {
  throw SqliteError(fmt::format("{}: {}", name_, handle_ ? sqlite3_errmsg(handle_.get()) : "out of memory"));
}

void SqliteConnection::run(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

std::int64_t SqliteConnection::number(const std::string& sql) {
  SqliteStatement statement(*this, sql);
  return statement.step() ? statement.number(0) : 0;
}

SqliteStatement::SqliteStatement(SqliteConnection& connection, const std::string& sql, bool for_long)
    : connection_(connection) {
  sqlite3_stmt* statement = nullptr;
  const unsigned flags = for_long ? SQLITE_PREPARE_PERSISTENT : 0;
  check(sqlite3_prepare_v3(connection.handle(), sql.data(), static_cast<int>(sql.size()), flags, &statement, nullptr));
  statement_.reset(statement);
}

void SqliteStatement::check(int code) const {
  if (code != SQLITE_OK) connection_.fail();
}

SqliteStatement& SqliteStatement::reset() {
  sqlite3_reset(statement_.get());  // repeats the error of the last step, which has been reported
  next_ = 1;
  return *this;
}

// Parameters beyond the 64th share the last bit.
int SqliteStatement::next_bound() {
  bound_ |= std::uint64_t{1} << std::min(next_, 63);
  return next_++;
}

SqliteStatement& SqliteStatement::bind(std::string_view text) {
  check(sqlite3_bind_text64(statement_.get(), next_bound(), text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC,
                            SQLITE_UTF8));
  return *this;
}

SqliteStatement& SqliteStatement::bind_blob(std::string_view bytes) {
  check(sqlite3_bind_blob64(statement_.get(), next_bound(), bytes.empty() ? "" : bytes.data(), bytes.size(),
                            SQLITE_STATIC));
  return *this;
}

SqliteStatement& SqliteStatement::bind(std::int64_t number) {
  check(sqlite3_bind_int64(statement_.get(), next_bound(), number));
  return *this;
}

SqliteStatement& SqliteStatement::bind_null() {
  const int parameter = next_++;
  if ((bound_ >> std::min(parameter, 63) & 1U) == 0) return *this;
  if (parameter < 63) bound_ &= ~(std::uint64_t{1} << parameter);
  check(sqlite3_bind_null(statement_.get(), parameter));
  return *this;
}

bool SqliteStatement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) connection_.fail();
  return false;
}

int SqliteStatement::run() {
  while (step()) {
  }
  return connection_.changes();
}

std::string_view SqliteStatement::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes == nullptr ? std::string_view() : std::string_view(bytes, size);
}

SqliteTransaction::~SqliteTransaction() {
  // A failed statement may have ended it already; there is nobody to tell that this fails.
  if (open_) sqlite3_exec(connection_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void SqliteTransaction::commit() {
  connection_.run("COMMIT");
  open_ = false;
}

}  // namespace camshaft::hub
