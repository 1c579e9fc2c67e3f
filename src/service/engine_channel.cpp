#include "service/engine_channel.hpp"

#include <utility>

namespace camshaft::service {

namespace {
using namespace std::chrono_literals;
constexpr Duration kRetryEvery = 2ms;
constexpr Duration kPatience = 10s;  // an engine that registered connects within milliseconds; a slow host needs more
}  // namespace

EngineChannel::EngineChannel(net::Socket& socket, net::Loop& loop, Undeliverable undeliverable)
    : socket_(socket), loop_(loop), undeliverable_(std::move(undeliverable)) {}

void EngineChannel::send(const EngineId& engine, Frames frames) {
  if (const auto queue = waiting_.find(engine); queue != waiting_.end()) {
    queue->second.push_back({std::move(frames), loop_.clock().now() + kPatience});
    return;
  }
  if (socket_.send(frames) == net::Sent::ok) return;
  if (!knows(engine)) {
    undeliverable_(engine, frames);
    return;
  }
  waiting_[engine].push_back({std::move(frames), loop_.clock().now() + kPatience});
  arm();
}

void EngineChannel::engine_left(const EngineId& engine) {
  known_.erase(engine);
  auto node = waiting_.extract(engine);
  if (node.empty()) return;
  for (const Waiting& message : node.mapped()) undeliverable_(engine, message.frames);
}

void EngineChannel::arm() {
  if (armed_) return;
  armed_ = true;
  loop_.at(loop_.clock().now() + kRetryEvery, [this] { retry(); });
}

void EngineChannel::retry() {
  armed_ = false;
  std::vector<std::pair<EngineId, Frames>> given_up;
  for (auto entry = waiting_.begin(); entry != waiting_.end();) {
    auto& [engine, queue] = *entry;
    while (!queue.empty()) {
      if (socket_.send(queue.front().frames) != net::Sent::ok) {
        if (loop_.clock().now() < queue.front().give_up) break;
        given_up.emplace_back(engine, std::move(queue.front().frames));
      }
      queue.pop_front();
    }
    entry = queue.empty() ? waiting_.erase(entry) : std::next(entry);
  }
  if (!waiting_.empty()) arm();
  for (const auto& [engine, frames] : given_up) undeliverable_(engine, frames);
}

}  // namespace camshaft::service
