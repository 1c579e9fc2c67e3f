#include "cluster/launchers.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "cluster/batch/dialect.hpp"
#include "cluster/commands.hpp"
#include "cluster/ssh/hosts.hpp"

namespace camshaft::cluster {
namespace {

using nlohmann::json;

struct Kind {
  std::string_view name;
  std::string_view class_prefix;  // of XEngineSetLauncher and XControllerLauncher
  std::string_view tether;        // its kind; "" = the processes themselves
  bool controllers = true;
};

constexpr std::array kKinds = {
    Kind{"local", "Local", ""},
    Kind{"mpi", "MPI", "mpi"},
    Kind{"ssh", "SSH", "ssh"},
    Kind{"sshproxy", "SSHProxy", "ssh", false},
    Kind{"slurm", "Slurm", "slurm"},
    Kind{"pbs", "PBS", "pbs"},
    Kind{"sge", "SGE", "sge"},
    Kind{"lsf", "LSF", "lsf"},
    Kind{"htcondor", "HTCondor", "htcondor"},
    Kind{"winhpc", "WindowsHPC", "winhpc"},
    Kind{"batch", "BatchSystem", "batch"},
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

const Kind* kind_named(std::string_view name) {
  const auto found = std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& one) { return one.name == name; });
  return found == kKinds.end() ? nullptr : &*found;
}

/// "mpi" of "MPI", "mpiexec", "MPIEngineSetLauncher", "ipyparallel.cluster.launcher.MPIExecControllerLauncher".
const Kind* kind_called(std::string_view written) {
  std::string name = lower(written.substr(written.find_last_of(".:") + 1));
  for (const std::string_view end : {"launcher", "engineset", "engine", "controller", "exec"}) {
    if (name != end && ends_with(name, end)) name.resize(name.size() - end.size());
  }
  const auto found = std::find_if(kKinds.begin(), kKinds.end(),
                                  [&](const Kind& one) { return one.name == name || lower(one.class_prefix) == name; });
  return found == kKinds.end() ? nullptr : &*found;
}

std::size_t common_letters(std::string_view a, std::string_view b) {
  std::size_t count = 0;
  for (const char c : a) count += b.find(c) != std::string_view::npos ? 1 : 0;
  return count * 2 * 100 / (a.size() + b.size() + 1);
}

/// A tether in place of `inner`: same log file, and `inner` in its specification.
Command tether(const LocalPlan& plan, const Launcher& launcher, TetherSpec spec, Command inner) {
  spec.launcher = launcher;
  spec.cluster_id = plan.cluster_id;
  spec.profile_dir = plan.profile.dir.string();
  spec.work_dir = inner.work_dir;
  const auto program = words_option(launcher, spec.role == Role::controller ? "controller_cmd" : "engine_cmd");
  const auto& usual = spec.role == Role::controller ? plan.controller_cmd : plan.engine_cmd;
  spec.program_words = static_cast<int>(program.empty() ? usual.size() : program.size());
  spec.argv = std::move(inner.argv);
  spec.environment = std::move(inner.environment);
  Command command;
  if (launcher.foreign()) {
    command.argv = plan.python_cmd;
    command.argv.insert(command.argv.end(), {"-m", "camshaft.foreign_launcher"});
  } else {
    const Kind* kind = kind_named(launcher.name);
    command.argv = plan.tether_cmd;
    command.argv.emplace_back(kind != nullptr ? kind->tether : std::string_view(launcher.name));
  }
  command.environment = plan.environment;
  command.environment.emplace_back("CAMSHAFT_TETHER", render(spec));
  command.log_file = std::move(inner.log_file);
  return command;
}

}  // namespace

bool Launcher::queued() const { return batch::find_dialect(name) != nullptr; }

Result<Launcher> find_launcher(std::string_view name, Role role) {
  const bool import_string = name.find_first_of(".:") != std::string_view::npos;
  const bool of_the_original = name.rfind("ipyparallel.", 0) == 0;
  if (!import_string || of_the_original) {
    if (const Kind* kind = kind_called(name)) {
      if (role == Role::engines || kind->controllers) return Launcher{std::string(kind->name)};
      return Error{Errc::bad_value, fmt::format("{} starts engines only; controllers are started by one of: {}",
                                                kind->name, fmt::join(launcher_names(role), ", "))};
    }
  } else if (const std::size_t dot = name.find_last_of(".:"); dot > 0 && dot + 1 < name.size()) {
    return Launcher{std::string(name.substr(0, dot)) + ":" + std::string(name.substr(dot + 1))};
  }
  const auto names = launcher_names(role);
  const auto nearest = std::max_element(names.begin(), names.end(), [&](const auto& a, const auto& b) {
    return common_letters(lower(name), a) < common_letters(lower(name), b);
  });
  return Error{Errc::not_found,
               fmt::format("no launcher is called '{}'; did you mean '{}'? There are {}, and import strings such as "
                           "module:Class",
                           name, *nearest, fmt::join(names, ", "))};
}

std::vector<std::string> launcher_names(Role role) {
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) {
    if (role == Role::engines || kind.controllers) names.emplace_back(kind.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<Command> engine_processes(const LocalPlan& plan, std::string_view set_id, int n,
                                      std::string_view connection) {
  std::vector<Command> processes;
  if (plan.engine_launcher.local()) {
    for (int index = 0; index < n; ++index) processes.push_back(engine_command(plan, set_id, index, connection));
    return processes;
  }
  TetherSpec spec;
  spec.n = n;
  spec.set = set_id;
  spec.restarts = plan.engine_restarts;
  Command inner = engine_command(plan, set_id, 0, connection);
  if (plan.engine_launcher.name != "sshproxy") {  // the ipcluster there keeps its engines itself
    inner.environment.emplace_back(
        kKeeperVariable, fmt::format("{}:{}:{}", plan.engine_launcher.foreign() ? "" : plan.engine_launcher.name,
                                     plan.engine_restarts, set_id));
  }
  // One log for the whole set, named after the process that writes it, as far as that is known beforehand.
  const std::string name = inner.log_file.filename().string();
  inner.log_file.replace_filename(name.substr(0, name.rfind('-')) + fmt::format("-{}.log", plan.launcher_pid));
  processes.push_back(tether(plan, plan.engine_launcher, std::move(spec), std::move(inner)));
  return processes;
}

int engine_process_count(const LocalPlan& plan, int n) { return plan.engine_launcher.local() ? n : 1; }

int engines_in_set(const Launcher& launcher, int n, int cores) {
  const int asked_for = ssh::engines_asked_for(launcher);
  if (n <= 0) return asked_for > 0 ? asked_for : cores;
  return asked_for > 0 ? std::min(n, asked_for) : n;
}

Command controller_process(const LocalPlan& plan) {
  Command inner = controller_command(plan);
  if (plan.controller_launcher.local()) return inner;
  TetherSpec spec;
  spec.role = Role::controller;
  return tether(plan, plan.controller_launcher, std::move(spec), std::move(inner));
}

std::string render(const TetherSpec& spec) {
  json environment = json::array();
  for (const auto& [name, value] : spec.environment) environment.push_back({name, value});
  const json out = {{"role", spec.role == Role::controller ? "controller" : "engines"},
                    {"launcher", spec.launcher.name},
                    {"options", spec.launcher.options},
                    {"n", spec.n},
                    {"set", spec.set},
                    {"cluster_id", spec.cluster_id},
                    {"profile_dir", spec.profile_dir},
                    {"work_dir", spec.work_dir},
                    {"argv", spec.argv},
                    {"program_words", spec.program_words},
                    {"restarts", spec.restarts},
                    {"environment", std::move(environment)}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<TetherSpec> parse_tether_spec(std::string_view text) {
  const json in = json::parse(text, nullptr, false);
  try {
    TetherSpec spec;
    spec.role = in.at("role") == "controller" ? Role::controller : Role::engines;
    spec.launcher = {in.at("launcher"), in.at("options")};
    spec.n = in.at("n");
    spec.set = in.at("set");
    spec.cluster_id = in.at("cluster_id");
    spec.profile_dir = in.at("profile_dir");
    spec.work_dir = in.at("work_dir");
    spec.argv = in.at("argv").get<std::vector<std::string>>();
    spec.program_words = in.at("program_words");
    spec.restarts = in.value("restarts", 0);
    for (const json& one : in.at("environment")) spec.environment.emplace_back(one.at(0), one.at(1));
    return spec;
  } catch (const json::exception&) {
    return Error{Errc::bad_json, "CAMSHAFT_TETHER does not say what to start: only ipcluster and Cluster call this"};
  }
}

std::string text_option(const Launcher& launcher, const char* name) {
  const auto found = launcher.options.find(name);
  if (found == launcher.options.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

int number_option(const Launcher& launcher, const char* name, int otherwise) {
  const auto found = launcher.options.find(name);
  return found != launcher.options.end() && found->is_number() ? found->get<int>() : otherwise;
}

std::vector<std::string> words_option(const Launcher& launcher, const char* name) {
  std::vector<std::string> words;
  const auto found = launcher.options.find(name);
  if (found == launcher.options.end()) return words;
  if (found->is_string()) return split_words(found->get<std::string>()).value_or(words);
  if (!found->is_array()) return words;
  for (const json& one : *found) words.push_back(one.is_string() ? one.get<std::string>() : one.dump());
  return words;
}

std::vector<std::pair<std::string, std::string>> environment_option(const Launcher& launcher) {
  std::vector<std::pair<std::string, std::string>> environment;
  const auto found = launcher.options.find("environment");
  if (found == launcher.options.end() || !found->is_object()) return environment;
  for (const auto& [name, value] : found->items()) {
    environment.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return environment;
}

std::vector<std::string> mpi_command(const TetherSpec& spec) {
  std::vector<std::string> argv = words_option(spec.launcher, "mpi_cmd");
  if (argv.empty()) argv = {"mpiexec"};
  argv.insert(argv.end(), {"-n", std::to_string(spec.n)});
  for (auto& word : words_option(spec.launcher, "mpi_args")) argv.push_back(std::move(word));
  argv.insert(argv.end(), spec.argv.begin(), spec.argv.end());
  const bool said = std::any_of(spec.argv.begin(), spec.argv.end(),
                                [](const std::string& word) { return word.rfind("--mpi", 0) == 0; });
  if (spec.role == Role::engines && !said) argv.emplace_back("--mpi");
  return argv;
}

}  // namespace camshaft::cluster
