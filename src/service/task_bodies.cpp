#include "service/task_bodies.hpp"

#include <utility>

namespace camshaft::service {

namespace {
constexpr std::size_t kMostNames = 65'536;
// Clients go without a word; what they have left here is nobody's.
constexpr std::size_t kMostParked = 10'000;
}  // namespace

bool TaskBodies::concerns(const wire::Message& message) const {
  if (message.header.msg_type == wire::kBodyHere || !parked_.empty()) return true;
  if (message.parts.buffers.empty()) return false;
  const Blob& first = message.parts.buffers[0];
  return first.empty() || wire::is_body(first);
}

TaskBodies::Ready TaskBodies::take(wire::Message message) {
  Ready ready;
  const ClientId client(message.parts.identities[0].str());
  const auto parked = parked_.find(client);
  if (message.header.msg_type == wire::kBodyHere) {
    const std::string digest = wire::body_of(message.parts.metadata.view());
    if (!message.parts.buffers.empty()) keep(digest, message.parts.buffers[0]);
    if (parked == parked_.end() || parked->second.wanted != digest) return ready;
    if (!kept_.find(digest)) {
      ready.lost.push_back(std::move(parked->second.tasks.front()));
      parked->second.tasks.erase(parked->second.tasks.begin());
    }
    release(client, ready);
    return ready;
  }
  const bool whole = complete(message);
  if (whole && parked == parked_.end()) {
    ready.tasks.push_back(std::move(message));
    return ready;
  }
  if (parked != parked_.end()) {
    parked->second.tasks.push_back(std::move(message));
    if (kept_.find(parked->second.wanted)) release(client, ready);  // sent again with its body, after a break
    return ready;
  }
  if (parked_.size() >= kMostParked) parked_.clear();
  Parked& waiting = parked_[client];
  waiting.wanted = wire::body_of(message.parts.metadata.view());
  waiting.tasks.push_back(std::move(message));
  ask_(client, waiting.wanted);
  return ready;
}

// Those that are whole now, up to the next one that is not.
void TaskBodies::release(const ClientId& client, Ready& ready) {
  auto waiting = parked_.extract(client);
  auto& tasks = waiting.mapped().tasks;
  auto task = tasks.begin();
  while (task != tasks.end() && complete(*task)) ready.tasks.push_back(std::move(*task++));
  if (task == tasks.end()) return;
  tasks.erase(tasks.begin(), task);
  waiting.mapped().wanted = wire::body_of(tasks.front().parts.metadata.view());
  ask_(client, waiting.mapped().wanted);
  parked_.insert(std::move(waiting));
}

// Whether the task is whole now. One with an empty first buffer and without a name is what its sender wanted it to be.
bool TaskBodies::complete(wire::Message& task) {
  if (task.parts.buffers.empty()) return true;
  Blob& first = task.parts.buffers[0];
  if (!first.empty() && !wire::is_body(first)) return true;
  const std::string digest = wire::body_of(task.parts.metadata.view());
  if (digest.empty()) return true;
  if (!first.empty()) {
    keep(digest, first);
    return true;
  }
  auto body = kept_.find(digest);
  if (!body) return false;
  first = std::move(*body);
  return true;
}

// Names are believed only if they are right: they are used for the tasks of all clients.
void TaskBodies::keep(const std::string& digest, Blob& body) {
  if (const auto known = kept_.find(digest)) {
    if (*known == body) body = *known;  // there once, however many tasks have it
    return;
  }
  if (wire::is_body(body) && wire::digest_of(body) == digest) kept_.put(digest, body);
}

void TaskBodies::engine_joined(const EngineId& engine, bool reads_bodies) {
  engines_.erase(engine);
  if (reads_bodies) engines_.try_emplace(engine);
}

void TaskBodies::engine_lacks(const EngineId& engine) {
  if (const auto known = engines_.find(engine); known != engines_.end()) known->second.clear();
}

void TaskBodies::shorten(const EngineId& engine, wire::Parts& task) {
  if (task.buffers.empty() || !wire::is_body(task.buffers[0])) return;
  const auto known = engines_.find(engine);
  if (known == engines_.end()) return;
  const std::string digest = wire::body_of(task.metadata.view());
  if (digest.empty()) return;
  if (known->second.size() >= kMostNames) known->second.clear();
  if (!known->second.insert(digest).second) task.buffers[0] = Blob{};
}

}  // namespace camshaft::service
