// What an engine does with each message for its interpreter before it is queued: takes batches apart, makes tasks
// whole.
#include <utility>

#include "service/engine_service.hpp"
#include "wire/batch.hpp"
#include "wire/resume.hpp"

namespace camshaft::service {

void EngineService::on_shell(Frames frames) {
  auto message = open(std::move(frames));
  if (!message) return;
  if (message->header.msg_type == wire::kBatchRequest) {
    on_batch(*message);
  } else {
    on_request(std::move(*message));
  }
}

void EngineService::on_batch(const wire::Message& envelope) {
  auto requests = wire::read_batch(envelope.parts.content);
  if (!requests) return count_dropped(requests.error());
  const auto& from = envelope.parts.identities;
  if (!from.empty()) replies_.learn(from[0].str());
  for (wire::Parts& request : *requests) {
    request.identities.insert(request.identities.begin(), from.begin(), from.end());
    if (auto header = wire::parse_header(request.header.view())) {
      on_request({std::move(request), std::move(*header)});
    } else {
      count_dropped(header.error());
    }
  }
}

void EngineService::on_request(wire::Message message) {
  if (message.header.msg_type == "kernel_info_request") {
    EngineTask task;
    task.msg_type = message.header.msg_type;
    task.identities = message.parts.identities;
    task.parent = make_parent(message);
    task.started = clock_.wall();
    EngineReply reply;
    reply.content = config_.kernel_info;
    send_reply(task, reply);
    return;
  }
  if (message.header.msg_type == wire::kResumeQuery || message.header.msg_type == wire::kResumeRequest)
    return tell_fates(message);
  if (engine::is_about_tasks(message.header.msg_type)) return on_task_word(message);
  if (!complete(message)) return hand_back(message);
  queue(std::move(message), false);
}

// A task that came without its function gets it from those that came before. False when it is not here.
bool EngineService::complete(wire::Message& request) {
  auto& buffers = request.parts.buffers;
  if (buffers.empty() || !(buffers[0].empty() || wire::is_body(buffers[0]))) return true;
  const std::string digest = wire::body_of(request.parts.metadata.view());
  if (digest.empty()) return true;
  if (!buffers[0].empty()) {
    bodies_.put(digest, buffers[0]);
    return true;
  }
  auto body = bodies_.find(digest);
  if (!body) return false;
  buffers[0] = std::move(*body);
  return true;
}

// The scheduler sends it once more, with its function.
void EngineService::hand_back(const wire::Message& request) {
  EngineTask task;
  task.msg_type = request.header.msg_type;
  task.metadata = metadata_reader_.read(request.parts.metadata.view());
  task.identities = request.parts.identities;
  task.parent = make_parent(request);
  task.parent->counted = !task.metadata.codec.empty();
  task.started = clock_.wall();
  EngineReply reply;
  reply.status = "aborted";
  reply.recalled = reply.lacks = true;
  reply.content = R"({"status": "aborted"})";
  send_reply(task, reply);
  replay_guard_.forget(wire::ReplayGuard::mark_of(request.parts.signature.view()));
}

}  // namespace camshaft::service
