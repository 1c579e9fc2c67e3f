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
/// Hand back what has not started of these, so that another engine can run it.
struct RecallRequest {
  std::vector<MsgId> ids;
  bool operator==(const RecallRequest&) const = default;
};
struct InterruptRequest {
  std::optional<std::vector<MsgId>> ids{};  // only if one of these runs; nullopt: whatever runs
  bool operator==(const InterruptRequest&) const = default;
};
/// End the process by SIGKILL if one of these runs.
struct KillRequest {
  std::vector<MsgId> ids;
  bool operator==(const KillRequest&) const = default;
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
using ControlRequest = std::variant<AbortRequest, RecallRequest, SignalRequest, InterruptRequest, KillRequest,
                                    ClearRequest, ShutdownRequest, KernelInfoRequest, UnknownControl, BadControl>;

/// Whether this type is a word about tasks that the scheduler sends on the task channel; such words are not answered.
bool is_about_tasks(std::string_view msg_type);

/// Reads a control message; `content` is JSON text.
ControlRequest read_control(std::string_view msg_type, std::string_view content);

/// "abort_reply" for "abort_request".
std::string reply_type(std::string_view request_type);

/// The number of "SIGINT", "INT" or "2" on this machine; nullopt when there is none.
std::optional<int> signal_number(std::string_view name);

}  // namespace camshaft::engine
