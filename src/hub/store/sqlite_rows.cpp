#include "hub/store/sqlite_rows.hpp"

#include "core/date.hpp"
#include "hub/error.hpp"
#include "hub/store/byte_list.hpp"

namespace camshaft::hub {
namespace {

void bind_date(SqliteStatement& s, const std::optional<WallTime>& date, std::array<char, kSqlDate>& text) {
  date ? s.bind({text.data(), write_sql_date(text.data(), *date)}) : s.bind_null();
}

void bind_buffers(SqliteStatement& s, const std::vector<Blob>& buffers, std::string& text) {
  buffers.empty() ? s.bind_null() : s.bind_blob(text = write_byte_list(buffers));
}

Status status_in(std::string_view metadata) {
  if (metadata.empty()) return Status::none;
  const nlohmann::json read = parse_untrusted(metadata);
  if (!read.is_object()) return Status::error;
  const auto status = read.find("status");
  if (status == read.end()) return Status::error;
  return *status == "ok" ? Status::ok : *status == "aborted" ? Status::aborted : Status::error;
}

Blob blob_of(std::string_view text) { return text.empty() ? Blob() : Blob::of(std::string(text)); }

}  // namespace

std::string label_text(const TaskRecord& record) {
  if (record.metadata.view().find("\"label\"") == std::string_view::npos) return {};
  const nlohmann::json metadata = parse_untrusted(record.metadata.view());
  if (!metadata.is_object()) return {};
  const auto label = metadata.find("label");
  if (label == metadata.end() || label->is_null()) return {};
  return label->is_string() ? label->get<std::string>() : json_text(*label);
}

std::string_view queue_text(Queue queue) {
  return queue == Queue::mux ? "mux" : queue == Queue::task ? "task" : std::string_view();
}

std::string_view column_type(const FieldInfo& field) {
  if (field.field == Field::msg_id) return "text PRIMARY KEY";
  if (field.field == Field::execute_result || field.field == Field::error) return "text";
  switch (field.kind) {
    case Kind::object:
      return "dict text";
    case Kind::buffers:
      return "bufs blob";
    case Kind::date:
      return "timestamp";
    default:
      return "text";
  }
}

ResultColumns::ResultColumns(const TaskRecord& r)
    : started(r.started),
      completed(r.completed),
      received(r.received),
      header(r.result_header.view()),
      metadata(r.result_metadata.view()),
      content(r.result_content.view()),
      buffers(r.result_buffers) {}

ResultColumns::ResultColumns(const Finished& f)
    : started(f.started),
      completed(f.completed),
      received(f.received),
      header(f.header.view()),
      metadata(f.metadata.view()),
      content(f.content.view()),
      buffers(f.buffers) {}

void bind_row(SqliteStatement& s, const TaskRecord& r, std::string_view engine, const ResultColumns& result,
              RowScratch& scratch) {
  auto& [submitted, started, completed, received] = scratch.dates;
  s.reset().bind(r.id.value).bind_or_null(r.header.view()).bind_or_null(r.metadata.view());
  s.bind_or_null(r.content.view());
  bind_buffers(s, r.buffers, scratch.buffers[0]);
  bind_date(s, r.submitted, submitted);
  s.bind_or_null(r.client.value).bind_or_null(engine);
  bind_date(s, result.started, started);
  bind_date(s, result.completed, completed);
  s.bind_or_null(r.resubmitted.value);
  bind_date(s, result.received, received);
  s.bind_or_null(result.header).bind_or_null(result.metadata).bind_or_null(result.content);
  bind_buffers(s, result.buffers, scratch.buffers[1]);
  s.bind_or_null(queue_text(r.queue));
  r.execute_input ? s.bind(*r.execute_input) : s.bind_null();
  s.bind_or_null(r.execute_result.view()).bind_or_null(r.error.view()).bind(r.out).bind(r.err);
  s.bind_or_null(scratch.label = label_text(r));
}

void bind_result(SqliteStatement& s, const ResultColumns& result, RowScratch& scratch) {
  auto& [unused, started, completed, received] = scratch.dates;
  s.reset();
  bind_date(s, result.started, started);
  bind_date(s, result.completed, completed);
  bind_date(s, result.received, received);
  s.bind_or_null(result.header).bind_or_null(result.metadata).bind_or_null(result.content);
  bind_buffers(s, result.buffers, scratch.buffers[1]);
}

std::vector<Field> columns_for(FieldSet fields, const Filter& filter) {
  for (const Test& test : filter.tests()) fields.add(test.field);
  // Whether a record is a stub, and whether it has a result, decides what its other fields read as.
  for (const Field always : {Field::msg_id, Field::submitted, Field::completed}) fields.add(always);
  if (fields.has(Field::label)) fields.add(Field::metadata);
  std::vector<Field> columns;
  for (const FieldInfo& field : kFields) {
    if (field.field != Field::label && fields.has(field.field)) columns.push_back(field.field);
  }
  return columns;
}

void set_field(TaskRecord& r, Field field, std::string_view cell) {
  const auto date = [&](std::optional<WallTime>& into) {
    if (!cell.empty()) into = parse_date(cell);
  };
  switch (field) {
    case Field::msg_id:
      r.id.value = cell;
      break;
    case Field::header:
      r.header = blob_of(cell);
      break;
    case Field::metadata:
      r.metadata = blob_of(cell);
      break;
    case Field::content:
      r.content = blob_of(cell);
      break;
    case Field::submitted:
      date(r.submitted);
      break;
    case Field::client_uuid:
      r.client.value = cell;
      break;
    case Field::engine_uuid:
      r.engine.value = cell;
      break;
    case Field::started:
      date(r.started);
      break;
    case Field::completed:
      date(r.completed);
      break;
    case Field::resubmitted:
      r.resubmitted.value = cell;
      break;
    case Field::received:
      date(r.received);
      break;
    case Field::result_header:
      r.result_header = blob_of(cell);
      break;
    case Field::result_metadata:
      r.result_metadata = blob_of(cell);
      r.status = status_in(cell);
      break;
    case Field::result_content:
      r.result_content = blob_of(cell);
      break;
    case Field::queue:
      r.queue = cell == "mux" ? Queue::mux : cell == "task" ? Queue::task : Queue::none;
      break;
    case Field::execute_input:
      r.execute_input = std::string(cell);
      break;
    case Field::execute_result:
      r.execute_result = blob_of(cell);
      break;
    case Field::error:
      r.error = blob_of(cell);
      break;
    case Field::out:
      r.out = cell;
      break;
    case Field::err:
      r.err = cell;
      break;
    case Field::label:  // stands in the metadata
    case Field::buffers:
    case Field::result_buffers:
      break;
  }
}

TaskRecord read_row(const SqliteStatement& statement, const std::vector<Field>& columns) {
  TaskRecord r;
  for (int i = 0; i < static_cast<int>(columns.size()); ++i) {
    const Field field = columns[static_cast<std::size_t>(i)];
    if (statement.is_null(i)) continue;
    if (info(field).kind != Kind::buffers) {
      set_field(r, field, statement.text(i));
    } else if (auto list = read_byte_list(statement.text(i))) {
      (field == Field::buffers ? r.buffers : r.result_buffers) = *std::move(list);
    }
  }
  return r;
}

}  // namespace camshaft::hub
