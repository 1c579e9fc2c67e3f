#include "apps/mongo_uri.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

namespace camshaft::apps {
namespace {

using Json = nlohmann::json;

/// Python's way to write lists and dictionaries of texts, numbers and truth values, as JSON.
Json read_literal(std::string_view text) {
  std::string json;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == '\\' && i + 1 < text.size()) {
        const char next = text[++i];
        json += next == '\'' ? "'" : std::string{'\\', next};
      } else if (c == quote) {
        quote = 0;
        json += '"';
      } else {
        json += c == '"' ? "\\\"" : std::string(1, c);
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      json += '"';
    } else if (text.substr(i, 4) == "True") {
      json += "true";
      i += 3;
    } else if (text.substr(i, 5) == "False") {
      json += "false";
      i += 4;
    } else {
      json += c == '(' ? '[' : c == ')' ? ']' : c;
    }
  }
  return Json::parse(json, nullptr, false);
}

bool is_port(const Json& value) {
  return value.is_number_integer() && value.get<std::int64_t>() > 0 && value.get<std::int64_t>() < 65536;
}

/// What may not stand in an address as it is.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    plain ? void(out += c) : void(out += fmt::format("%{:02X}", static_cast<unsigned char>(c)));
  }
  return out;
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

}  // namespace

Result<std::string> mongo_uri(std::string_view args, std::string_view kwargs) {
  const auto refusal = [](const char* option, const char* expects) {
    return Error{Errc::bad_value, fmt::format("option '--MongoDB.{}' expects {}", option, expects)};
  };
  const Error bad_args =
      refusal("connection_args", "mongodb://host:port, host:port or ['host', port], with a port from 1 to 65535");
  const Error bad_kwargs = refusal("connection_kwargs", "{'name': value, ...} with texts, numbers, True and False");

  std::string host(args);
  std::optional<std::int64_t> port;
  if (args.starts_with('[') || args.starts_with('(')) {
    const Json list = read_literal(args);
    if (!list.is_array() || list.size() > 2) return bad_args;
    if (!list.empty() && !list[0].is_string()) return bad_args;
    if (list.size() == 2 && !is_port(list[1])) return bad_args;
    host = list.empty() ? "" : list[0].get<std::string>();
    if (list.size() == 2) port = list[1].get<std::int64_t>();
  }
  Json more = Json::object();
  if (!kwargs.empty()) more = read_literal(kwargs);
  if (!more.is_object()) return bad_kwargs;

  std::string user, options;
  for (const auto& [name, value] : more.items()) {
    if (value.is_structured() || value.is_null()) return bad_kwargs;
    if (name == "host") {
      if (host.empty()) host = text_of(value);
    } else if (name == "port") {
      if (!is_port(value)) return bad_kwargs;
      if (!port) port = value.get<std::int64_t>();
    } else if (name != "username" && name != "password") {
      options += (options.empty() ? "" : "&") + escaped(name) + "=" + escaped(text_of(value));
    }
  }
  if (more.contains("username")) {
    user = escaped(text_of(more["username"]));
    if (more.contains("password")) user += ":" + escaped(text_of(more["password"]));
    user += "@";
  }
  if (host.find("://") != std::string::npos) {
    if (!user.empty() || port)
      return refusal("connection_kwargs", "user, password and port in the address, if that has mongodb://");
    if (options.empty()) return host;
    if (host.find('?') != std::string::npos) return host + "&" + options;
    const bool path = host.find('/', host.find("://") + 3) != std::string::npos;
    return host + (path ? "?" : "/?") + options;
  }
  if (host.find_first_of("/@? ") != std::string::npos) return bad_args;
  if (host.empty()) host = "localhost";
  if (port) host += fmt::format(":{}", *port);
  return fmt::format("mongodb://{}{}/{}{}", user, host, options.empty() ? "" : "?", options);
}

}  // namespace camshaft::apps
