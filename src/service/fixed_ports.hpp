// service/fixed_ports.hpp: ports that a controller must have and somebody else may still hold.
// Thread: any. Owns: nothing. Errors: none; what cannot be found out is left out.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "core/log.hpp"
#include "core/time.hpp"
#include "service/controller_config.hpp"

namespace camshaft::service {

/// Waits for some seconds while a port that `config` fixes, or takes over from the files of an earlier run, is in use:
/// an earlier controller may be about to end. `pause` sleeps, and returns false when the waiting shall end, which is
/// then the result.
bool await_ports(const ControllerConfig& config, const std::function<bool(Duration)>& pause, Log& log);

/// Who listens on the port of "... tcp://ADDRESS:PORT ...": "port 5000 is held by python3 (pid 12)". Without the
/// process where that is another user's.
std::string holder_of_port(std::string_view line);

}  // namespace camshaft::service
