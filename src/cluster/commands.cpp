#include "cluster/commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace camshaft::cluster {
namespace fs = std::filesystem;
namespace {

/// "a-b-c" without the empty parts: a cluster without an id leaves no trace in names.
std::string dashed_name(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const std::string_view part : parts) {
    if (part.empty()) continue;
    if (!out.empty()) out += '-';
    out += part;
  }
  return out;
}

/// What the launcher's options say is added to what the plan says.
Command base(const LocalPlan& plan, const Launcher& launcher, std::vector<std::string> argv,
             const std::vector<std::string>& more) {
  argv.insert(argv.end(), more.begin(), more.end());
  const std::string work_dir = text_option(launcher, "work_dir");
  Command command{std::move(argv), plan.environment, {}, work_dir.empty() ? plan.work_dir : work_dir};
  for (auto& one : environment_option(launcher)) command.environment.push_back(std::move(one));
  command.environment.emplace_back("IPP_CLUSTER_ID", plan.cluster_id);
  command.environment.emplace_back("IPP_PROFILE_DIR", plan.profile.dir.string());
  return command;
}

}  // namespace

Command controller_command(const LocalPlan& plan) {
  const Launcher& launcher = plan.controller_launcher;
  const auto program = words_option(launcher, "controller_cmd");
  Command command = base(plan, launcher, program.empty() ? plan.controller_cmd : program, {});
  // Engines in a batch system are on other machines, which do not reach a controller on the loopback interface.
  const std::string ip = plan.controller_ip.empty() && plan.engine_launcher.queued() ? "*" : plan.controller_ip;
  if (!ip.empty()) command.argv.push_back("--ip=" + ip);
  if (!plan.controller_location.empty()) command.argv.push_back("--location=" + plan.controller_location);
  command.argv.insert(command.argv.end(), plan.controller_args.begin(), plan.controller_args.end());
  for (auto& word : words_option(launcher, "controller_args")) command.argv.push_back(std::move(word));
  command.log_file = plan.profile.log_dir() /
                     (dashed_name({"ipcontroller", plan.cluster_id, std::to_string(plan.launcher_pid)}) + ".log");
  return command;
}

Command engine_command(const LocalPlan& plan, std::string_view set_id, int index, std::string_view connection) {
  const Launcher& launcher = plan.engine_launcher;
  const auto program = words_option(launcher, "engine_cmd");
  Command command = base(plan, launcher, program.empty() ? plan.engine_cmd : program, plan.engine_args);
  for (auto& word : words_option(launcher, "engine_args")) command.argv.push_back(std::move(word));
  if (!connection.empty()) command.environment.emplace_back("IPP_CONNECTION_INFO", connection);
  command.log_file =
      plan.profile.log_dir() / (dashed_name({"ipengine", plan.cluster_id, set_id, std::to_string(index)}) + ".log");
  return command;
}

fs::path template_log_path(const LocalPlan& plan) {
  return plan.profile.log_dir() /
         (dashed_name({"ipengine", plan.cluster_id, "template", std::to_string(plan.launcher_pid)}) + ".log");
}

fs::path client_connection_path(const Profile& profile, std::string_view cluster_id) {
  return profile.security_dir() / (dashed_name({"ipcontroller", cluster_id, "client"}) + ".json");
}

fs::path engine_connection_path(const Profile& profile, std::string_view cluster_id) {
  return profile.security_dir() / (dashed_name({"ipcontroller", cluster_id, "engine"}) + ".json");
}

fs::path cluster_file_path(const Profile& profile, std::string_view cluster_id) {
  return profile.security_dir() / fmt::format("cluster-{}.json", cluster_id);
}

fs::path joined_file_path(const Profile& profile, std::string_view cluster_id, int pid) {
  return profile.security_dir() / fmt::format("engines-{}-{}.json", cluster_id, pid);
}

fs::path lock_path(const Profile& profile, std::string_view cluster_id) {
  return profile.pid_dir() / fmt::format("cluster-{}.lock", cluster_id);
}

Result<std::vector<std::string>> split_words(std::string_view text) {
  std::vector<std::string> words;
  if (!text.empty() && text.front() == '[') {
    auto list = nlohmann::json::parse(text, nullptr, false);
    if (list.is_discarded()) {  // as Python writes it, with other quotes
      std::string json(text);
      std::replace(json.begin(), json.end(), '\'', '"');
      list = nlohmann::json::parse(json, nullptr, false);
    }
    bool fine = list.is_array();
    for (std::size_t i = 0; fine && i < list.size(); ++i) {
      fine = list[i].is_string();
      if (fine) words.push_back(list[i].get<std::string>());
    }
    if (fine) return words;
    return Error{Errc::bad_value, fmt::format("{} is not a list of texts such as [\"a\", \"b\"]", text)};
  }
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (const char c : text) {
    if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t') {
      if (in_word) words.push_back(std::exchange(word, {}));
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote != 0) return Error{Errc::bad_value, fmt::format("{} has an opening quote without its end", text)};
  if (in_word) words.push_back(word);
  return words;
}

}  // namespace camshaft::cluster
