// hub/store/sqlite_connection.hpp: SQLite as values: a connection, and statements that are bound, stepped and read.
// Thread: one.
// Owns:   the connection, the statement.
// Errors: SqliteError, with SQLite's own words; it does not leave the store, which turns it into a Result.
#pragma once
#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace camshaft::hub {

struct SqliteError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class SqliteConnection;

/// A prepared statement. Parameters are numbered from 1, columns from 0.
class SqliteStatement {
 public:
  SqliteStatement(SqliteConnection& connection, const std::string& sql, bool for_long = false);

  /// Begins anew: the next bind is for parameter 1.
  SqliteStatement& reset();
  /// Binds the next parameter. The text must live until the statement is reset or gone.
  SqliteStatement& bind(std::string_view text);
  SqliteStatement& bind_blob(std::string_view bytes);
  SqliteStatement& bind(std::int64_t number);
  /// Costs nothing where the parameter was null before as well.
  SqliteStatement& bind_null();
  SqliteStatement& bind_or_null(std::string_view text) { return text.empty() ? bind_null() : bind(text); }

  /// True when there is a row to read.
  bool step();
  /// Steps to the end; returns the number of rows that the statement changed.
  int run();

  bool is_null(int column) const { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }
  /// The bytes of a column, valid until the next step; empty for null.
  std::string_view text(int column) const;
  std::int64_t number(int column) const { return sqlite3_column_int64(statement_.get(), column); }

 private:
  void check(int code) const;
  int next_bound();
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  SqliteConnection& connection_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int next_ = 1;
  std::uint64_t bound_ = 0;  // a bit for each of the first parameters that may be something else than null
};

class SqliteConnection {
 public:
  explicit SqliteConnection(const std::filesystem::path& file);
  sqlite3* handle() const { return handle_.get(); }
  void run(const std::string& sql);
  std::int64_t number(const std::string& sql);
  int changes() const { return sqlite3_changes(handle_.get()); }
  [[noreturn]] void fail() const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
  std::string name_;
};

/// Everything between making it and commit() happens, or nothing does.
class SqliteTransaction {
 public:
  explicit SqliteTransaction(SqliteConnection& connection) : connection_(connection) {
    connection_.run("BEGIN IMMEDIATE");
  }
  ~SqliteTransaction();
  SqliteTransaction(const SqliteTransaction&) = delete;
  SqliteTransaction& operator=(const SqliteTransaction&) = delete;
  void commit();

 private:
  SqliteConnection& connection_;
  bool open_ = true;
};

}  // namespace camshaft::hub
