// wire/connection_file.hpp: ipcontroller-client.json and ipcontroller-engine.json.
// Thread: pure functions but for read/write, which touch one file. Errors: Result with one line that says what to do.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace camshaft::wire {

/// What both files share.
struct ConnectionCommon {
  std::string interface = "tcp://127.0.0.1";  // "<transport>://<ip-or-path>"
  std::string key;                            // "" = signing off
  std::string signature_scheme = "hmac-sha256";
  std::string location;  // the controller's host name; "" when the file has none
  std::string ssh;       // "[user@]host[:port]" or ""
  std::optional<std::string> curve_serverkey;
  int registration = 0;
  int control = 0;
  int mux = 0;
  int task = 0;
  int iopub = 0;
  bool operator==(const ConnectionCommon&) const = default;
};

struct ClientConnection : ConnectionCommon {
  std::string task_scheme = "leastload";
  int notification = 0;
  int broadcast = 0;
  bool operator==(const ClientConnection&) const = default;
};

struct EngineConnection : ConnectionCommon {
  std::vector<int> broadcast;  // leaf ports
  int hb_ping = 0;
  int hb_pong = 0;
  bool operator==(const EngineConnection&) const = default;
};

/// Parses the text of a file; the error names the missing or wrong key.
Result<ClientConnection> parse_client_connection(std::string_view json);
Result<EngineConnection> parse_engine_connection(std::string_view json);
/// The text that the original would write: indent 2, pack/unpack "json".
std::string render(const ClientConnection& connection);
std::string render(const EngineConnection& connection);

/// "<dir>/ipcontroller-client.json", or "<dir>/ipcontroller-<cluster_id>-client.json".
std::filesystem::path client_file(const std::filesystem::path& security_dir, std::string_view cluster_id);
std::filesystem::path engine_file(const std::filesystem::path& security_dir, std::string_view cluster_id);

/// The whole file; Errc::not_found when it is not there.
Result<std::string> read_file(const std::filesystem::path& path);
/// Writes under a temporary name, mode 0600, then renames: readers never see half a file.
Result<Done> write_private_file(const std::filesystem::path& path, std::string_view text);

/// interface + ":" + port, with 0.0.0.0 and * replaced as the original's readers do: localhost when `location` is
/// this host or empty, else the first IPv4 address of `location`.
std::string url(const ConnectionCommon& connection, int port);

}  // namespace camshaft::wire
