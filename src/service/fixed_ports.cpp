#include "service/fixed_ports.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include "service/ports.hpp"
#include "wire/connection_file.hpp"

namespace camshaft::service {
namespace {

namespace fs = std::filesystem;

constexpr Duration kPatience = std::chrono::seconds(5);
constexpr Duration kPause = std::chrono::milliseconds(100);
constexpr std::size_t kChannels = 15;  // pools may be larger than what is used of them
constexpr std::string_view kTcp = "tcp://";

using Place = std::pair<std::string, int>;  // address and port

std::set<Place> fixed_places(const ControllerConfig& config) {
  std::set<Place> places;
  const auto add = [&](const std::string& ip, int port) {
    if (port > 0) places.emplace(ip, port);
  };
  if (config.reuse) {
    const auto client_text = wire::read_file(config.client_file), engine_text = wire::read_file(config.engine_file);
    if (client_text && engine_text) {
      const auto client = wire::parse_client_connection(*client_text);
      const auto engine = wire::parse_engine_connection(*engine_text);
      if (!client || !engine || !client->interface.starts_with(kTcp) || !engine->interface.starts_with(kTcp)) return {};
      const std::string of_clients = client->interface.substr(kTcp.size());
      const std::string of_engines = engine->interface.substr(kTcp.size());
      for (const int port : {client->registration, client->control, client->mux, client->task, client->iopub,
                             client->notification, client->broadcast})
        add(of_clients, port);
      for (const int port :
           {engine->control, engine->mux, engine->task, engine->iopub, engine->hb_ping, engine->hb_pong})
        add(of_engines, port);
      for (const int port : engine->broadcast) add(of_engines, port);
      return places;
    }
  }
  if (is_path(config.client_ip)) return {};
  add(config.client_ip, config.registration_port);
  const auto add_pool = [&](const std::string& ip, const std::vector<int>& pool) {
    for (std::size_t i = 0; i < std::min(pool.size(), kChannels); ++i) add(ip, pool[i]);
  };
  add_pool(config.engine_ip, config.engine_ports);
  add_pool(config.client_ip, config.client_ports);
  add_pool(config.client_ip, config.common_ports);
  return places;
}

bool is_free(const Place& place) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(place.second));
  const bool everywhere = place.first == "*" || place.first == "0.0.0.0";
  if (!everywhere && ::inet_pton(AF_INET, place.first.c_str(), &address.sin_addr) != 1) return true;  // a name
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return true;
  const int on = 1;
  ::setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool taken =
      (::bind(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(probe, 1) != 0) &&
      errno == EADDRINUSE;
  ::close(probe);
  return !taken;
}

// Of the sockets that listen on a port, the inode, by which the links in /proc/<pid>/fd name them.
std::set<std::string> listeners(int port) {
  std::set<std::string> inodes;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream lines(table);
    std::string line;
    while (std::getline(lines, line)) {
      // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
      std::istringstream words(line);
      std::vector<std::string> fields;
      for (std::string word; fields.size() < 10 && words >> word;) fields.push_back(word);
      if (fields.size() < 10 || fields[3] != "0A") continue;
      const std::string hex = fields[1].substr(fields[1].rfind(':') + 1);
      int found = 0;
      std::from_chars(hex.data(), hex.data() + hex.size(), found, 16);
      if (found == port) inodes.insert("socket:[" + fields[9] + "]");
    }
  }
  return inodes;
}

std::string process_with(const std::set<std::string>& sockets) {
  std::error_code failure;
  for (const auto& process : fs::directory_iterator("/proc", failure)) {
    const std::string pid = process.path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    std::error_code not_ours;
    for (const auto& descriptor : fs::directory_iterator(process.path() / "fd", not_ours)) {
      const fs::path target = fs::read_symlink(descriptor.path(), not_ours);
      if (not_ours || !sockets.contains(target.string())) continue;
      std::ifstream name(process.path() / "comm");
      std::string comm;
      std::getline(name, comm);
      return fmt::format("{} (pid {})", comm, pid);
    }
  }
  return "";
}

}  // namespace

bool await_ports(const ControllerConfig& config, const std::function<bool(Duration)>& pause, Log& log) {
  bool told = false;
  for (Duration waited{}; waited < kPatience; waited += kPause) {
    const Place* taken = nullptr;
    const auto places = fixed_places(config);
    for (const Place& place : places) {
      if (taken == nullptr && !is_free(place)) taken = &place;
    }
    if (taken == nullptr) return true;
    if (!std::exchange(told, true)) {
      // A start that fails says one line, which comes from binding.
      log.debug("{}: waiting some seconds for its end",
                holder_of_port(fmt::format("{}{}:{}", kTcp, taken->first, taken->second)));
    }
    if (!pause(kPause)) return false;
  }
  return true;  // binding says the rest
}

std::string holder_of_port(std::string_view line) {
  const std::size_t begin = line.find(kTcp);
  if (begin == line.npos) return "";
  const std::size_t colon = line.find(':', begin + kTcp.size());
  if (colon == line.npos) return "";
  int port = 0;
  std::from_chars(line.data() + colon + 1, line.data() + line.size(), port);
  const auto sockets = listeners(port);
  const std::string process = sockets.empty() ? "" : process_with(sockets);
  if (process.empty()) return fmt::format("port {} is held by a process that cannot be seen from here", port);
  return fmt::format("port {} is held by {}", port, process);
}

}  // namespace camshaft::service
