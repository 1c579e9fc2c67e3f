// service/foreign_scheme.hpp: task schemes that users bring along: a function in a shared library (include/camshaft/
// scheme.h), and the guard around any chooser that is not ours.
// Thread: load anywhere; a chooser is called on the task loop's thread only.
// Owns: a chooser keeps its library loaded.
// Errors: unavailable for a library or function that is not there, with one line that names it.
#pragma once
#include <string>
#include <string_view>

#include "core/log.hpp"
#include "core/result.hpp"
#include "sched/schemes.hpp"

namespace camshaft::service {

/// Whether `scheme` names a function: "./libmine.so:function".
bool names_function(std::string_view scheme);

/// The function that "PATH:FUNCTION" names. A path without a slash is looked for where the system keeps its libraries.
Result<sched::Chooser> load_scheme(std::string_view path_and_function);

/// `chooser`, with one line in the log when it starts to answer with an index that is out of range or to throw; the
/// task then goes to the least recently used engine. `name` is what the line calls it.
sched::Chooser guarded(sched::Chooser chooser, std::string name, Log& log);

}  // namespace camshaft::service
