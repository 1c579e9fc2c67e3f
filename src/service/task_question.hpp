// service/task_question.hpp: what a client asks the task scheduler through the hub: why a task waits, or to give it up.
// Thread: plain values and pure functions. Errors: bad_value, in one line, for a question that cannot be understood.
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "core/ids.hpp"
#include "core/result.hpp"
#include "sched/events.hpp"

namespace camshaft::service {

struct TaskQuestion {
  std::vector<MsgId> ids;
  std::optional<sched::How> cancel;  // give them up, and go so far with what runs; nullopt: say why they wait
};

/// Whether a query of this type is for the task scheduler.
bool is_task_question(std::string_view msg_type);
/// Reads the content of why_request {"msg_ids": [...]} and cancel_request {"msg_ids": [...], "running": null,
/// "interrupt" or "kill"}.
Result<TaskQuestion> read_task_question(std::string_view msg_type, const nlohmann::json& content);

}  // namespace camshaft::service
