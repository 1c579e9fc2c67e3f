#include "hub/error.hpp"

#include <fmt/format.h>

namespace camshaft::hub {

std::string py_repr(std::string_view text) {
  const bool doubled = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char quote = doubled ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : text) {
    if (c == '\\' || c == quote) {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out += quote;
}

PyError key_error(std::string_view text) { return {"KeyError", py_repr(text)}; }

PyError py_error(const Error& error) {
  switch (error.code) {
    case Errc::not_found:
      return key_error(error.message);
    case Errc::unavailable:
      return {"NoData", py_repr(error.message)};  // a KeyError upstream, hence the quotes
    case Errc::bad_value:
      return {"TypeError", error.message};
    default:
      return {"RuntimeError", error.message};
  }
}

nlohmann::json error_content(const PyError& error) {
  return {{"status", "error"},
          {"ename", error.ename},
          {"evalue", error.evalue},
          {"traceback", nlohmann::json::array({"controller: " + error.ename + ": " + error.evalue})},
          {"engine_info", nlohmann::json::object()}};
}

std::string json_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace camshaft::hub
