#include "wire/json.hpp"

#include <fmt/format.h>

namespace camshaft::wire {

std::string quote(std::string_view text) {
  std::string out = "\"";
  out.reserve(text.size() + 2);
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20)
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        else
          out += c;
    }
  }
  out += '"';
  return out;
}

std::string error_content(std::string_view ename, std::string_view evalue) {
  const std::string line = fmt::format("{}: {}", ename, evalue);
  return fmt::format(R"({{"status":"error","ename":{},"evalue":{},"traceback":[{}],"engine_info":{{}}}})", quote(ename),
                     quote(evalue), quote(line));
}

}  // namespace camshaft::wire
