#include "service/task_question.hpp"

#include <string>
#include <utility>

namespace camshaft::service {

bool is_task_question(std::string_view msg_type) { return msg_type == "why_request" || msg_type == "cancel_request"; }

Result<TaskQuestion> read_task_question(std::string_view msg_type, const nlohmann::json& content) {
  const Error bad_ids{Errc::bad_value, "msg_ids must be a list of strings"};
  if (!content.is_object() || !content.contains("msg_ids") || !content["msg_ids"].is_array()) return bad_ids;
  TaskQuestion question;
  for (const auto& id : content["msg_ids"]) {
    if (!id.is_string()) return bad_ids;
    question.ids.emplace_back(id.get<std::string>());
  }
  if (msg_type == "why_request") return question;
  const auto running = content.find("running");
  if (running == content.end() || running->is_null()) {
    question.cancel = sched::How::queued;
  } else if (*running == "interrupt") {
    question.cancel = sched::How::interrupt;
  } else if (*running == "kill") {
    question.cancel = sched::How::kill;
  } else {
    return Error{Errc::bad_value, "running must be null, 'interrupt' or 'kill'"};
  }
  return question;
}

}  // namespace camshaft::service
