// apps/python_program.hpp: the Python that engines run in, for the few questions that only Python can answer.
// Thread: any; waits. Owns: nothing.
// Errors: Errc::not_found when there is no Python, Errc::timed_out, Errc::unavailable when it cannot be run.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"

namespace camshaft::apps {

/// The interpreter that the first lines of a script name: "#!/path/python", or the form for long paths that starts
/// with "#!/bin/sh". "" when it is none.
std::string interpreter_of(const std::string& script);

/// The Python of ipengine beside this program, else python3 beside it or in PATH.
std::optional<std::filesystem::path> find_python();

struct Answer {
  std::string output;
  int exit_code = 0;  // negative: killed by that signal
};

/// Runs `python -m arguments...` and returns what it writes to its standard output; its errors go to ours.
Result<Answer> ask_python(std::vector<std::string> arguments, Duration patience);

}  // namespace camshaft::apps
