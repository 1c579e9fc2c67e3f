// wire/replay_guard.hpp: remembers the last 65,536 signatures so that no message is taken twice.
// Thread: one owner. Errors: none.
#pragma once
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_set>

namespace camshaft::wire {

class ReplayGuard final {
 public:
  explicit ReplayGuard(std::size_t capacity = 65536) : capacity_(capacity) {}
  ReplayGuard(const ReplayGuard&) = delete;
  ReplayGuard& operator=(const ReplayGuard&) = delete;
  /// True the first time a signature is shown; an empty signature (signing off) is always fresh.
  bool is_fresh(std::string_view signature);

 private:
  std::size_t capacity_;
  std::deque<std::string> order_;                // oldest first; the views in seen_ point into it
  std::unordered_set<std::string_view> seen_;
};

}  // namespace camshaft::wire
