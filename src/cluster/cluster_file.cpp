#include "cluster/cluster_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace camshaft::cluster {
namespace {

using nlohmann::json;

/// To the original a set that is one process for several engines is one of mpiexec; it can then stop ours, too.
std::string class_for_the_original(const std::string& launcher) {
  return launcher.empty() || launcher == "local" ? "local" : "mpi";
}

json launcher_state(const ClusterRecord& record, const char* state) {
  return {{"profile_dir", record.profile_dir}, {"cluster_id", record.cluster_id}, {"state", state}};
}

json process_state(const ClusterRecord& record, const RecordedProcess& one) {
  json out = launcher_state(record, "running");
  out["pid"] = one.process.pid;
  out["output_file"] = one.output_file;
  out["birth"] = one.process.birth;
  return out;
}

std::string text_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

int number_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<int>() : 0;
}

const json& object_at(const json& object, const char* key) {
  static const json empty = json::object();
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : empty;
}

std::string launcher_at(const json& object) {
  return text_at(object, object.contains("launcher") ? "launcher" : "class");
}

RecordedProcess process_at(const json& state) {
  return {{number_at(state, "pid"), text_at(state, "birth")}, text_at(state, "output_file")};
}

}  // namespace

std::size_t ClusterRecord::engine_count() const {
  std::size_t count = 0;
  for (const auto& [id, engines] : engine_sets) {
    count += engines.size() * static_cast<std::size_t>(engines_per_process(id));
  }
  return count;
}

int ClusterRecord::engines_per_process(const std::string& set) const {
  const auto found = set_sizes.find(set);
  return found == set_sizes.end() ? 1 : found->second;
}

std::string render(const ClusterRecord& record) {
  json out;
  out["cluster"] = {{"cluster_id", record.cluster_id},
                    {"profile_dir", record.profile_dir},
                    {"controller_args", record.controller_args},
                    {"controller_ip", record.controller_ip},
                    {"controller_location", record.controller_location},
                    {"delay", 0},
                    {"n", record.n},
                    {"class", "ipyparallel.cluster.cluster.Cluster"}};  // so that the original can re-attach
  if (record.controller.process.pid != 0) {
    out["controller"] = {{"class", class_for_the_original(record.controller_class)},
                         {"launcher", record.controller_class},
                         {"state", process_state(record, record.controller)}};
  }
  json sets = json::object();
  for (const auto& [id, engines] : record.engine_sets) {
    if (record.set_sizes.count(id) != 0 && engines.count(0) != 0) {
      sets[id] = process_state(record, engines.at(0));
      sets[id]["n"] = record.set_sizes.at(id);
      continue;
    }
    json state = launcher_state(record, "running");
    state["n"] = engines.size();
    state["engines"] = json::object();
    for (const auto& [index, engine] : engines) {
      state["engines"][std::to_string(index)] = process_state(record, engine);
    }
    sets[id] = std::move(state);
  }
  out["engines"] = {{"class", class_for_the_original(record.engine_class)},
                    {"launcher", record.engine_class},
                    {"sets", std::move(sets)}};
  if (record.supervisor.pid != 0) {
    out["supervisor"] = {
        {"program", record.supervisor_program}, {"pid", record.supervisor.pid}, {"birth", record.supervisor.birth}};
  }
  return out.dump(2, ' ', false, json::error_handler_t::replace);
}

Result<ClusterRecord> parse_cluster_record(std::string_view text) {
  const json file = json::parse(text, nullptr, false);
  const auto cluster = file.is_object() ? file.find("cluster") : file.end();
  if (!file.is_object() || cluster == file.end() || !cluster->is_object()) {
    return Error{Errc::bad_json, "not a cluster file: no 'cluster' in it"};
  }
  ClusterRecord record;
  record.cluster_id = text_at(*cluster, "cluster_id");
  record.profile_dir = text_at(*cluster, "profile_dir");
  record.controller_ip = text_at(*cluster, "controller_ip");
  record.controller_location = text_at(*cluster, "controller_location");
  record.n = number_at(*cluster, "n");
  if (const auto args = cluster->find("controller_args"); args != cluster->end() && args->is_array()) {
    for (const json& one : *args) {
      if (one.is_string()) record.controller_args.push_back(one.get<std::string>());
    }
  }
  const json& controller = object_at(file, "controller");
  record.controller_class = launcher_at(controller);
  record.controller = process_at(object_at(controller, "state"));
  const json& engines = object_at(file, "engines");
  record.engine_class = launcher_at(engines);
  for (const auto& [id, set] : object_at(engines, "sets").items()) {
    auto& members = record.engine_sets[id];
    if (!set.is_object()) continue;
    if (set.contains("pid")) {
      members[0] = process_at(set);
      record.set_sizes[id] = std::max(1, number_at(set, "n"));
      continue;
    }
    for (const auto& [name, state] : object_at(set, "engines").items()) {
      int index = -1;
      std::from_chars(name.data(), name.data() + name.size(), index);
      if (index >= 0 && state.is_object()) members[index] = process_at(state);
    }
  }
  const json& supervisor = object_at(file, "supervisor");
  record.supervisor_program = text_at(supervisor, "program");
  record.supervisor = {number_at(supervisor, "pid"), text_at(supervisor, "birth")};
  return record;
}

}  // namespace camshaft::cluster
