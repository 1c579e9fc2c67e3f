#include "apps/launcher_settings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "cluster/commands.hpp"

namespace camshaft::apps {
namespace {

using nlohmann::json;

struct Family {
  std::string_view name;     // of the launcher
  std::string_view classes;  // general ones first; {S} is EngineSet or Controller, {R} Engine or Controller
};
constexpr std::array kFamilies = {
    Family{"local", "LocalProcessLauncher LocalEngineLauncher Local{S}Launcher"},
    Family{"mpi", "LocalProcessLauncher MPILauncher MPIExecLauncher MPI{S}Launcher MPIExec{S}Launcher"},
    Family{"ssh",
           "LocalProcessLauncher SSHLauncher LocalEngineLauncher LocalEngineSetLauncher SSHEngineLauncher "
           "SSH{S}Launcher"},
    Family{"sshproxy", "LocalProcessLauncher SSHLauncher SSHProxy{S}Launcher"},
    Family{"batch", "BatchSystemLauncher Batch{S}Launcher BatchSystem{S}Launcher"},
    Family{"pbs", "BatchSystemLauncher Batch{S}Launcher PBSLauncher PBS{S}Launcher"},
    Family{"sge", "BatchSystemLauncher Batch{S}Launcher PBSLauncher SGELauncher SGE{S}Launcher"},
    Family{"lsf", "BatchSystemLauncher Batch{S}Launcher LSFLauncher LSF{S}Launcher"},
    Family{"slurm", "BatchSystemLauncher Batch{S}Launcher SlurmLauncher Slurm{S}Launcher"},
    Family{"htcondor", "BatchSystemLauncher Batch{S}Launcher HTCondorLauncher HTCondor{S}Launcher"},
    Family{"winhpc", "WindowsHPCLauncher WindowsHPC{S}Launcher WinHPCJob IP{S}Job WinHPCTask IP{R}Task"},
};
enum class Type { text, whole, real, list, object };

struct Trait {
  std::string_view name;
  Type type;
};
constexpr std::array kTraits = {
    Trait{"environment", Type::object},
    Trait{"output_limit", Type::whole},
    Trait{"stop_timeout", Type::whole},
    Trait{"work_dir", Type::text},
    Trait{"connection_info_timeout", Type::real},
    Trait{"controller_args", Type::list},
    Trait{"controller_cmd", Type::list},
    Trait{"engine_args", Type::list},
    Trait{"engine_cmd", Type::list},
    Trait{"poll_seconds", Type::whole},
    Trait{"stop_seconds_until_kill", Type::whole},
    Trait{"delay", Type::real},
    Trait{"mpi_args", Type::list},
    Trait{"mpi_cmd", Type::list},
    Trait{"hostname", Type::text},
    Trait{"location", Type::text},
    Trait{"remote_profile_dir", Type::text},
    Trait{"remote_python", Type::text},
    Trait{"scp_args", Type::list},
    Trait{"scp_cmd", Type::list},
    Trait{"ssh_args", Type::list},
    Trait{"ssh_cmd", Type::list},
    Trait{"to_fetch", Type::list},
    Trait{"to_send", Type::list},
    Trait{"user", Type::text},
    Trait{"engines", Type::object},
    Trait{"ipcluster_args", Type::list},
    Trait{"ipcluster_cmd", Type::list},
    Trait{"job_cmd", Type::text},
    Trait{"job_file_name", Type::text},
    Trait{"job_id_regexp", Type::text},
    Trait{"job_id_regexp_group", Type::whole},
    Trait{"scheduler", Type::text},
    Trait{"batch_file_name", Type::text},
    Trait{"batch_template", Type::text},
    Trait{"batch_template_file", Type::text},
    Trait{"delete_command", Type::list},
    Trait{"signal_command", Type::list},
    Trait{"submit_command", Type::list},
    Trait{"namespace", Type::object},
    Trait{"output_file", Type::text},
    Trait{"queue", Type::text},
    Trait{"account", Type::text},
    Trait{"qos", Type::text},
    Trait{"timelimit", Type::text},
    Trait{"options", Type::text},
    // Ours, see docs/operations/launchers/batch.md:
    Trait{"layout", Type::text},
    Trait{"runner", Type::text},
    Trait{"pe", Type::text},
    Trait{"status_command", Type::list},
    Trait{"queue_template", Type::text},
    Trait{"job_array_template", Type::text},
    Trait{"output_template", Type::text},
    // Of Windows HPC's jobs and tasks:
    Trait{"priority", Type::text},
    Trait{"username", Type::text},
    Trait{"owner", Type::text},
    Trait{"project", Type::text},
    Trait{"job_name", Type::text},
    Trait{"job_type", Type::text},
    Trait{"task_name", Type::text},
    Trait{"unit_type", Type::text},
    Trait{"requested_nodes", Type::text},
    Trait{"work_directory", Type::text},
    Trait{"min_cores", Type::whole},
    Trait{"max_cores", Type::whole},
    Trait{"min_nodes", Type::whole},
    Trait{"max_nodes", Type::whole},
    Trait{"min_sockets", Type::whole},
    Trait{"max_sockets", Type::whole},
};

/// {S} and {R} filled in.
std::vector<std::string> words_of(std::string_view classes, cluster::Role role) {
  std::vector<std::string> words;
  const std::string set = role == cluster::Role::engines ? "EngineSet" : "Controller";
  const std::string single = role == cluster::Role::engines ? "Engine" : "Controller";
  while (!classes.empty()) {
    const std::size_t end = std::min(classes.find(' '), classes.size());
    std::string word(classes.substr(0, end));
    classes.remove_prefix(std::min(end + 1, classes.size()));
    if (const std::size_t at = word.find("{S}"); at != std::string::npos) word.replace(at, 3, set);
    if (const std::size_t at = word.find("{R}"); at != std::string::npos) word.replace(at, 3, single);
    words.push_back(std::move(word));
  }
  return words;
}

const std::set<std::string>& known_classes() {
  static const std::set<std::string> classes = [] {
    std::set<std::string> all;
    for (const Family& family : kFamilies) {
      for (const auto role : {cluster::Role::engines, cluster::Role::controller}) {
        if (family.name == "sshproxy" && role == cluster::Role::controller) continue;
        for (std::string& one : launcher_classes({std::string(family.name), json::object()}, role)) all.insert(one);
      }
    }
    return all;
  }();
  return classes;
}

std::pair<std::string_view, std::string_view> split(std::string_view name) {
  const std::size_t dot = std::min(name.find('.'), name.size());
  return {name.substr(0, dot), name.substr(std::min(dot + 1, name.size()))};
}

bool ends_with_launcher(std::string_view name) {
  constexpr std::string_view end = "Launcher";
  return name.size() > end.size() && name.substr(name.size() - end.size()) == end;
}

/// Almost a name that is known, and so most likely a slip.
bool is_slip(std::string_view name, std::string_view known) {
  const std::size_t most = name.size() > 12 ? 3 : name.size() > 5 ? 2 : 1;
  return name != known && edit_distance(name, known) <= most;
}

/// A class whose traits are taken: a launcher's of the original, or somebody else's that resembles none of those.
bool takes(std::string_view name) {
  const auto& classes = known_classes();
  if (classes.count(std::string(name)) > 0) return true;
  if (!ends_with_launcher(name)) return false;
  return std::none_of(classes.begin(), classes.end(), [&](const auto& known) { return is_slip(name, known); });
}

const Trait* trait_named(std::string_view name) {
  const auto found = std::find_if(kTraits.begin(), kTraits.end(), [&](const Trait& one) { return one.name == name; });
  return found == kTraits.end() ? nullptr : &*found;
}

/// JSON, or the Python form of it that needs no more than other quotes; discarded if neither.
json structured(std::string text) {
  json value = json::parse(text, nullptr, false);
  if (!value.is_discarded()) return value;
  std::replace(text.begin(), text.end(), '\'', '"');
  return json::parse(text, nullptr, false);
}

/// A text of a command line as a value of that type; discarded if it cannot be one.
json typed(Type type, const std::string& text) {
  const json discarded(json::value_t::discarded);
  if (type == Type::text) return text;
  if (type == Type::list) {
    if (!text.empty() && text.front() == '[') {
      json list = structured(text);
      return list.is_array() ? list : discarded;
    }
    return json::array({text});
  }
  json value = structured(text);
  const bool fits = type == Type::object  ? value.is_object()
                    : type == Type::whole ? value.is_number_integer()
                                          : value.is_number();
  return fits ? value : discarded;
}

constexpr std::string_view kind_of(Type type) {
  switch (type) {
    case Type::whole:
      return "a whole number";
    case Type::real:
      return "a number";
    case Type::list:
      return "a list such as [\"a\", \"b\"]";
    case Type::object:
      return "a dictionary such as {\"a\": 2}";
    case Type::text:
      break;
  }
  return "a text";
}

}  // namespace

std::vector<std::string> launcher_classes(const cluster::Launcher& launcher, cluster::Role role) {
  std::vector<std::string> classes = {"BaseLauncher",
                                      role == cluster::Role::engines ? "EngineLauncher" : "ControllerLauncher"};
  if (launcher.foreign()) {
    classes.push_back(launcher.name.substr(launcher.name.rfind(':') + 1));
    return classes;
  }
  const auto family =
      std::find_if(kFamilies.begin(), kFamilies.end(), [&](const Family& one) { return one.name == launcher.name; });
  if (family == kFamilies.end()) return classes;
  for (std::string& one : words_of(family->classes, role)) {
    const bool of_engines = one.find("Engine") != std::string::npos;
    if (role == cluster::Role::engines || !of_engines) classes.push_back(std::move(one));
  }
  return classes;
}

FurtherOptions LauncherSettings::further() {
  FurtherOptions further;
  further.knows = [](std::string_view name) {
    const auto [owner, trait] = split(name);
    if (trait.empty() || !takes(owner)) return false;
    if (known_classes().count(std::string(owner)) == 0 || trait_named(trait) != nullptr) return true;
    return std::none_of(kTraits.begin(), kTraits.end(),
                        [said = trait](const Trait& one) { return is_slip(said, one.name); });
  };
  further.assign = [this](std::string_view name, const json& value) { return assign(name, value); };
  for (const std::string& one : known_classes()) {
    for (const Trait& trait : kTraits) further.names.push_back(one + "." + std::string(trait.name));
  }
  std::vector<std::string_view> traits;
  for (const Trait& trait : kTraits) traits.push_back(trait.name);
  std::sort(traits.begin(), traits.end());
  further.help = fmt::format(
      "  --XLauncher.trait  <a text>\n      options of launchers, by the classes of the original, the special ones "
      "over "
      "the general ones\n      classes: {}\n      traits: {}\n",
      fmt::join(known_classes(), "\n        "), fmt::join(traits, ", "));
  return further;
}

Result<Done> LauncherSettings::assign(std::string_view name, const json& value) {
  const auto [owner, trait_name] = split(name);
  json& options = by_class_.try_emplace(std::string(owner), json::object()).first->second;
  const std::string key(trait_name);
  if (value.is_null()) return Done{};
  const Trait* trait = trait_named(trait_name);
  if (!value.is_string() || trait == nullptr) {
    options[key] = value;
    return Done{};
  }
  json said = typed(trait->type, value.get<std::string>());
  if (said.is_discarded()) {
    return Error{Errc::bad_value, fmt::format("option '--{}' expects {}, but got '{}'", name, kind_of(trait->type),
                                              value.get<std::string>())};
  }
  bool& begun = from_text_[std::string(name)];
  if (trait->type == Type::list && begun && options[key].is_array()) {
    options[key].insert(options[key].end(), said.begin(), said.end());  // a list is said word by word
  } else {
    options[key] = std::move(said);
  }
  begun = true;
  return Done{};
}

json LauncherSettings::options_of(const cluster::Launcher& launcher, cluster::Role role, const json& own) const {
  json all = json::object();
  for (const std::string& one : launcher_classes(launcher, role)) {
    const auto found = by_class_.find(one);
    if (found != by_class_.end()) all.update(found->second);
  }
  all.update(own);
  return all;
}

}  // namespace camshaft::apps
