// wire/json.hpp: the few JSON chores that are too hot for a general writer.
// Thread: pure functions. Errors: none.
#pragma once
#include <string>
#include <string_view>

namespace camshaft::wire {

/// `text` as a JSON string with its quotes; invalid UTF-8 is passed on as it is.
std::string quote(std::string_view text);

}  // namespace camshaft::wire
