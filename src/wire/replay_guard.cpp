#include "wire/replay_guard.hpp"

#include <functional>

namespace camshaft::wire {

std::uint64_t ReplayGuard::mark_of(std::string_view signature) { return std::hash<std::string_view>{}(signature); }

bool ReplayGuard::is_fresh(std::string_view signature) {
  if (signature.empty()) return true;
  const std::uint64_t mark = mark_of(signature);
  if (!seen_.insert(mark).second) return false;
  if (order_.size() < capacity_) {
    order_.push_back(mark);
  } else {
    seen_.erase(order_[oldest_]);
    order_[oldest_] = mark;
    oldest_ = (oldest_ + 1) % capacity_;
  }
  return true;
}

}  // namespace camshaft::wire
