// cluster/batch/template.hpp: fills in job scripts: {n}, {n//4}, {queue}; {{ and }} stand for braces.
// Thread: pure functions. Owns: nothing.
// Errors: Errc::bad_value with one line that names the line of the template and what is wrong there.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "core/result.hpp"

namespace camshaft::cluster::batch {

using Value = std::variant<std::int64_t, std::string>;
using Variables = std::map<std::string, Value, std::less<>>;

/// The value of one placeholder: a variable, or whole numbers with + - * // % ** ( ) min() max(), as Python reckons.
Result<Value> evaluate(std::string_view expression, const Variables& variables);

/// `text` with every {expression} replaced by its value; {n:04d} pads with zeros, {n:4} with blanks.
Result<std::string> render(std::string_view text, const Variables& variables);

}  // namespace camshaft::cluster::batch
