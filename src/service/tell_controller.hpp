// service/tell_controller.hpp: one word to a controller from who looks after engines elsewhere: an engine has ended, or
// engines are to get a signal. Thread: one; each call has a context and a socket of its own, and waits.
// Owns: nothing. Errors: the result; an original controller is told nothing, because it would complain.
#pragma once
#include <optional>
#include <string>

#include "core/time.hpp"

namespace camshaft::service {

/// Where the controller is, as an engine is told.
struct ControllerPlace {
  std::string connection;                                           // text of the engines' connection file
  std::optional<std::string> location{}, key{}, curve_serverkey{};  // in place of what the file says
};

/// An engine process of this computer that has ended.
struct EngineEnd {
  std::string uuid;
  int pid = 0;
  std::string how;  // "killed by signal 9 (Killed)"
};

enum class Told {
  nobody,    // no controller answers
  unknown,   // it does not list this engine
  original,  // it is none of ours, and does not need to know
  told,      // it knows
};

/// The controller is waited for no longer than `patience` at a time.
Told tell_end(const ControllerPlace& place, const EngineEnd& end, Duration patience);
/// Engines of this set raise the signal in their own process.
Told tell_signal(const ControllerPlace& place, const std::string& set, int signal, Duration patience);

}  // namespace camshaft::service
