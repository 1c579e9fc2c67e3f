// service/ports.hpp: which address each channel of a controller binds: fixed pools, free ports, or those of files.
// Thread: one owner. Owns: what is left of the pools. Errors: none; binding tells whether a port is free.
#pragma once
#include <deque>
#include <set>
#include <string>

#include "service/controller_config.hpp"

namespace camshaft::service {

inline bool is_path(const std::string& ip) { return ip.starts_with("ipc://"); }
/// What connection files call the interface, and back.
inline std::string interface_of(const std::string& ip) { return is_path(ip) ? ip : "tcp://" + ip; }
inline std::string ip_of(const std::string& interface) {
  return is_path(interface) ? interface : interface.substr(interface.find("://") + 3);
}

/// Hands out addresses in the order in which channels ask (protocol 1.3: it matters for firewalls).
class PortPlan final {
 public:
  explicit PortPlan(const ControllerConfig& config)
      : engine_ip_(config.engine_ip),
        client_ip_(config.client_ip),
        engine_(config.engine_ports.begin(), config.engine_ports.end()),
        client_(config.client_ports.begin(), config.client_ports.end()),
        common_(config.common_ports.begin(), config.common_ports.end()) {}

  /// "tcp://<ip>:<port>" with the next port of the pool, of the common pool, or "*". "ipc://<path>:<number>", as peers
  /// form it, has no free ports: it counts.
  std::string engine(int wanted = 0) { return address(engine_ip_, wanted != 0 ? wanted : next(engine_)); }
  std::string client(int wanted = 0) { return address(client_ip_, wanted != 0 ? wanted : next(client_)); }

 private:
  std::string address(const std::string& ip, int port) {
    if (port == 0 && is_path(ip)) {
      while (!numbers_.insert(++count_).second) {
      }
      port = count_;
    } else {
      numbers_.insert(port);
    }
    return interface_of(ip) + ":" + (port == 0 ? std::string("*") : std::to_string(port));
  }
  int next(std::deque<int>& pool) {
    std::deque<int>& source = pool.empty() ? common_ : pool;
    if (source.empty()) return 0;
    const int port = source.front();
    source.pop_front();
    return port;
  }
  std::string engine_ip_, client_ip_;
  std::deque<int> engine_, client_, common_;
  int count_ = 0;
  std::set<int> numbers_;  // of unix sockets that are in use
};

}  // namespace camshaft::service
