// hub/store/sqlite_rows.hpp: task records as rows of the original's table, and back.
// Thread: pure functions on a statement.
// Errors: SqliteError from the statement; a cell that cannot be read counts as empty.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/store/sqlite_connection.hpp"
#include "hub/store/sqlite_query.hpp"
#include "hub/store/store.hpp"

namespace camshaft::hub {

/// The type that the original declares for a column.
std::string_view column_type(const FieldInfo& field);

// What stands in columns that are not the record's own text.
/// Texts stand in their column as they are, other labels as JSON.
std::string label_text(const TaskRecord& record);
std::string_view queue_text(Queue queue);

/// Takes over the text of a column; not for buffers.
void set_field(TaskRecord& record, Field field, std::string_view cell);

/// What cells need beyond the record. Used again for each row.
struct RowScratch {
  std::array<std::array<char, kSqlDate>, 4> dates;
  std::array<std::string, 2> buffers;
  std::string label;
};
/// What a result consists of; the record or the change must outlive it.
struct ResultColumns {
  explicit ResultColumns(const TaskRecord& record);
  explicit ResultColumns(const Finished& finished);
  std::optional<WallTime> started, completed, received;
  std::string_view header, metadata, content;
  const std::vector<Blob>& buffers;
};

/// Binds all columns of a record, in their order, with this engine and this result in place of its own.
void bind_row(SqliteStatement& statement, const TaskRecord& record, std::string_view engine,
              const ResultColumns& result, RowScratch& scratch);
/// The result columns: started, completed, received, result_header, result_metadata, result_content, result_buffers.
void bind_result(SqliteStatement& statement, const ResultColumns& result, RowScratch& scratch);

/// Which columns to read so that `fields` can be answered: some are made of others.
std::vector<Field> columns_for(FieldSet fields, const Filter& filter);
/// Reads the current row of a statement that selects `columns`.
TaskRecord read_row(const SqliteStatement& statement, const std::vector<Field>& columns);

}  // namespace camshaft::hub
