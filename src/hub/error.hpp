// hub/error.hpp: errors as Python peers expect to read them.
// Thread: pure functions. Errors: none.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace camshaft::hub {

/// A Python exception: class name, and str() of it.
struct PyError {
  std::string ename;
  std::string evalue;
  bool operator==(const PyError&) const = default;
};

/// repr() of a text: in single quotes, or in double quotes when it holds single ones only.
std::string py_repr(std::string_view text);
/// str(KeyError(text)) is the repr of its argument.
PyError key_error(std::string_view text);
/// What a store or a filter refused, under the class name that users of the original know.
PyError py_error(const Error& error);
/// Reply content: status, ename, evalue, traceback, engine_info.
nlohmann::json error_content(const PyError& error);
/// JSON text of any value; bytes that are not UTF-8 become replacement characters.
std::string json_text(const nlohmann::json& value);

}  // namespace camshaft::hub
