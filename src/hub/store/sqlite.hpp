// hub/store/sqlite.hpp: records in a file, by SQLite. Table, columns and encodings are those of the original, so that
//                       either can read what the other one wrote.
// Thread: one. Several stores may have the same file open, in this process and in others; one of them should write.
// Owns:   the connection to the file.
// Errors: what SQLite refuses (a full disk, a file that is no database) comes back with its words and the file's name.
//
// The file is in WAL mode: readers and the writer do not wait for each other. A batch is one transaction; what begins
// and ends in one batch costs one row. Durability is the `synchronous` setting: see docs/operations-databases.md.
#pragma once
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "hub/store/batch.hpp"
#include "hub/store/sqlite_connection.hpp"
#include "hub/store/sqlite_query.hpp"
#include "hub/store/store.hpp"

namespace camshaft::hub {

class SqliteStore final : public Store {
 public:
  struct Options {
    std::filesystem::path file;
    std::string table = "ipython-tasks";
    std::string synchronous = "NORMAL";  // OFF, NORMAL, FULL, EXTRA
    std::uint64_t size_limit = 0;        // bytes of records in the file, above which the oldest leave; 0: no limit
    std::chrono::seconds age_limit{0};   // after which finished records leave; 0: never
    bool create = true;                  // false: the table must be there, as for a second connection
  };

  /// A table of that name with other columns is left alone: the records go to "<table>_1", "<table>_2", ...
  static Result<std::unique_ptr<SqliteStore>> open(const Options& options);

  std::string_view name() const override { return "sqlite"; }
  Result<Done> write(std::span<Write> batch) override;
  Result<State> state(const MsgId& id) override;
  Result<std::optional<TaskRecord>> get(const MsgId& id) override;
  Result<Done> visit(const Filter& filter, FieldSet fields, const Visitor& visit) override;
  Result<Done> remove(std::span<const MsgId> ids) override;
  Result<Done> remove(const Filter& filter) override;
  Result<Done> tend(WallTime now) override;
  StoreStats stats() override;

  const std::string& table() const { return table_; }

 private:
  struct Statements;

  explicit SqliteStore(const Options& options);
  void choose_table();
  void create_table();
  void write_one(const RecordWrites& writes);
  bool insert_row(const TaskRecord& record);
  bool insert_row(const TaskRecord& record, const RecordWrites::Course& course);
  void insert_again(TaskRecord record);
  void change_row(const MsgId& id, const Update& update);
  std::optional<TaskRecord> read(const MsgId& id);
  void visit_rows(const std::string& order, const SqlCondition& condition, const Filter& filter, FieldSet fields,
                  const Visitor& visit);
  std::uint64_t used_bytes();
  void shrink_file();
  /// Runs `action`; what SQLite throws becomes an Error.
  template <class T>
  Result<T> guarded(const std::function<T()>& action);

  Options options_;
  SqliteConnection connection_;
  std::string table_;   // as SQL knows it, without quotes
  std::string quoted_;  // with quotes
  std::unique_ptr<Statements> statements_;
  std::uint64_t culled_ = 0, ignored_ = 0;

 public:
  ~SqliteStore() override;
};

}  // namespace camshaft::hub
