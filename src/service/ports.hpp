// service/ports.hpp: which address each channel of a controller binds: fixed pools, free ports, or those of files.
// Thread: one owner. Owns: what is left of the pools. Errors: none; binding tells whether a port is free.
#pragma once
#include <deque>
#include <string>

#include "service/controller_config.hpp"

namespace camshaft::service {

/// Hands out addresses in the order in which channels ask (protocol 1.3: it matters for firewalls).
class PortPlan final {
 public:
  explicit PortPlan(const ControllerConfig& config)
      : engine_ip_(config.engine_ip),
        client_ip_(config.client_ip),
        engine_(config.engine_ports.begin(), config.engine_ports.end()),
        client_(config.client_ports.begin(), config.client_ports.end()),
        common_(config.common_ports.begin(), config.common_ports.end()) {}

  /// "tcp://<ip>:<port>" with the next port of the pool, of the common pool, or "*".
  std::string engine(int wanted = 0) { return address(engine_ip_, wanted != 0 ? wanted : next(engine_)); }
  std::string client(int wanted = 0) { return address(client_ip_, wanted != 0 ? wanted : next(client_)); }

  static std::string address(const std::string& ip, int port) {
    return "tcp://" + ip + ":" + (port == 0 ? std::string("*") : std::to_string(port));
  }

 private:
  int next(std::deque<int>& pool) {
    std::deque<int>& source = pool.empty() ? common_ : pool;
    if (source.empty()) return 0;
    const int port = source.front();
    source.pop_front();
    return port;
  }
  std::string engine_ip_, client_ip_;
  std::deque<int> engine_, client_, common_;
};

}  // namespace camshaft::service
