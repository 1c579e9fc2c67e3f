#include "hub/record_queries.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "hub/readable_pickle.hpp"

namespace camshaft::hub {
namespace {

using Json = nlohmann::json;

Test is_completed() { return {Field::completed, Op::ne, nullptr}; }

void append_key(std::string& json, std::string_view key) {
  if (json.back() != '{') json += ", ";
  append_quoted(json, key);
  json += ": ";
}

/// One record of a result_reply.
void append_result(std::string& json, const TaskRecord& record) {
  json += '{';
  for (const Field field : {Field::header, Field::metadata, Field::result_metadata, Field::result_header,
                            Field::result_content, Field::received}) {
    append_key(json, info(field).name);
    const std::size_t begin = json.size();
    append_field(json, record, field);
    // Clients index into these dictionaries without asking whether they are there.
    if (info(field).kind == Kind::object && json.compare(begin, std::string::npos, "null") == 0)
      json.replace(begin, 4, "{}");
  }
  append_key(json, "io");
  json += '{';
  for (const Field field : {Field::execute_input, Field::execute_result, Field::error, Field::out, Field::err}) {
    append_key(json, info(field).name);
    append_field(json, record, field);
  }
  json += "}}";
}

/// The same result for peers that know nothing of our codec; results in their own layout stay as they are.
std::vector<Blob> readable_buffers(const TaskRecord& record) {
  const Json metadata = parse_untrusted(record.metadata.view());
  const Json& codec = member(metadata, "codec");
  const bool ours = codec.is_string() && codec.get_ref<const std::string&>().starts_with("p5/");
  if (!ours || record.result_buffers.size() < 2) return record.result_buffers;
  return {pickle_with_buffers(record.result_buffers)};
}

Answer stored_results(Store& store, const ResultsWanted& wanted) {
  constexpr std::string_view kType = "result_reply";
  Json pending = Json::array(), completed = Json::array();
  std::string records;
  std::vector<Blob> buffers;
  for (const MsgId& id : std::set<MsgId>(wanted.ids.begin(), wanted.ids.end())) {
    if (wanted.pending.contains(id)) {
      pending.push_back(id.value);
      continue;
    }
    const auto state = store.state(id);
    if (!state) return failure(kType, py_error(state.error()));
    if (*state == State::unknown) return failure(kType, key_error("No such message: " + id.value));
    (*state == State::completed ? completed : pending).push_back(id.value);
    if (*state != State::completed || !wanted.with_records) continue;
    const auto record = store.get(id);
    if (!record) return failure(kType, py_error(record.error()));
    if (!*record) return failure(kType, key_error("No such message: " + id.value));
    records += ", ";
    append_quoted(records, id.value);
    records += ": ";
    append_result(records, **record);
    const auto& result = (*record)->result_buffers;
    const auto readable = wanted.reads_p5 ? std::vector<Blob>() : readable_buffers(**record);
    const auto& sent = wanted.reads_p5 ? result : readable;
    buffers.insert(buffers.end(), sent.begin(), sent.end());
  }
  return {.msg_type = std::string(kType),
          .content = fmt::format(R"({{"status": "ok", "pending": {}, "completed": {}{}}})", json_text(pending),
                                 json_text(completed), records),
          .buffers = std::move(buffers)};
}

/// What a db_request wants to see of each record.
struct Columns {
  std::vector<Field> fields{Field::msg_id};  // in the order asked for, without the buffers
  bool buffers = false, result_buffers = false;

  void add(Field field) {
    if (field == Field::buffers) {
      buffers = true;
    } else if (field == Field::result_buffers) {
      result_buffers = true;
    } else if (std::find(fields.begin(), fields.end(), field) == fields.end()) {
      fields.push_back(field);
    }
  }
  FieldSet set() const {
    FieldSet all;
    for (const Field field : fields) all.add(field);
    if (buffers) all.add(Field::buffers);
    if (result_buffers) all.add(Field::result_buffers);
    return all;
  }
};

Answer stored_records(Store& store, const Filter& filter, const Columns& columns) {
  Answer answer{.msg_type = "db_reply", .content = R"({"status": "ok", "records": [)"};
  Json lengths = Json::array(), result_lengths = Json::array();
  std::string& json = answer.content;
  const auto found = store.visit(filter, columns.set(), [&](const TaskRecord& record) {
    json += json.back() == '[' ? "{" : ", {";
    for (const Field field : columns.fields) {
      append_key(json, info(field).name);
      append_field(json, record, field);
    }
    json += '}';
    if (columns.buffers) {
      lengths.push_back(record.buffers.size());
      answer.buffers.insert(answer.buffers.end(), record.buffers.begin(), record.buffers.end());
    }
    if (columns.result_buffers) {
      result_lengths.push_back(record.result_buffers.size());
      answer.buffers.insert(answer.buffers.end(), record.result_buffers.begin(), record.result_buffers.end());
    }
  });
  if (!found) return failure("db_reply", py_error(found.error()));
  json +=
      fmt::format(R"(], "buffer_lens": {}, "result_buffer_lens": {}}})", json_text(columns.buffers ? lengths : Json()),
                  json_text(columns.result_buffers ? result_lengths : Json()));
  return answer;
}

Answer done_or_failure(std::string_view type, const Result<Done>& done) {
  return done ? reply(type, {{"status", "ok"}}) : failure(type, py_error(done.error()));
}

}  // namespace

std::string py_repr_list(const Json& values) {
  std::string text = "[";
  for (const Json& value : values) {
    if (text.size() > 1) text += ", ";
    text += value.is_string() ? py_repr(value.get_ref<const std::string&>()) : json_text(value);
  }
  return text + "]";
}

std::optional<std::vector<MsgId>> read_ids(const Json& value) {
  std::vector<MsgId> ids;
  if (value.is_string()) return std::vector{MsgId(value.get<std::string>())};
  if (value.is_null()) return ids;
  if (!value.is_array()) return std::nullopt;
  for (const Json& id : value) {
    if (!id.is_string()) return std::nullopt;
    ids.emplace_back(id.get<std::string>());
  }
  return ids;
}

const Json& member(const Json& content, const char* key) {
  static const Json kNull;
  if (!content.is_object()) return kNull;
  const auto found = content.find(key);
  return found == content.end() ? kNull : *found;
}

Json as_list(const Json& value) { return value.is_array() ? value : Json::array({value}); }

Response results(ResultsWanted wanted) {
  return Question{"result_reply", [wanted = std::move(wanted)](Store& store) { return stored_results(store, wanted); }};
}

Question history() {
  return {"history_reply", [](Store& store) {
            const auto ids = store.history();
            if (!ids) return failure("history_reply", py_error(ids.error()));
            std::string content = R"({"status": "ok", "history": [)";
            for (const MsgId& id : *ids) {
              if (content.back() != '[') content += ", ";
              append_quoted(content, id.value);
            }
            return Answer{.msg_type = "history_reply", .content = content + "]}"};
          }};
}

Response query(const Json& content) {
  constexpr std::string_view kType = "db_reply";
  auto filter = Filter::parse(member(content, "query"));
  if (!filter) return failure(kType, py_error(filter.error()));
  Columns columns;
  const Json& keys = member(content, "keys");
  if (keys.is_null()) {
    for (const FieldInfo& field : kFields)
      if (field.kind != Kind::buffers) columns.add(field.field);
  } else {
    for (const Json& key : as_list(keys)) {
      const FieldInfo* field = key.is_string() ? find_field(key.get_ref<const std::string&>()) : nullptr;
      if (!field) return failure(kType, key_error("no such field: " + json_text(key)));
      columns.add(field->field);
    }
  }
  return Question{"db_reply", [filter = std::move(*filter), columns](Store& store) {
                    return stored_records(store, filter, columns);
                  }};
}

Question purge(std::vector<MsgId> ids, std::vector<std::string> engine_uuids, std::optional<PyError> afterwards) {
  return {"purge_reply",
          [ids = std::move(ids), engines = std::move(engine_uuids), bad = std::move(afterwards)](Store& store) {
            Result<Done> done = store.remove(ids);
            for (const std::string& uuid : engines) {
              if (done) done = store.remove(Filter({{Field::engine_uuid, Op::eq, uuid}, is_completed()}));
            }
            return done && bad ? failure("purge_reply", *bad) : done_or_failure("purge_reply", done);
          }};
}

Question purge_completed() {
  return {"purge_reply",
          [](Store& store) { return done_or_failure("purge_reply", store.remove(Filter({is_completed()}))); }};
}

Question load_for_resubmission(std::vector<MsgId> ids) {
  return {"resubmit_reply", [ids = std::move(ids)](Store& store) {
            constexpr std::string_view kType = "resubmit_reply";
            Answer answer = reply(kType, {{"status", "ok"}, {"resubmitted", Json::object()}});
            Json missing = Json::array(), incomplete = Json::array();
            for (const MsgId& id : ids) {
              auto record = store.get(id);
              if (!record) return failure(kType, py_error(record.error()));
              if (!*record || (*record)->stub()) {
                missing.push_back(id.value);
              } else if ((*record)->incomplete()) {
                incomplete.push_back(id.value);
              } else {
                answer.again.push_back(**std::move(record));
              }
            }
            if (!missing.empty()) return failure(kType, key_error("No such msg(s): " + py_repr_list(missing)));
            if (!incomplete.empty()) {
              return failure(kType,
                             {"ValueError", "too large to have been stored: " + py_repr_list(incomplete) +
                                                "; submit the calls again, or raise the database's buffer_limit"});
            }
            return answer;
          }};
}

}  // namespace camshaft::hub
