// hub/record.hpp: what the hub remembers of one task, and how that reads as JSON.
// Thread: plain values; copies share the bytes.
// Owns:   nothing parsed: dictionaries stay the JSON text that peers sent until somebody asks.
// Errors: text of a peer that is not JSON reads as an empty dictionary.
#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/blob.hpp"
#include "core/ids.hpp"
#include "core/time.hpp"

namespace camshaft::hub {

enum class Queue : std::uint8_t { none, mux, task };
enum class Status : std::uint8_t { none, ok, error, aborted };

/// The fields that queries know, in the order of the original's database columns.
enum class Field : std::uint8_t {
  msg_id,
  header,
  metadata,
  content,
  buffers,
  submitted,
  client_uuid,
  engine_uuid,
  started,
  completed,
  resubmitted,
  received,
  result_header,
  result_metadata,
  result_content,
  result_buffers,
  queue,
  execute_input,
  execute_result,
  error,
  out,
  err,
  label
};
enum class Kind : std::uint8_t { text, date, object, buffers, any };
struct FieldInfo {
  Field field;
  std::string_view name;
  Kind kind;
};
inline constexpr std::array<FieldInfo, 23> kFields{{
    {Field::msg_id, "msg_id", Kind::text},
    {Field::header, "header", Kind::object},
    {Field::metadata, "metadata", Kind::object},
    {Field::content, "content", Kind::object},
    {Field::buffers, "buffers", Kind::buffers},
    {Field::submitted, "submitted", Kind::date},
    {Field::client_uuid, "client_uuid", Kind::text},
    {Field::engine_uuid, "engine_uuid", Kind::text},
    {Field::started, "started", Kind::date},
    {Field::completed, "completed", Kind::date},
    {Field::resubmitted, "resubmitted", Kind::text},
    {Field::received, "received", Kind::date},
    {Field::result_header, "result_header", Kind::object},
    {Field::result_metadata, "result_metadata", Kind::object},
    {Field::result_content, "result_content", Kind::object},
    {Field::result_buffers, "result_buffers", Kind::buffers},
    {Field::queue, "queue", Kind::text},
    {Field::execute_input, "execute_input", Kind::text},
    {Field::execute_result, "execute_result", Kind::object},
    {Field::error, "error", Kind::object},
    {Field::out, "stdout", Kind::text},
    {Field::err, "stderr", Kind::text},
    {Field::label, "label", Kind::any},
}};
const FieldInfo* find_field(std::string_view name);
inline const FieldInfo& info(Field field) { return kFields[static_cast<std::size_t>(field)]; }

/// A set of fields: what a query wants to see of each record.
class FieldSet {
 public:
  constexpr FieldSet() = default;
  constexpr FieldSet(std::initializer_list<Field> fields) {
    for (const Field field : fields) add(field);
  }
  static constexpr FieldSet all() {
    FieldSet every;
    every.bits_ = (1U << kFields.size()) - 1;
    return every;
  }
  constexpr void add(Field field) { bits_ |= 1U << static_cast<unsigned>(field); }
  constexpr bool has(Field field) const { return (bits_ >> static_cast<unsigned>(field) & 1U) != 0; }

 private:
  std::uint32_t bits_ = 0;
};

struct TaskRecord {
  MsgId id;
  Blob header, metadata, content;  // JSON text; empty when not known
  std::vector<Blob> buffers;
  std::optional<WallTime> submitted;  // nothing: a stub, made by output that came before (or without) a request
  SessionId client;
  EngineId engine;
  std::optional<WallTime> started, completed, received;
  MsgId resubmitted;
  Blob result_header, result_metadata, result_content;
  std::vector<Blob> result_buffers;
  Queue queue = Queue::none;
  Status status = Status::none;  // of the reply; also stands in result_metadata, so it has no field
  std::optional<std::string> execute_input;
  Blob execute_result, error;
  std::string out, err;

  bool stub() const { return !submitted; }
  /// Was it too large to keep all of the request?
  bool incomplete() const {
    return buffers.empty() && header.view().find("\"apply_request\"") != std::string_view::npos;
  }
  bool operator==(const TaskRecord&) const = default;
};

// What can happen to a record. Stores apply these, so that each may write no more than what changed.
struct Dispatched {
  EngineId engine;
  bool operator==(const Dispatched&) const = default;
};
struct Finished {
  EngineId engine;  // empty: leave it as it is
  std::optional<WallTime> started;
  WallTime completed, received;
  Status status = Status::ok;
  Blob header, metadata, content;
  std::vector<Blob> buffers;
  bool operator==(const Finished&) const = default;
};
enum class Stream : std::uint8_t { out, err };
struct Printed {
  Stream stream;
  std::string text;  // appended
  bool operator==(const Printed&) const = default;
};
struct Displayed {
  enum class What : std::uint8_t { execute_input, execute_result, error } what;
  Blob value;  // execute_input: the code; else JSON text
  bool operator==(const Displayed&) const = default;
};
struct Resubmitted {
  MsgId as;
  bool operator==(const Resubmitted&) const = default;
};
using Change = std::variant<Dispatched, Finished, Printed, Displayed, Resubmitted>;
void apply(TaskRecord& record, Change change);
/// Adds a request to the stub that its early output made; what the stub has stays.
void merge_into_stub(TaskRecord& stub, TaskRecord request);

/// Bytes that a record keeps alive: buffers, dictionaries and printed text.
std::size_t footprint(const TaskRecord& record);

/// The value of a field, with dates in the one form that sorts; for Kind::buffers null or the number of buffers.
nlohmann::json field_value(const TaskRecord& record, Field field);
/// Appends the field as JSON text; dictionaries as they were sent, byte for byte.
void append_field(std::string& json, const TaskRecord& record, Field field);
/// Parses text of a peer; null when it is not JSON or nested so deeply that walking it would be dangerous.
nlohmann::json parse_untrusted(std::string_view text);
void append_quoted(std::string& json, std::string_view text);

}  // namespace camshaft::hub
