// wire/json.hpp: the few JSON chores that are too hot for a general writer.
// Thread: pure functions. Errors: none.
#pragma once
#include <string>
#include <string_view>

namespace camshaft::wire {

/// `text` as a JSON string with its quotes; invalid UTF-8 is passed on as it is.
std::string quote(std::string_view text);

/// The content of an error reply that no engine made: status, ename, evalue, a one-line traceback, empty engine_info.
std::string error_content(std::string_view ename, std::string_view evalue);

}  // namespace camshaft::wire
