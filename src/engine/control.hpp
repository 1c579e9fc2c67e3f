// engine/control.hpp: what a message of the control channel asks for.
// Thread: pure functions. Errors: a malformed request is a value (BadControl) that the shell answers with an error.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/ids.hpp"

namespace camshaft::engine {

struct AbortRequest {
  std::vector<MsgId> ids;
  bool operator==(const AbortRequest&) const = default;
};
struct SignalRequest {
  int signal;
  bool operator==(const SignalRequest&) const = default;
};
struct InterruptRequest {
  bool operator==(const InterruptRequest&) const = default;
};
struct ClearRequest {
  bool operator==(const ClearRequest&) const = default;
};
struct ShutdownRequest {
  bool restart = false;
  bool operator==(const ShutdownRequest&) const = default;
};
struct KernelInfoRequest {
  bool operator==(const KernelInfoRequest&) const = default;
};
/// A type that engines do not answer.
struct UnknownControl {
  bool operator==(const UnknownControl&) const = default;
};
struct BadControl {
  std::string ename, evalue;
  bool operator==(const BadControl&) const = default;
};
using ControlRequest = std::variant<AbortRequest, SignalRequest, InterruptRequest, ClearRequest, ShutdownRequest,
                                    KernelInfoRequest, UnknownControl, BadControl>;

/// Reads a control message; `content` is JSON text.
ControlRequest read_control(std::string_view msg_type, std::string_view content);

/// "abort_reply" for "abort_request".
std::string reply_type(std::string_view request_type);

/// The number of "SIGINT", "INT" or "2" on this machine; nullopt when there is none.
std::optional<int> signal_number(std::string_view name);

}  // namespace camshaft::engine
