// apps/controller_program.hpp: ipcontroller as a function, for its main program and for Python.
// Thread: the caller's, which must be the main thread: signals are blocked in it and read by the loop.
// Owns: everything that it starts, until it returns.
// Errors: one line on standard error; the result is the exit status.
#pragma once
#include <span>
#include <string>

#include "sched/schemes.hpp"

namespace camshaft::apps {

/// A task scheme that came with the caller instead of the command line.
struct OwnScheme {
  std::string name;  // for the log
  sched::Chooser chooser;
};

/// Runs a controller until it is told to stop. `arguments` has no program name in front.
int run_controller(std::span<const char* const> arguments, const OwnScheme& scheme = {});

}  // namespace camshaft::apps
