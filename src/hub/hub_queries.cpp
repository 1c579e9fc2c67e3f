// The answers to clients' queries. Everything here may take its time: no task waits for it.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "hub/date.hpp"
#include "hub/hub.hpp"

namespace camshaft::hub {
namespace {

using Json = nlohmann::json;

Answer reply(std::string_view type, const Json& content) { return {std::string(type), json_text(content), {}, false}; }
Answer failure(std::string_view type, const PyError& error) { return reply(type, error_content(error)); }
Answer hub_error(const PyError& error) { return failure("hub_error", error); }

const Json& at(const Json& content, const char* key) {
  static const Json kNull;
  if (!content.is_object()) return kNull;
  const auto found = content.find(key);
  return found == content.end() ? kNull : *found;
}

std::string py_repr_list(const Json& values) {
  std::string text = "[";
  for (const Json& value : values) {
    if (text.size() > 1) text += ", ";
    text += value.is_string() ? py_repr(value.get_ref<const std::string&>()) : json_text(value);
  }
  return text + "]";
}

/// A list of ids, or one alone; nullopt for anything else.
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

/// A list of engines, or one alone.
Json as_list(const Json& value) { return value.is_array() ? value : Json::array({value}); }

const PyError kBadIds{"TypeError", "msg_ids must be a list of strings"};

Test is_completed() { return {Field::completed, Op::ne, nullptr}; }

template <class Load, class Loads>
Result<std::vector<const Load*>> select_targets(const Json& targets, const Loads& loads) {
  // Engines that are gone count as long as they have work: it is still to be accounted for.
  std::map<std::int64_t, const Load*> by_number;
  std::map<std::string_view, const Load*> by_uuid;
  for (const bool live : {false, true}) {
    for (const auto& [uuid, load] : loads) {
      if (load.live != live || (!live && load.queue + load.tasks == 0)) continue;
      by_number[to_int(load.number)] = &load;
      by_uuid[uuid.value] = &load;
    }
  }
  std::map<std::int64_t, const Load*> chosen;
  if (targets.is_null()) {
    chosen = by_number;
  } else {
    Json bad = Json::array();
    for (const Json& target : as_list(targets)) {
      const Load* load = nullptr;
      if (target.is_number_integer()) {
        const auto found = by_number.find(target.get<std::int64_t>());
        if (found != by_number.end()) load = found->second;
      } else if (target.is_string()) {
        const auto found = by_uuid.find(target.get_ref<const std::string&>());
        if (found != by_uuid.end()) load = found->second;
      }
      load ? void(chosen[to_int(load->number)] = load) : bad.push_back(target);
    }
    if (!bad.empty()) return Error{Errc::not_found, "No Such Engine: " + py_repr_list(bad)};
    if (chosen.empty()) return Error{Errc::not_found, "No Engines Registered"};
  }
  std::vector<const Load*> out;
  for (const auto& [number, load] : chosen) out.push_back(load);
  return out;
}

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

}  // namespace

Answer Hub::answer(std::string_view msg_type, const nlohmann::json& content) {
  if (msg_type == "connection_request") return connections();
  if (msg_type == "properties_request") return properties(content);
  if (msg_type == "queue_request") return queue_status(content);
  if (msg_type == "load_request") return load(content);
  if (msg_type == "result_request") return results(content);
  if (msg_type == "history_request") return history();
  if (msg_type == "db_request") return query(content);
  if (msg_type == "purge_request") return purge(content);
  if (msg_type == "resubmit_request") return resubmit(content);
  if (msg_type == "stop_distributed_request") return reply("stop_distributed_reply", {{"status", "ok"}});
  if (msg_type == "become_dask_request") {
    return hub_error({"NotImplementedError", "become_dask is not supported yet by this controller"});
  }
  if (msg_type == "shutdown_request") {
    Answer answer = reply("shutdown_reply", {{"status", "ok"}});
    answer.shut_down = true;
    return answer;
  }
  return hub_error(key_error(fmt::format("Bad Message Type: {}", msg_type)));
}

Answer Hub::properties(const Json& content) {
  const auto targets = select_targets<Load>(at(content, "targets"), loads_);
  if (!targets) return failure("properties_reply", {"IndexError", targets.error().message});
  const Json& changes = at(content, "changes");
  if (!changes.is_null() && !changes.is_object())
    return failure("properties_reply", {"TypeError", "changes must be an object of names and values"});
  Answer answer;
  Json found = Json::object();
  for (const Load* load : *targets) {
    if (!load->live) continue;
    if (properties_.change(load->uuid, changes)) answer.changed.push_back({load->uuid, changes});
    found[std::to_string(to_int(load->number))] = properties_.of(load->uuid);
  }
  answer.msg_type = "properties_reply";
  answer.content = json_text({{"status", "ok"}, {"version", properties_.version()}, {"properties", std::move(found)}});
  return answer;
}

Answer Hub::connections() const {
  Json engines = Json::object();
  for (const auto& [number, uuid] : registry_.engines()) engines[std::to_string(to_int(number))] = uuid.value;
  Json content{{"status", "ok"}, {"engines", std::move(engines)}};
  if (client_connection_.is_object()) content["connection"] = client_connection_;
  if (!options_.capabilities.empty()) content["camshaft"] = options_.capabilities;
  return reply("connection_reply", content);
}

Answer Hub::queue_status(const Json& content) const {
  const auto targets = select_targets<Load>(at(content, "targets"), loads_);
  if (!targets) return hub_error({"IndexError", targets.error().message});
  const Json& verbose = at(content, "verbose");
  if (verbose.is_boolean() && verbose.get<bool>()) return reply("queue_reply", queue_ids(*targets));
  Json out{{"status", "ok"}, {"unassigned", unassigned_}};
  for (const Load* load : *targets) {
    out[std::to_string(to_int(load->number))] = {
        {"queue", load->queue}, {"tasks", load->tasks}, {"completed", load->completed}};
  }
  return reply("queue_reply", out);
}

Json Hub::queue_ids(const std::vector<const Load*>& targets) const {
  Json out{{"status", "ok"}, {"unassigned", Json::array()}};
  std::map<const Load*, Json*> entries;
  std::map<std::string_view, Json*> by_uuid;
  for (const Load* load : targets) {
    Json& entry = out[std::to_string(to_int(load->number))];
    entry = {{"queue", Json::array()}, {"tasks", Json::array()}, {"completed", Json::array()}};
    entries[load] = by_uuid[load->uuid.value] = &entry;
  }
  std::vector<std::pair<std::uint64_t, std::string_view>> ordered;
  for (const auto& [id, task] : pending_) ordered.emplace_back(task.order, id.value);
  std::sort(ordered.begin(), ordered.end());
  for (const auto& [order, id] : ordered) {
    const Pending& task = pending_.at(MsgId(std::string(id)));
    if (!task.engine) {
      out["unassigned"].push_back(id);
    } else if (const auto entry = entries.find(task.engine); entry != entries.end()) {
      (*entry->second)[task.queue == Queue::mux ? "queue" : "tasks"].push_back(id);
    }
  }
  // Of what is completed only the store knows the ids, and only of what it still has.
  const auto done = store_.select(Filter({is_completed()}));
  if (!done) return out;
  for (const TaskRecord& record : *done) {
    if (record.queue == Queue::task && record.status == Status::aborted) continue;
    if (const auto entry = by_uuid.find(record.engine.value); entry != by_uuid.end())
      (*entry->second)["completed"].push_back(record.id.value);
  }
  return out;
}

Answer Hub::load(const Json& content) const {
  const auto targets = select_targets<Load>(at(content, "targets"), loads_);
  if (!targets) return hub_error({"IndexError", targets.error().message});
  Json out{{"status", "ok"}};
  for (const Load* load : *targets) out[std::to_string(to_int(load->number))] = load->queue + load->tasks;
  return reply("load_reply", out);
}

Answer Hub::results(const Json& content) const {
  constexpr std::string_view kType = "result_reply";
  const auto asked = read_ids(at(content, "msg_ids"));
  if (!asked) return failure(kType, kBadIds);
  const Json& status_only = at(content, "status_only");
  const bool with_records = !(status_only.is_boolean() && status_only.get<bool>());

  Json pending = Json::array(), completed = Json::array();
  std::string records;
  std::vector<Blob> buffers;
  for (const MsgId& id : std::set<MsgId>(asked->begin(), asked->end())) {
    if (pending_.contains(id)) {
      pending.push_back(id.value);
      continue;
    }
    const bool done = store_.completed(id);
    if (!done && !store_.contains(id)) return failure(kType, key_error("No such message: " + id.value));
    (done ? completed : pending).push_back(id.value);
    if (!done || !with_records) continue;
    const auto record = store_.get(id);
    if (!record) return failure(kType, py_error(record.error()));
    if (!*record) return failure(kType, key_error("No such message: " + id.value));
    records += ", ";
    append_quoted(records, id.value);
    records += ": ";
    append_result(records, **record);
    buffers.insert(buffers.end(), (*record)->result_buffers.begin(), (*record)->result_buffers.end());
  }
  return {std::string(kType),
          fmt::format(R"({{"status": "ok", "pending": {}, "completed": {}{}}})", json_text(pending),
                      json_text(completed), records),
          std::move(buffers), false};
}

Answer Hub::history() const {
  const auto ids = store_.history();
  if (!ids) return failure("history_reply", py_error(ids.error()));
  Json list = Json::array();
  for (const MsgId& id : *ids) list.push_back(id.value);
  return reply("history_reply", {{"status", "ok"}, {"history", std::move(list)}});
}

Answer Hub::query(const Json& content) const {
  constexpr std::string_view kType = "db_reply";
  const auto filter = Filter::parse(at(content, "query"));
  if (!filter) return failure(kType, py_error(filter.error()));

  std::vector<Field> fields{Field::msg_id};
  bool buffers = false, result_buffers = false;
  const auto add = [&](Field field) {
    if (field == Field::buffers) {
      buffers = true;
    } else if (field == Field::result_buffers) {
      result_buffers = true;
    } else if (std::find(fields.begin(), fields.end(), field) == fields.end()) {
      fields.push_back(field);
    }
  };
  const Json& keys = at(content, "keys");
  if (keys.is_null()) {
    for (const FieldInfo& field : kFields)
      if (field.kind != Kind::buffers) add(field.field);
  } else {
    for (const Json& key : as_list(keys)) {
      const FieldInfo* field = key.is_string() ? find_field(key.get_ref<const std::string&>()) : nullptr;
      if (!field) return failure(kType, key_error("no such field: " + json_text(key)));
      add(field->field);
    }
  }

  const auto found = store_.select(*filter);
  if (!found) return failure(kType, py_error(found.error()));
  Answer answer{std::string(kType), R"({"status": "ok", "records": [)", {}, false};
  Json lengths = Json::array(), result_lengths = Json::array();
  std::string& json = answer.content;
  for (const TaskRecord& record : *found) {
    json += json.back() == '[' ? "{" : ", {";
    for (const Field field : fields) {
      append_key(json, info(field).name);
      append_field(json, record, field);
    }
    json += '}';
    if (buffers) {
      lengths.push_back(record.buffers.size());
      answer.buffers.insert(answer.buffers.end(), record.buffers.begin(), record.buffers.end());
    }
    if (result_buffers) {
      result_lengths.push_back(record.result_buffers.size());
      answer.buffers.insert(answer.buffers.end(), record.result_buffers.begin(), record.result_buffers.end());
    }
  }
  json += fmt::format(R"(], "buffer_lens": {}, "result_buffer_lens": {}}})", json_text(buffers ? lengths : Json()),
                      json_text(result_buffers ? result_lengths : Json()));
  return answer;
}

Answer Hub::purge(const Json& content) {
  constexpr std::string_view kType = "purge_reply";
  const auto finish_with = [&](const Result<Done>& done) {
    return done ? reply(kType, {{"status", "ok"}}) : failure(kType, py_error(done.error()));
  };
  const Json& msg_ids = at(content, "msg_ids");
  if (msg_ids == "all") return finish_with(store_.remove(Filter({is_completed()})));

  const auto ids = read_ids(msg_ids);
  if (!ids) return failure(kType, kBadIds);
  for (const MsgId& id : *ids) {
    if (pending_.contains(id)) return failure(kType, {"IndexError", "msg pending: " + py_repr(id.value)});
  }
  Result<Done> done = store_.remove(*ids);
  const Json& engines = at(content, "engine_ids");
  if (!done || engines.is_null()) return finish_with(done);
  for (const Json& engine : as_list(engines)) {
    std::optional<EngineId> uuid;
    if (engine.is_number_integer()) {
      const auto number = engine.get<std::int64_t>();
      if (number >= 0 && number <= kMaxEngineNumber) uuid = registry_.uuid_of(EngineNumber(static_cast<int>(number)));
    }
    if (!uuid) return failure(kType, {"IndexError", "No such engine: " + json_text(engine)});
    done = store_.remove(Filter({{Field::engine_uuid, Op::eq, uuid->value}, is_completed()}));
    if (!done) break;
  }
  return finish_with(done);
}

Answer Hub::resubmit(const Json& content) const {
  constexpr std::string_view kType = "resubmit_reply";
  const auto ids = read_ids(at(content, "msg_ids"));
  if (!ids) return failure(kType, kBadIds);
  Json missing = Json::array();
  for (const MsgId& id : *ids) {
    if (!store_.contains(id)) missing.push_back(id.value);
  }
  if (!missing.empty()) return failure(kType, key_error("No such msg(s): " + py_repr_list(missing)));
  return failure(kType,
                 {"NotImplementedError", "resubmit is not supported yet by this controller; submit the call again"});
}

}  // namespace camshaft::hub
