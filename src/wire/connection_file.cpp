#include "wire/connection_file.hpp"

#include <fcntl.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>

namespace camshaft::wire {

namespace {

using nlohmann::json;
using Ordered = nlohmann::ordered_json;

Error bad_file(const std::string& what) {
  return {Errc::bad_json, "invalid connection file: " + what + " (was it written by this version of the controller?)"};
}

Error other_side(const char* whose, const char* ending) {
  return {Errc::bad_json,
          std::string("this is the connection file of the ") + whose + ": use the one whose name ends in " + ending};
}

// Reads the keys of one file, remembering the first that is missing or of the wrong type.
class Reader {
 public:
  explicit Reader(const json& object) : object_(object) {}

  std::string text(const char* key) {
    if (auto* value = find(key)) {
      if (value->is_string()) return value->get<std::string>();
      complain(key, "must be a string");
    }
    return {};
  }
  std::string text_or(const char* key, const char* fallback) const {
    const auto found = object_.find(key);
    return found != object_.end() && found->is_string() ? found->get<std::string>() : fallback;
  }
  int port(const char* key) {
    if (auto* value = find(key)) {
      if (is_port(*value)) return value->get<int>();
      complain(key, "must be a port number from 1 to 65535");
    }
    return 0;
  }
  std::vector<int> ports(const char* key) {
    std::vector<int> out;
    if (auto* value = find(key)) {
      if (value->is_array())
        for (const json& port : *value)
          if (is_port(port)) out.push_back(port.get<int>());
      if (out.empty() || out.size() != value->size()) complain(key, "must be a list of port numbers");
    }
    return out;
  }
  void require(bool ok, const std::string& complaint) {
    if (!ok && !problem_) problem_ = complaint;
  }
  const std::optional<std::string>& problem() const { return problem_; }

 private:
  static bool is_port(const json& value) {
    return value.is_number_integer() && value.get<long long>() >= 1 && value.get<long long>() <= 65535;
  }
  const json* find(const char* key) {
    const auto found = object_.find(key);
    if (found != object_.end()) return &*found;
    require(false, std::string("key '") + key + "' is missing");
    return nullptr;
  }
  void complain(const char* key, const char* what) { require(false, std::string("'") + key + "' " + what); }

  const json& object_;
  std::optional<std::string> problem_;
};

void read_common(Reader& reader, const json& object, ConnectionCommon& c) {
  c.interface = reader.text("interface");
  const auto separator = c.interface.find("://");
  reader.require(separator != std::string::npos && c.interface.find("://", separator + 3) == std::string::npos,
                 "'interface' must look like tcp://127.0.0.1");
  c.key = reader.text_or("key", "");
  c.signature_scheme = reader.text("signature_scheme");
  c.location = reader.text_or("location", "");
  c.ssh = reader.text_or("ssh", "");
  if (const auto curve = object.find("curve_serverkey"); curve != object.end() && curve->is_string())
    c.curve_serverkey = curve->get<std::string>();
  c.registration = reader.port("registration");
  c.control = reader.port("control");
  c.mux = reader.port("mux");
  c.task = reader.port("task");
  c.iopub = reader.port("iopub");
  for (const char* key : {"pack", "unpack"}) {
    const std::string packer = reader.text(key);
    // orjson is plain JSON on the wire (protocol 2.6).
    reader.require(
        packer == "json" || packer == "orjson",
        std::string("'") + key + "' is '" + packer + "', but only json is supported: set Session.packer to json");
  }
}

Result<json> parse_object(std::string_view text) {
  json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return bad_file(text.empty() ? "it is empty" : "it is not a whole JSON object");
  return object;
}

Ordered common_keys(const ConnectionCommon& c) {
  return {{"ssh", c.ssh},
          {"interface", c.interface},
          {"registration", c.registration},
          {"control", c.control},
          {"mux", c.mux},
          {"task", c.task},
          {"iopub", c.iopub}};
}

void add_security(Ordered& object, const ConnectionCommon& c) {
  object["key"] = c.key;
  object["curve_serverkey"] = c.curve_serverkey ? Ordered(*c.curve_serverkey) : Ordered(nullptr);
  object["location"] = c.location;
  object["pack"] = "json";
  object["unpack"] = "json";
  object["signature_scheme"] = c.signature_scheme;
}

std::filesystem::path file_name(const std::filesystem::path& dir, std::string_view cluster_id, std::string_view role) {
  std::string name = "ipcontroller-";
  if (!cluster_id.empty()) name.append(cluster_id).append("-");
  return dir / name.append(role).append(".json");
}

std::string host_name() {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return name;
}

std::string ipv4_text(std::uint32_t network_order) {
  const auto* b = reinterpret_cast<const unsigned char*>(&network_order);
  return std::to_string(b[0]) + "." + std::to_string(b[1]) + "." + std::to_string(b[2]) + "." + std::to_string(b[3]);
}

// The first IPv4 address of `host`; the name itself when it cannot be resolved.
std::string resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0 || found == nullptr) return host;
  const std::string address = ipv4_text(reinterpret_cast<const sockaddr_in*>(found->ai_addr)->sin_addr.s_addr);
  freeaddrinfo(found);
  return address;
}

bool is_local_address(const std::string& address) {
  ifaddrs* interfaces = nullptr;
  if (getifaddrs(&interfaces) != 0) return false;
  bool local = false;
  for (const ifaddrs* i = interfaces; i != nullptr; i = i->ifa_next)
    if (i->ifa_addr != nullptr && i->ifa_addr->sa_family == AF_INET &&
        ipv4_text(reinterpret_cast<const sockaddr_in*>(i->ifa_addr)->sin_addr.s_addr) == address)
      local = true;
  freeifaddrs(interfaces);
  return local;
}

}  // namespace

Result<ClientConnection> parse_client_connection(std::string_view text) {
  const auto object = parse_object(text);
  if (!object) return object.error();
  if (object->contains("hb_ping")) return other_side("engines", "-client.json");
  Reader reader(*object);
  ClientConnection c;
  read_common(reader, *object, c);
  c.task_scheme = reader.text("task_scheme");
  c.notification = reader.port("notification");
  c.broadcast = reader.port("broadcast");
  if (reader.problem()) return bad_file(*reader.problem());
  return c;
}

Result<EngineConnection> parse_engine_connection(std::string_view text) {
  const auto object = parse_object(text);
  if (!object) return object.error();
  if (object->contains("notification")) return other_side("clients", "-engine.json");
  Reader reader(*object);
  EngineConnection c;
  read_common(reader, *object, c);
  c.broadcast = reader.ports("broadcast");
  c.hb_ping = reader.port("hb_ping");
  c.hb_pong = reader.port("hb_pong");
  if (reader.problem()) return bad_file(*reader.problem());
  return c;
}

std::string render(const ClientConnection& c) {
  Ordered object = common_keys(c);
  object["task_scheme"] = c.task_scheme;
  object["notification"] = c.notification;
  object["broadcast"] = c.broadcast;
  add_security(object, c);
  return object.dump(2, ' ', false, Ordered::error_handler_t::replace);
}

std::string render(const EngineConnection& c) {
  Ordered object = common_keys(c);
  object["hb_ping"] = c.hb_ping;
  object["hb_pong"] = c.hb_pong;
  object["broadcast"] = c.broadcast;
  add_security(object, c);
  return object.dump(2, ' ', false, Ordered::error_handler_t::replace);
}

std::filesystem::path client_file(const std::filesystem::path& security_dir, std::string_view cluster_id) {
  return file_name(security_dir, cluster_id, "client");
}

std::filesystem::path engine_file(const std::filesystem::path& security_dir, std::string_view cluster_id) {
  return file_name(security_dir, cluster_id, "engine");
}

Result<std::string> read_file(const std::filesystem::path& path) {
  std::error_code ignored;
  // Reading a folder as a stream throws.
  const bool is_folder = std::filesystem::is_directory(path, ignored);
  std::ifstream in;
  if (!is_folder) in.open(path, std::ios::binary);
  if (!in.is_open())
    return Error{Errc::not_found, "cannot read " + path.string() + ": " + std::strerror(is_folder ? EISDIR : errno)};
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  return text;
}

Result<Done> write_private_file(const std::filesystem::path& path, std::string_view text) {
  const std::string temporary = path.string() + "." + std::to_string(getpid()) + ".tmp";
  const auto failed = [&] {
    const Error error{Errc::unavailable, "cannot write " + path.string() + ": " + std::strerror(errno)};
    unlink(temporary.c_str());
    return error;
  };
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0) return failed();
  bool ok = fchmod(fd, S_IRUSR | S_IWUSR) == 0;
  while (ok && !text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    ok = written > 0;
    if (ok) text.remove_prefix(static_cast<std::size_t>(written));
  }
  ok = close(fd) == 0 && ok;
  if (!ok || rename(temporary.c_str(), path.c_str()) != 0) return failed();
  return Done{};
}

std::string url(const ConnectionCommon& connection, int port) {
  const auto separator = connection.interface.find("://") + 3;
  std::string host = connection.interface.substr(separator);
  if (host == "0.0.0.0" || host == "*") {
    host = "127.0.0.1";
    if (!connection.location.empty() && connection.location != host_name()) {
      const std::string address = resolve(connection.location);
      if (!is_local_address(address)) host = address;
    }
  }
  return connection.interface.substr(0, separator) + host + ":" + std::to_string(port);
}

}  // namespace camshaft::wire
