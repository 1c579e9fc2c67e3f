// What clients and the scheduler ask of an engine beside work: abort, recall, signals, properties, the end.
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <utility>

#include "core/properties.hpp"
#include "service/engine_service.hpp"
#include "wire/json.hpp"

namespace camshaft::service {

namespace {
// A reply leaves the machine within this before a signal may end the process.
constexpr Duration kReplyLead = std::chrono::milliseconds(30);
}  // namespace

// ---- control --------------------------------------------------------------------------------------------------------

void EngineService::on_control(Frames frames) {
  auto message = open(std::move(frames));
  if (!message) return;
  const auto request = engine::read_control(message->header.msg_type, message->parts.content.view());
  if (std::holds_alternative<engine::ClearRequest>(request)) {
    queue(std::move(*message), true);
  } else {
    answer_control(*message, request);
  }
}

void EngineService::answer_control(const wire::Message& message, const engine::ControlRequest& request) {
  const std::string type = engine::reply_type(message.header.msg_type);
  const std::string ok = R"({"status": "ok"})";
  if (const auto* abort = std::get_if<engine::AbortRequest>(&request)) {
    std::vector<engine::Action> actions;
    {
      const std::lock_guard lock(queue_mutex_);
      actions = queue_.handle(engine::Abort{abort->ids});
    }
    settle(actions);
    send_control_reply(message, type, ok);
  } else if (const auto* signal = std::get_if<engine::SignalRequest>(&request)) {
    send_control_reply(message, type, ok);
    deliver_signal(signal->signal);
  } else if (const auto* interrupted = std::get_if<engine::InterruptRequest>(&request)) {
    send_control_reply(message, type, ok);
    interrupt_running(*interrupted);
  } else if (const auto* killed = std::get_if<engine::KillRequest>(&request)) {
    send_control_reply(message, type, ok);
    kill_if_running(killed->ids);
  } else if (std::holds_alternative<engine::RecallRequest>(request)) {
    send_control_reply(message, type,
                       wire::error_content("ValueError", "tasks are recalled by the scheduler, on the task channel"));
  } else if (std::holds_alternative<engine::KernelInfoRequest>(request)) {
    send_control_reply(message, type, config_.kernel_info);
  } else if (const auto* shutdown = std::get_if<engine::ShutdownRequest>(&request)) {
    if (shutdown->restart && config_.restart_code == 0) {
      send_control_reply(message, type,
                         wire::error_content("RuntimeError",
                                             "nobody would start this engine again: only engines that ipcluster or "
                                             "Cluster has started restart; it goes on"));
      return;
    }
    const std::string content = fmt::format(R"({{"status": "ok", "restart": {}}})", shutdown->restart);
    send_control_reply(message, type, content);
    const ParentPtr parent = make_parent(message);
    send_iopub(*parent, "shutdown_reply", content, "{}", {});
    log_.info("{} requested: stopping", shutdown->restart ? "restart" : "shutdown");
    begin_stop(shutdown->restart ? config_.restart_code : 0, kStopGrace);
  } else if (const auto* bad = std::get_if<engine::BadControl>(&request)) {
    send_control_reply(message, type, wire::error_content(bad->ename, bad->evalue));
  } else {
    log_.warning("unknown control message {}", message.header.msg_type);
    const ParentPtr parent = make_parent(message);
    send_status(*parent, "busy");
    send_status(*parent, "idle");
  }
}

// What the scheduler says about tasks that it sent here before. The reply to a task is the only answer.
void EngineService::on_task_word(const wire::Message& message) {
  const auto request = engine::read_control(message.header.msg_type, message.parts.content.view());
  if (const auto* recall = std::get_if<engine::RecallRequest>(&request)) {
    std::vector<engine::Action> actions;
    {
      const std::lock_guard lock(queue_mutex_);
      actions = queue_.handle(engine::Recall{recall->ids});
    }
    settle(actions);
  } else if (const auto* interrupted = std::get_if<engine::InterruptRequest>(&request)) {
    interrupt_running(*interrupted);
  } else if (const auto* killed = std::get_if<engine::KillRequest>(&request)) {
    kill_if_running(killed->ids);
  }
}

void EngineService::interrupt_running(const engine::InterruptRequest& request) {
  if (!request.ids) return deliver_signal(SIGINT);
  const std::lock_guard lock(queue_mutex_);
  if (queue_.running_of(*request.ids)) interrupt_user_code();
}

// Only user code is interrupted: a signal to an idle engine must not hit the request that comes next.
void EngineService::interrupt_user_code() {
  if (!queue_.running()) return;
  interrupted_ = queue_.running();
  pthread_kill(interpreter_, SIGINT);
}

bool EngineService::takes_interrupt() {
  const std::lock_guard lock(queue_mutex_);
  if (!interrupted_) return true;  // it came from elsewhere: a terminal
  return queue_.running() == std::exchange(interrupted_, std::nullopt);
}

bool EngineService::running() {
  const std::lock_guard lock(queue_mutex_);
  return queue_.running().has_value();
}

// The hub is told first, so that the task is not waited for until heartbeats are missed.
void EngineService::kill_if_running(const std::vector<MsgId>& ids) {
  {
    const std::lock_guard lock(queue_mutex_);
    if (!queue_.running_of(ids)) return;
  }
  log_.warning("a task has outlived its interrupt: this engine ends by SIGKILL");
  deliver_signal(SIGKILL);
}

void EngineService::deliver_signal(int signal) {
  if (signal == SIGINT) {
    const std::lock_guard lock(queue_mutex_);
    return interrupt_user_code();
  }
  if (signal == 0) return;
  if (signal == SIGKILL && membership_.number())
    send_to_hub("unregistration_request", fmt::format(R"({{"id": {}}})", to_int(number())));
  loop_.at(clock_.now() + kReplyLead, [signal] { kill(getpid(), signal); });
}

void EngineService::send_control_reply(const wire::Message& message, const std::string& type, std::string content) {
  if (!links_) return;
  wire::Outgoing out;
  out.identities = message.parts.identities;
  out.header = header(type);
  out.parent = message.parts.header;
  out.metadata = Blob::of(fmt::format(R"({{"engine": "{}"}})", uuid().value));
  out.content = Blob::of(std::move(content));
  links_->send_control(wire::encode(std::move(out), *signer_));
}

// ---- properties ----------------------------------------------------------------------------------------------------

std::string EngineService::properties() const {
  const std::lock_guard lock(properties_mutex_);
  return properties_.dump();
}

void EngineService::change_properties(const std::string& changes) {
  const auto parsed = nlohmann::json::parse(changes, nullptr, false);
  if (!parsed.is_object()) throw std::invalid_argument("changes of properties must be a JSON object");
  {
    const std::lock_guard lock(properties_mutex_);
    camshaft::change_properties(properties_, parsed);
  }
  lent_.post([this, changes] { send_to_hub("properties_notification", R"({"changes": )" + changes + "}"); });
}

}  // namespace camshaft::service
