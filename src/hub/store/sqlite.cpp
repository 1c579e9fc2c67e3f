#include "hub/store/sqlite.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "hub/store/sqlite_rows.hpp"

namespace camshaft::hub {
namespace {

std::string quote(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) out.append(c == '"' ? 2 : 1, c);
  return out + '"';
}

std::string column_list(const std::vector<Field>& columns) {
  std::string out;
  for (const Field field : columns) out += fmt::format("{}\"{}\"", out.empty() ? "" : ", ", info(field).name);
  return out;
}

/// SQLite writes the types that it knows in capitals, however they were declared.
bool same_type(std::string_view one, std::string_view other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

std::vector<Field> every_column() {
  std::vector<Field> all;
  for (const FieldInfo& field : kFields) all.push_back(field.field);
  return all;
}

}  // namespace

struct SqliteStore::Statements {
  Statements(SqliteConnection& c, const std::string& table)
      : insert(c,
               fmt::format("INSERT INTO {} ({}) VALUES (?{}) ON CONFLICT (msg_id) DO NOTHING", table,
                           column_list(every_column()),
                           [] {
                             std::string marks;
                             for (std::size_t i = 1; i < kFields.size(); ++i) marks += ",?";
                             return marks;
                           }()),
               true),
        finish(c,
               fmt::format("UPDATE {} SET started=?, completed=?, received=?, result_header=?, result_metadata=?, "
                           "result_content=?, result_buffers=?, engine_uuid=coalesce(?, engine_uuid) WHERE msg_id=?",
                           table),
               true),
        dispatch(c, fmt::format("UPDATE {} SET engine_uuid=? WHERE msg_id=?", table), true),
        print_out(c, fmt::format("UPDATE {} SET stdout=coalesce(stdout,'')||? WHERE msg_id=?", table), true),
        print_err(c, fmt::format("UPDATE {} SET stderr=coalesce(stderr,'')||? WHERE msg_id=?", table), true),
        input(c, fmt::format("UPDATE {} SET execute_input=? WHERE msg_id=?", table), true),
        result(c, fmt::format("UPDATE {} SET execute_result=? WHERE msg_id=?", table), true),
        error(c, fmt::format("UPDATE {} SET error=? WHERE msg_id=?", table), true),
        resubmit(c, fmt::format("UPDATE {} SET resubmitted=? WHERE msg_id=?", table), true),
        state(c, fmt::format("SELECT completed IS NOT NULL FROM {} WHERE msg_id=?", table), true),
        get(c,
            fmt::format("SELECT {} FROM {} WHERE msg_id=?", column_list(columns_for(FieldSet::all(), Filter())), table),
            true),
        remove(c, fmt::format("DELETE FROM {} WHERE msg_id=?", table), true) {}

  SqliteStatement insert, finish, dispatch, print_out, print_err, input, result, error, resubmit, state, get, remove;
  RowScratch scratch;
};

SqliteStore::SqliteStore(const Options& options) : options_(options), connection_(options.file) {
  // Before the first table. A record of a small task takes one or two thousand bytes: on small pages half of the space,
  // and of the time that logging and writing back pages takes, goes to what is left over.
  connection_.run("PRAGMA page_size=16384");
  connection_.run("PRAGMA auto_vacuum=INCREMENTAL");
  connection_.run("PRAGMA cache_size=-4000");  // thousands of bytes
  connection_.run("PRAGMA journal_mode=WAL");
  connection_.run("PRAGMA synchronous=" + options.synchronous);
  // Bytes of log: writing back waits for the disk, so it is done in large pieces.
  constexpr std::int64_t kLog = std::int64_t{32} << 20;
  connection_.run(fmt::format("PRAGMA wal_autocheckpoint={}", kLog / connection_.number("PRAGMA page_size")));
  connection_.run(fmt::format("PRAGMA journal_size_limit={}", 2 * kLog));
  choose_table();
  if (options.create) create_table();
  statements_ = std::make_unique<Statements>(connection_, quoted_);
}

SqliteStore::~SqliteStore() = default;

template <class T>
Result<T> SqliteStore::guarded(const std::function<T()>& action) {
  try {
    return action();
  } catch (const SqliteError& error) {
    return Error{Errc::timed_out, error.what()};  // RuntimeError for clients
  }
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const Options& options) {
  try {
    return std::unique_ptr<SqliteStore>(new SqliteStore(options));
  } catch (const SqliteError& error) {
    return Error{Errc::bad_value, fmt::format("cannot use the task database {}; choose another --SQLiteDB.filename or "
                                              "--SQLiteDB.location",
                                              error.what())};
  }
}

void SqliteStore::choose_table() {
  for (int n = 0;; ++n) {
    table_ = n == 0 ? options_.table : fmt::format("{}_{}", options_.table, n);
    quoted_ = quote(table_);
    SqliteStatement columns(connection_, "SELECT name, type, pk FROM pragma_table_info(?)");
    columns.bind(table_);
    std::size_t found = 0;
    bool fits = true;
    for (; columns.step(); ++found) {
      const std::string type = std::string(columns.text(1)) + (columns.number(2) != 0 ? " PRIMARY KEY" : "");
      fits = fits && found < kFields.size() && columns.text(0) == kFields[found].name &&
             same_type(type, column_type(kFields[found]));
    }
    if (found == 0 || (fits && found == kFields.size())) return;
  }
}

void SqliteStore::create_table() {
  std::string columns;
  for (const FieldInfo& field : kFields)
    columns += fmt::format("{}\"{}\" {}", columns.empty() ? "" : ", ", field.name, column_type(field));
  connection_.run(fmt::format("CREATE TABLE IF NOT EXISTS {} ({})", quoted_, columns));
  const auto index = [&](std::string_view field, std::string_view when) {
    connection_.run(fmt::format("CREATE INDEX IF NOT EXISTS {} ON {} (\"{}\"){}",
                                quote(fmt::format("{}.{}", table_, field)), quoted_, field, when));
  };
  index("submitted", "");
  index("label", " WHERE label IS NOT NULL");
  connection_.run(fmt::format("CREATE INDEX IF NOT EXISTS {} ON {} (submitted) WHERE completed IS NULL",
                              quote(table_ + ".unfinished"), quoted_));
}

// ---- writing
// ---------------------------------------------------------------------------------------------------------

Result<Done> SqliteStore::write(std::span<Write> batch) {
  std::uint64_t again = 0;
  const std::vector<RecordWrites> records = sort_by_record(batch, again);
  const std::uint64_t ignored_before = ignored_;
  auto done = guarded<Done>([&] {
    SqliteTransaction transaction(connection_);
    for (const RecordWrites& writes : records) write_one(writes);
    transaction.commit();
    return Done{};
  });
  ignored_ = done ? ignored_ + again : ignored_before;
  return done;
}

void SqliteStore::write_one(const RecordWrites& writes) {
  if (writes.insert) {
    const auto course = writes.course();
    if (!course ? insert_row(writes.merged()) : insert_row(*writes.insert, *course)) return;
    insert_again(*writes.insert);
  }
  for (const Update* update : writes.separate()) change_row(*writes.id, *update);
}

bool SqliteStore::insert_row(const TaskRecord& record, const RecordWrites::Course& course) {
  const ResultColumns result = course.result ? ResultColumns(*course.result) : ResultColumns(record);
  bind_row(statements_->insert, record, course.engine->value, result, statements_->scratch);
  return statements_->insert.run() > 0;
}

bool SqliteStore::insert_row(const TaskRecord& record) { return insert_row(record, {&record.engine, nullptr}); }

// There is a record of that id: a stub, which the request completes, or a full one, which stays.
void SqliteStore::insert_again(TaskRecord record) {
  auto known = read(record.id);
  if (!known || !known->stub() || record.stub()) {
    ++ignored_;
    return;
  }
  merge_into_stub(*known, std::move(record));
  statements_->remove.reset().bind(known->id.value).run();
  insert_row(*known);
}

void SqliteStore::change_row(const MsgId& id, const Update& update) {
  Statements& s = *statements_;
  const auto change = [&]() -> int {
    if (const auto* finished = std::get_if<Finished>(&update.change)) {
      bind_result(s.finish, ResultColumns(*finished), s.scratch);
      return s.finish.bind_or_null(finished->engine.value).bind(id.value).run();
    }
    if (const auto* moved = std::get_if<Dispatched>(&update.change))
      return s.dispatch.reset().bind(moved->engine.value).bind(id.value).run();
    if (const auto* printed = std::get_if<Printed>(&update.change)) {
      SqliteStatement& print = printed->stream == Stream::out ? s.print_out : s.print_err;
      return print.reset().bind(printed->text).bind(id.value).run();
    }
    if (const auto* shown = std::get_if<Displayed>(&update.change)) {
      using What = Displayed::What;
      SqliteStatement& show = shown->what == What::execute_input ? s.input
                              : shown->what == What::error       ? s.error
                                                                 : s.result;
      return show.reset().bind(shown->value.view()).bind(id.value).run();
    }
    return s.resubmit.reset().bind(std::get<Resubmitted>(update.change).as.value).bind(id.value).run();
  };
  if (change() > 0) return;
  if (!update.or_stub) {
    ++ignored_;
    return;
  }
  TaskRecord stub;
  stub.id = id;
  apply(stub, update.change);
  insert_row(stub);
}

Result<Done> SqliteStore::remove(std::span<const MsgId> ids) {
  return guarded<Done>([&] {
    SqliteTransaction transaction(connection_);
    for (const MsgId& id : ids) statements_->remove.reset().bind(id.value).run();
    transaction.commit();
    shrink_file();
    return Done{};
  });
}

Result<Done> SqliteStore::remove(const Filter& filter) {
  const SqlCondition condition = sql_condition(filter);
  if (!condition.exact) {
    std::vector<MsgId> ids;
    const auto found = visit(filter, {Field::msg_id}, [&](const TaskRecord& record) { ids.push_back(record.id); });
    return found ? remove(ids) : found;
  }
  return guarded<Done>([&] {
    SqliteStatement statement(connection_, fmt::format("DELETE FROM {} WHERE {}", quoted_, condition.where));
    for (const std::string& argument : condition.arguments) statement.bind(argument);
    statement.run();
    shrink_file();
    return Done{};
  });
}

// ---- reading
// ---------------------------------------------------------------------------------------------------------

Result<State> SqliteStore::state(const MsgId& id) {
  return guarded<State>([&] {
    SqliteStatement& s = statements_->state.reset().bind(id.value);
    const State state = !s.step() ? State::unknown : s.number(0) != 0 ? State::completed : State::pending;
    s.reset();
    return state;
  });
}

Result<std::optional<TaskRecord>> SqliteStore::get(const MsgId& id) {
  return guarded<std::optional<TaskRecord>>([&] { return read(id); });
}

std::optional<TaskRecord> SqliteStore::read(const MsgId& id) {
  static const std::vector<Field> kAll = columns_for(FieldSet::all(), Filter());
  SqliteStatement& s = statements_->get.reset().bind(id.value);
  std::optional<TaskRecord> record;
  if (s.step()) record = read_row(s, kAll);
  s.reset();
  return record;
}

Result<Done> SqliteStore::visit(const Filter& filter, FieldSet fields, const Visitor& visit) {
  return guarded<Done>([&] {
    const SqlCondition condition = sql_condition(filter);
    visit_rows("submitted IS NOT NULL AND {} ORDER BY submitted, rowid", condition, filter, fields, visit);
    visit_rows("submitted IS NULL AND {} ORDER BY rowid", condition, filter, fields, visit);
    return Done{};
  });
}

void SqliteStore::visit_rows(const std::string& order, const SqlCondition& condition, const Filter& filter,
                             FieldSet fields, const Visitor& visit) {
  const std::vector<Field> columns = columns_for(fields, filter);
  SqliteStatement rows(connection_, fmt::format("SELECT {} FROM {} WHERE {}", column_list(columns), quoted_,
                                                fmt::format(fmt::runtime(order), condition.where)));
  for (const std::string& argument : condition.arguments) rows.bind(argument);
  while (rows.step()) {
    const TaskRecord record = read_row(rows, columns);
    if (condition.exact || filter.matches(record)) visit(record);
  }
}

StoreStats SqliteStore::stats() {
  StoreStats stats{.culled = culled_, .ignored = ignored_};
  const auto counted = guarded<Done>([&] {
    stats.records = static_cast<std::size_t>(connection_.number(fmt::format("SELECT count(*) FROM {}", quoted_)));
    stats.bytes = used_bytes();
    return Done{};
  });
  if (!counted) stats.records = stats.bytes = 0;
  return stats;
}

// ---- limits
// ----------------------------------------------------------------------------------------------------------

std::uint64_t SqliteStore::used_bytes() {
  const auto pages = connection_.number("PRAGMA page_count") - connection_.number("PRAGMA freelist_count");
  return static_cast<std::uint64_t>(pages * connection_.number("PRAGMA page_size"));
}

// Gives pages back to the file system once much of the file is empty; until then new records use them.
void SqliteStore::shrink_file() {
  if (2 * connection_.number("PRAGMA freelist_count") > connection_.number("PRAGMA page_count"))
    connection_.run("PRAGMA incremental_vacuum");
}

Result<Done> SqliteStore::tend(WallTime now) {
  return guarded<Done>([&] {
    const auto drop = [&](const std::string& which, const std::string& argument) {
      SqliteStatement statement(connection_, fmt::format("DELETE FROM {} WHERE {}", quoted_, which));
      if (!argument.empty()) statement.bind(argument);
      const int dropped = statement.run();
      culled_ += static_cast<std::uint64_t>(dropped);
      return dropped;
    };
    if (options_.age_limit.count() > 0)
      drop("submitted < ? AND completed IS NOT NULL", sql_date(now - options_.age_limit));
    // A tenth at a time, as memory does; one that is large is gone in a few rounds.
    while (options_.size_limit > 0 && used_bytes() > options_.size_limit) {
      const auto records = connection_.number(fmt::format("SELECT count(*) FROM {}", quoted_));
      if (drop(fmt::format("rowid IN (SELECT rowid FROM {} WHERE completed IS NOT NULL ORDER BY submitted LIMIT {})",
                           quoted_, std::max<std::int64_t>(records / 10, 1)),
               "") == 0)
        break;
    }
    if (options_.age_limit.count() > 0 || options_.size_limit > 0) shrink_file();
    return Done{};
  });
}

}  // namespace camshaft::hub
