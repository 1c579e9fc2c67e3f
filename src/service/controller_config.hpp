// service/controller_config.hpp: everything a controller is told, as one value.
// Thread: plain values. Errors: none.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/time.hpp"
#include "net/curve.hpp"
#include "sched/schemes.hpp"
#include "service/record_stores.hpp"

namespace camshaft::service {

/// The scheduler decides how many tasks an engine may hold: one, and more while they are short.
constexpr int kAutoHwm = -1;

struct ControllerConfig {
  // Where it listens: addresses, or, as both, ipc://PATH: unix sockets whose names begin with PATH.
  std::string engine_ip = "127.0.0.1";
  std::string client_ip = "127.0.0.1";
  int registration_port = 0;                                  // 0 = a free one
  std::vector<int> engine_ports, client_ports, common_ports;  // pools in order of use; empty = free ports
  int broadcast_depth = 1;

  // What the connection files say and where they are.
  std::filesystem::path client_file;
  std::filesystem::path engine_file;
  std::filesystem::path engine_state_file;
  std::string location;
  std::string client_ssh, engine_ssh;
  bool reuse = false;    // take ports and key from the files and leave them behind
  bool restore = false;  // and the engines from the state file

  // Who it is.
  std::string signature_scheme = "hmac-sha256";
  std::string key;
  std::optional<net::CurveKeys> curve;  // connections are encrypted
  std::string session;
  std::string username;

  // How it decides.
  std::string task_scheme = "leastload";                                // or "pure", or "custom":
  sched::Chooser chooser{};                                             // the user's own scheme
  std::function<std::optional<std::filesystem::path>()> find_python{};  // for what only Python can do: Dask
  int hwm = kAutoHwm;  // tasks an engine may hold at a time; 0: no limit
  std::uint64_t seed = 0;
  Duration heart_period = std::chrono::milliseconds(3000);
  int max_misses = 10;
  Duration registration_timeout = std::chrono::seconds(30);
  /// For engines of the controller before.
  Duration engine_wait() const { return (max_misses + 1) * heart_period; }

  RecordOptions records;  // what it remembers, and where
};

}  // namespace camshaft::service
