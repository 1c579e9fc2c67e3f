#include "wire/replay_guard.hpp"

namespace camshaft::wire {

bool ReplayGuard::is_fresh(std::string_view signature) {
  if (signature.empty()) return true;
  if (seen_.count(signature) != 0) return false;
  if (order_.size() >= capacity_) {
    seen_.erase(order_.front());
    order_.pop_front();
  }
  seen_.insert(order_.emplace_back(signature));  // a deque does not move its other elements
  return true;
}

}  // namespace camshaft::wire
