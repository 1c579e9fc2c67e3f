#include "cluster/ssh/hosts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace camshaft::cluster::ssh {
namespace {

using nlohmann::json;

constexpr int kGraceSeconds = 5;

/// Reads its own program from its input, so that no shell there has to understand more than one pair of quotes.
constexpr std::string_view kBootstrap =
    "'import json;i=open(0,\"rb\",0,closefd=False);"
    "exec(compile(json.loads(i.readline().decode()),\"camshaft-guard\",\"exec\"))'";

std::string python_of(const Launcher& launcher) {
  const std::string python = text_option(launcher, "remote_python");
  return python.empty() ? "python3" : python;
}

/// "a b" and "a'b" as one word of a shell.
std::string shell_word(std::string_view word) {
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out + "'";
}

std::string at_host(const Launcher& launcher, const Address& address, const std::string& host) {
  const std::string user = address.user.empty() ? text_option(launcher, "user") : address.user;
  return user.empty() ? host : user + "@" + host;
}

std::vector<std::string> ssh_command(const Launcher& launcher, const Address& address) {
  std::vector<std::string> argv = words_option(launcher, "ssh_cmd");
  if (argv.empty()) argv = {"ssh"};
  for (auto& word : words_option(launcher, "ssh_args")) {
    if (word == "-t" || word == "-tt") continue;  // a terminal would swallow the end of our input
    argv.push_back(std::move(word));
  }
  // Where an option is given twice, ssh takes the first.
  for (const char* option : {"BatchMode=yes", "ConnectTimeout=20", "ServerAliveInterval=15", "ServerAliveCountMax=4"}) {
    argv.insert(argv.end(), {"-o", option});
  }
  argv.emplace_back("-T");
  if (address.port != 0) argv.insert(argv.end(), {"-p", std::to_string(address.port)});
  argv.push_back(at_host(launcher, address, address.host));
  return argv;
}

/// Of the options of ssh, those that scp has as well.
std::vector<std::string> shared_with_scp(const std::vector<std::string>& ssh_args) {
  constexpr std::string_view kWithValue = "FiJoc", kFlags = "46Cqv";
  std::vector<std::string> shared;
  for (std::size_t i = 0; i < ssh_args.size(); ++i) {
    const std::string& word = ssh_args[i];
    if (word.size() < 2 || word[0] != '-') continue;
    const bool apart = word.size() == 2;
    if (apart && kFlags.find(word[1]) != std::string_view::npos) {
      shared.push_back(word);
    } else if (kWithValue.find(word[1]) != std::string_view::npos || word[1] == 'p' || word[1] == 'l') {
      if (apart && i + 1 == ssh_args.size()) break;
      const std::string value = apart ? ssh_args[++i] : word.substr(2);
      if (word[1] == 'p')
        shared.insert(shared.end(), {"-P", value});
      else if (word[1] == 'l')
        shared.insert(shared.end(), {"-o", "User=" + value});
      else
        shared.insert(shared.end(), {word.substr(0, 2), value});
    }
  }
  return shared;
}

std::vector<std::string> scp_command(const Launcher& launcher, const Address& address) {
  std::vector<std::string> argv = words_option(launcher, "scp_cmd");
  if (argv.empty()) argv = {"scp"};
  auto own = words_option(launcher, "scp_args");
  if (own.empty()) own = shared_with_scp(words_option(launcher, "ssh_args"));
  argv.insert(argv.end(), own.begin(), own.end());
  argv.insert(argv.end(), {"-o", "BatchMode=yes", "-o", "ConnectTimeout=20"});
  if (address.port != 0) argv.insert(argv.end(), {"-P", std::to_string(address.port)});
  return argv;
}

/// A path there without "~/": scp and ssh begin in the home folder by themselves.
std::string from_home(const std::string& path) { return path.rfind("~/", 0) == 0 ? path.substr(2) : path; }

/// to_send, to_fetch: [["from", "to"], ...].
Result<std::vector<std::pair<std::string, std::string>>> pairs_of(const Launcher& launcher, const char* name) {
  std::vector<std::pair<std::string, std::string>> pairs;
  const auto given = launcher.options.find(name);
  if (given == launcher.options.end() || given->is_null()) return pairs;
  const Error wrong{Errc::bad_value, fmt::format("{}: a list of pairs [[\"from\", \"to\"], ...] is expected, not {}",
                                                 name, given->dump())};
  if (!given->is_array()) return wrong;
  for (const json& one : *given) {
    if (!one.is_array() || one.size() != 2 || !one[0].is_string() || !one[1].is_string()) return wrong;
    pairs.emplace_back(one[0].get<std::string>(), one[1].get<std::string>());
    if (pairs.back().first.empty() || pairs.back().second.empty()) return wrong;
  }
  return pairs;
}

/// The profile there: the same path, or the same below the home folder.
std::string remote_profile(const TetherSpec& spec, const Launcher& launcher, std::string_view home) {
  const std::string given = text_option(launcher, "remote_profile_dir");
  const std::string& path = given.empty() ? spec.profile_dir : given;
  if (given.empty() && home.size() > 1 && path.rfind(std::string(home) + "/", 0) == 0) {
    return path.substr(home.size() + 1);
  }
  return path;
}

/// What is started there: what was chosen, else our module in the Python there. A path of here means nothing there.
std::vector<std::string> program_of(const TetherSpec& spec, const Launcher& launcher) {
  const bool controller = spec.role == Role::controller;
  if (launcher.name == "sshproxy") {
    auto argv = words_option(launcher, "ipcluster_cmd");
    if (argv.empty()) {
      argv = {python_of(launcher), "-c",
              "import os, sys\nfrom camshaft import _binaries\nprogram = _binaries.find('ipcluster')\n"
              "os.execv(program, [program] + sys.argv[1:])"};
    }
    argv.insert(argv.end(), {"engines", "-n", std::to_string(spec.n), "--cluster-id=" + spec.cluster_id});
    if (spec.restarts > 0) argv.push_back("--restart-engines=" + std::to_string(spec.restarts));
    for (auto& word : words_option(launcher, "ipcluster_args")) argv.push_back(std::move(word));
    return argv;
  }
  std::vector<std::string> argv = words_option(launcher, controller ? "controller_cmd" : "engine_cmd");
  if (argv.empty()) argv = {python_of(launcher), "-m", controller ? "camshaft.controller" : "camshaft.engine"};
  const auto program_words = std::min(spec.argv.size(), static_cast<std::size_t>(std::max(spec.program_words, 0)));
  argv.insert(argv.end(), spec.argv.begin() + static_cast<std::ptrdiff_t>(program_words), spec.argv.end());
  return argv;
}

Result<Host> host_of(const TetherSpec& spec, const Launcher& launcher, const Address& address, int n,
                     std::string_view home) {
  Host host;
  host.address = address;
  host.n = n;
  host.plain_ssh = host.ssh = ssh_command(launcher, address);
  host.ssh.push_back(shell_word(python_of(launcher)) + " -u -c " + std::string(kBootstrap));
  const bool v6 = address.host.find(':') != std::string::npos;
  host.scp = scp_command(launcher, address);
  host.scp_place = at_host(launcher, address, v6 ? "[" + address.host + "]" : address.host) + ":";
  auto send = pairs_of(launcher, "to_send"), fetch = pairs_of(launcher, "to_fetch");
  if (!send) return send.error();
  if (!fetch) return fetch.error();
  host.send = std::move(*send);
  host.fetch = std::move(*fetch);
  host.argv = program_of(spec, launcher);
  host.profile_dir = remote_profile(spec, launcher, home);
  host.work_dir = text_option(launcher, "work_dir");
  host.connection_name = "ipcontroller-" + (spec.cluster_id.empty() ? "" : spec.cluster_id + "-");
  host.fetches_files = spec.role == Role::controller;
  host.needs_files = launcher.name == "sshproxy";
  for (const auto& one : spec.environment) {
    if (one.first != "IPP_PROFILE_DIR" && one.first != "PYTHONPATH") host.environment.push_back(one);
  }
  for (auto& one : environment_option(launcher)) host.environment.push_back(std::move(one));
  if (host.fetches_files) {
    const bool said = std::any_of(host.argv.begin(), host.argv.end(),
                                  [](const std::string& word) { return word.rfind("--ip=", 0) == 0; });
    if (!said) host.argv.emplace_back("--ip=*");  // nobody here could reach its loopback
  }
  return host;
}

/// What the value of one host in `engines` says: a number, {n, ...}, or [n, engine_args].
struct HostOptions {
  int n = 1;
  Launcher launcher;
};
Result<HostOptions> options_of(const Launcher& launcher, const std::string& name, const json& value) {
  HostOptions out{1, launcher};
  out.launcher.options.erase("engines");
  const json* count = &value;
  if (value.is_object()) {
    static const json one = 1;
    count = value.contains("n") ? &value["n"] : &one;
    for (const auto& [key, option] : value.items()) {
      if (key != "n") out.launcher.options[key] = option;
    }
  } else if (value.is_array() && !value.empty()) {
    count = &value[0];
    if (value.size() > 1) out.launcher.options["engine_args"] = value[1];
  }
  if (!count->is_number_integer() || count->get<int>() < 1) {
    return Error{Errc::bad_value,
                 fmt::format("engines on {}: a number from 1, {{\"n\": 2, \"engine_args\": [...]}} or [2, [...]] is "
                             "expected, not {}",
                             name, value.dump())};
  }
  out.n = count->get<int>();
  return out;
}

bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  const std::size_t at = text.rfind('\n');
  return std::string(at == std::string_view::npos ? text : text.substr(at + 1));
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
  const Error wrong{Errc::bad_value, fmt::format("'{}' is not of the form [user@]host[:port]", text)};
  Address address;
  std::string_view rest = text;
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    address.user = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    if (address.user.empty()) return wrong;
  }
  std::string_view port;
  if (!rest.empty() && rest.front() == '[') {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos) return wrong;
    address.host = rest.substr(1, end - 1);
    port = rest.substr(end + 1);
    if (!port.empty() && port.front() != ':') return wrong;
  } else if (std::count(rest.begin(), rest.end(), ':') <= 1) {
    address.host = rest.substr(0, rest.find(':'));
    if (const std::size_t colon = rest.find(':'); colon != std::string_view::npos) port = rest.substr(colon);
  } else {
    address.host = rest;
  }
  if (!port.empty()) {
    port.remove_prefix(1);
    const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (failure != std::errc() || end != port.data() + port.size() || address.port < 1 || address.port > 65535) {
      return wrong;
    }
  }
  // ssh would take such a name for an option.
  if (address.host.empty() || address.host.front() == '-' || (!address.user.empty() && address.user.front() == '-')) {
    return wrong;
  }
  return address;
}

Result<std::vector<Host>> hosts_of(const TetherSpec& spec, std::string_view home) {
  std::vector<Host> hosts;
  const auto engines = spec.launcher.options.find("engines");
  const bool several = spec.role == Role::engines && spec.launcher.name == "ssh";
  if (several && engines != spec.launcher.options.end() && engines->is_object() && !engines->empty()) {
    int left = spec.n;
    for (const auto& [name, value] : engines->items()) {
      const auto address = parse_address(name);
      if (!address) return address.error();
      const auto options = options_of(spec.launcher, name, value);
      if (!options) return options.error();
      const int n = std::min(left, options->n);
      left -= n;
      if (n == 0) continue;
      TetherSpec of_host = spec;
      const auto args = words_option(options->launcher, "engine_args");
      const auto common = words_option(spec.launcher, "engine_args");
      if (args != common) of_host.argv.insert(of_host.argv.end(), args.begin(), args.end());
      auto host = host_of(of_host, options->launcher, *address, n, home);
      if (!host) return host.error();
      hosts.push_back(std::move(*host));
    }
    return hosts;
  }
  const std::string name = text_option(spec.launcher, "hostname");
  if (name.empty()) {
    return Error{Errc::bad_value, several ? "the ssh launcher has to know where: give it the option engines, such as "
                                            "{\"node1\": 2, \"me@node2:2222\": 4}"
                                          : "the launcher has to know where: give it the option hostname"};
  }
  const auto address = parse_address(name);
  if (!address) return address.error();
  auto host = host_of(spec, spec.launcher, *address, several ? spec.n : 1, home);
  if (!host) return host.error();
  hosts.push_back(std::move(*host));
  return hosts;
}

int engines_asked_for(const Launcher& launcher) {
  const auto engines = launcher.options.find("engines");
  if (launcher.name != "ssh" || engines == launcher.options.end() || !engines->is_object()) return 0;
  int count = 0;
  for (const auto& [name, value] : engines->items()) {
    if (const auto options = options_of(launcher, name, value)) count += options->n;
  }
  return count;
}

std::vector<std::vector<std::string>> sending(const Host& host) {
  std::vector<std::vector<std::string>> commands;
  std::string folders;
  for (const auto& [here, there] : host.send) {
    const std::string path = from_home(there);
    if (const std::size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0)
      folders += " " + shell_word(path.substr(0, slash));
  }
  if (!folders.empty()) {
    commands.push_back(host.plain_ssh);
    commands.back().push_back("mkdir -p --" + folders);
  }
  for (const auto& [here, there] : host.send) {
    commands.push_back(host.scp);
    commands.back().insert(commands.back().end(), {here, host.scp_place + from_home(there)});
  }
  return commands;
}

std::vector<std::vector<std::string>> fetching(const Host& host) {
  std::vector<std::vector<std::string>> commands;
  for (const auto& [there, here] : host.fetch) {
    commands.push_back(host.scp);
    commands.back().insert(commands.back().end(), {host.scp_place + from_home(there), here});
  }
  return commands;
}

std::string opening(const Host& host, const std::vector<std::pair<std::string, std::string>>& files) {
  json environment = json::object();
  for (const auto& [name, value] : host.environment) environment[name] = value;
  json written = json::array();
  for (const auto& [name, text] : files) written.push_back({name, text});
  json fetched = json::array();
  if (host.fetches_files) fetched = {host.connection_name + "client.json", host.connection_name + "engine.json"};
  const json spec = {
      {"argv", host.argv},         {"n", host.n},      {"environment", environment}, {"profile_dir", host.profile_dir},
      {"work_dir", host.work_dir}, {"files", written}, {"fetch", fetched},           {"grace", kGraceSeconds}};
  return json(guard_program()).dump(-1, ' ', true) + "\n" + spec.dump(-1, ' ', true, json::error_handler_t::replace) +
         "\n";
}

std::string explain(const Host& host, int code, std::string_view text) {
  const std::string name = host.address.host;
  const std::string said = last_line(text);
  if (code == 127 && host.ssh.empty()) return said;
  std::string advice = fmt::format("try it by hand: ssh {} true", name);
  if (holds(text, "Permission denied")) {
    advice = fmt::format("ssh must get in without a password: ssh-copy-id {}, or an agent", name);
  } else if (holds(text, "Host key verification failed")) {
    advice = fmt::format("its key is not known, or has changed: connect once by hand: ssh {}", name);
  } else if (holds(text, "Could not resolve")) {
    advice = "is the name right?";
  } else if (holds(text, "Connection refused")) {
    advice = "does sshd run there, at that port?";
  } else if (holds(text, "timed out")) {
    advice = "is the machine on, and no firewall in between?";
  } else if (code != 255 && (code == 127 || code == 126 || holds(text, "not found"))) {
    advice = "the Python there is not where it was looked for: say where with the option remote_python";
  }
  return fmt::format("no engines on {}: {}; {}", name, said.empty() ? fmt::format("ssh ended with {}", code) : said,
                     advice);
}

}  // namespace camshaft::cluster::ssh
