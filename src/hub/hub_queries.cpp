// The answers to clients' queries. Those about records become questions to the store: see hub/record_queries.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "hub/hub.hpp"
#include "hub/record_queries.hpp"

namespace camshaft::hub {
namespace {

using Json = nlohmann::json;

const PyError kBadIds{"TypeError", "msg_ids must be a list of strings"};

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

}  // namespace

Response Hub::answer(std::string_view msg_type, const nlohmann::json& content) {
  if (msg_type == "connection_request") return connections();
  if (msg_type == "properties_request") return properties(content);
  if (msg_type == "queue_request") return queue_status(content);
  if (msg_type == "load_request") return load(content);
  if (msg_type == "result_request") return results(content);
  if (msg_type == "history_request") return hub::history();
  if (msg_type == "db_request") return hub::query(content);
  if (msg_type == "purge_request") return purge(content);
  if (msg_type == "resubmit_request") return resubmission(content);
  if (msg_type == "stop_distributed_request") return reply("stop_distributed_reply", {{"status", "ok"}});
  if (msg_type == "become_dask_request") {
    return hub_error({"NotImplementedError", "this controller starts no scheduler of Dask"});
  }
  if (msg_type == "shutdown_request") {
    Answer answer = reply("shutdown_reply", {{"status", "ok"}});
    answer.shut_down = true;
    return answer;
  }
  return hub_error(key_error(fmt::format("Bad Message Type: {}", msg_type)));
}

Answer Hub::properties(const Json& content) {
  const auto targets = select_targets<Load>(member(content, "targets"), loads_);
  if (!targets) return failure("properties_reply", {"IndexError", targets.error().message});
  const Json& changes = member(content, "changes");
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

Response Hub::queue_status(const Json& content) const {
  const auto targets = select_targets<Load>(member(content, "targets"), loads_);
  if (!targets) return hub_error({"IndexError", targets.error().message});
  const Json& verbose = member(content, "verbose");
  if (verbose.is_boolean() && verbose.get<bool>()) return queue_ids(*targets);
  Json out{{"status", "ok"}, {"unassigned", unassigned_}};
  for (const Load* load : *targets) {
    out[std::to_string(to_int(load->number))] = {
        {"queue", load->queue}, {"tasks", load->tasks}, {"completed", load->completed}};
  }
  return reply("queue_reply", out);
}

Response Hub::queue_ids(const std::vector<const Load*>& targets) const {
  Json out{{"status", "ok"}, {"unassigned", Json::array()}};
  std::map<const Load*, Json*> entries;
  std::map<std::string, std::string> number_of;  // of an engine's uuid
  for (const Load* load : targets) {
    const std::string number = std::to_string(to_int(load->number));
    out[number] = {{"queue", Json::array()}, {"tasks", Json::array()}, {"completed", Json::array()}};
    entries[load] = &out[number];
    number_of[load->uuid.value] = number;
  }
  struct Listed {
    std::uint64_t order;
    std::string id;
    const Load* engine;
    Queue queue;
  };
  std::vector<Listed> ordered;
  pending_.each([&](MsgId id, const Pending& task) {
    ordered.push_back({task.order, std::move(id.value), task.engine, task.queue});
  });
  std::sort(ordered.begin(), ordered.end(), [](const Listed& a, const Listed& b) { return a.order < b.order; });
  for (Listed& task : ordered) {
    if (!task.engine) {
      out["unassigned"].push_back(std::move(task.id));
    } else if (const auto entry = entries.find(task.engine); entry != entries.end()) {
      (*entry->second)[task.queue == Queue::mux ? "queue" : "tasks"].push_back(std::move(task.id));
    }
  }
  // Of what is completed only the store knows the ids, and only of what it still has.
  return Question{"queue_reply", [out = std::move(out), number_of = std::move(number_of)](Store& store) mutable {
                    const FieldSet fields{Field::msg_id, Field::engine_uuid, Field::queue, Field::result_metadata};
                    const Filter completed({{Field::completed, Op::ne, nullptr}});
                    // A store that keeps nothing has no ids to add.
                    static_cast<void>(store
                                          .visit(completed, fields,
                                                 [&](const TaskRecord& record) {
                                                   if (record.queue == Queue::task && record.status == Status::aborted)
                                                     return;
                                                   if (const auto number = number_of.find(record.engine.value);
                                                       number != number_of.end())
                                                     out[number->second]["completed"].push_back(record.id.value);
                                                 })
                                          .has_value());
                    return reply("queue_reply", out);
                  }};
}

Answer Hub::load(const Json& content) const {
  const auto targets = select_targets<Load>(member(content, "targets"), loads_);
  if (!targets) return hub_error({"IndexError", targets.error().message});
  Json out{{"status", "ok"}};
  for (const Load* load : *targets) out[std::to_string(to_int(load->number))] = load->queue + load->tasks;
  return reply("load_reply", out);
}

Response Hub::results(const Json& content) const {
  auto asked = read_ids(member(content, "msg_ids"));
  if (!asked) return failure("result_reply", kBadIds);
  const Json& status_only = member(content, "status_only");
  const Json codecs = as_list(member(content, "codecs"));
  ResultsWanted wanted{.ids = *std::move(asked),
                       .with_records = !(status_only.is_boolean() && status_only.get<bool>()),
                       .reads_p5 = std::find(codecs.begin(), codecs.end(), Json("p5")) != codecs.end()};
  for (const MsgId& id : wanted.ids) {
    if (pending_.contains(id)) wanted.pending.insert(id);
  }
  return hub::results(std::move(wanted));
}

Response Hub::purge(const Json& content) const {
  constexpr std::string_view kType = "purge_reply";
  const Json& msg_ids = member(content, "msg_ids");
  if (msg_ids == "all") return purge_completed();

  auto ids = read_ids(msg_ids);
  if (!ids) return failure(kType, kBadIds);
  for (const MsgId& id : *ids) {
    if (pending_.contains(id)) return failure(kType, {"IndexError", "msg pending: " + py_repr(id.value)});
  }
  std::vector<std::string> uuids;
  std::optional<PyError> bad;  // ends the reading of engines; those before it are purged all the same
  const Json& engines = member(content, "engine_ids");
  for (const Json& engine : engines.is_null() ? Json::array() : as_list(engines)) {
    std::optional<EngineId> uuid;
    if (engine.is_number_integer()) {
      const auto number = engine.get<std::int64_t>();
      if (number >= 0 && number <= kMaxEngineNumber) uuid = registry_.uuid_of(EngineNumber(static_cast<int>(number)));
    }
    if (!uuid) {
      bad = PyError{"IndexError", "No such engine: " + json_text(engine)};
      break;
    }
    uuids.push_back(uuid->value);
  }
  return hub::purge(*std::move(ids), std::move(uuids), std::move(bad));
}

Response Hub::resubmission(const Json& content) const {
  constexpr std::string_view kType = "resubmit_reply";
  auto ids = read_ids(member(content, "msg_ids"));
  if (!ids) return failure(kType, kBadIds);
  Json pending = Json::array();
  for (const MsgId& id : *ids) {
    if (pending_.contains(id)) pending.push_back(id.value);
  }
  if (!pending.empty()) {
    return failure(kType, {"ValueError", "cannot resubmit what is still pending: " + py_repr_list(pending) +
                                             "; wait for it, or abort it first"});
  }
  return load_for_resubmission(*std::move(ids));
}

std::vector<Request> Hub::resubmit(Answer& answer, const std::function<MsgId()>& next_id, WallTime now) {
  std::vector<Request> requests;
  Json renamed = Json::object();
  for (TaskRecord& record : answer.again) {
    const MsgId as = next_id();
    renamed[record.id.value] = as.value;
    records_.put(Update{record.id, Resubmitted{as}});
    requests.push_back(request_again(std::move(record), as, now));
    this->record(TaskSubmitted{requests.back()});
  }
  answer.again.clear();
  answer.content = json_text({{"status", "ok"}, {"resubmitted", std::move(renamed)}});
  return requests;
}

}  // namespace camshaft::hub
