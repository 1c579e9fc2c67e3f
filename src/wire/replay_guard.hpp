// wire/replay_guard.hpp: remembers the last 65,536 signatures so that no message is taken twice.
// Thread: one owner. Owns: 64 bits of each signature, which are enough: only signatures that verified are shown to it,
// so nobody can look for two that share them. Errors: none.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace camshaft::wire {

class ReplayGuard final {
 public:
  explicit ReplayGuard(std::size_t capacity = 65536) : capacity_(capacity) {}
  /// True the first time a signature is shown; an empty signature (signing off) is always fresh.
  bool is_fresh(std::string_view signature);
  /// Lets the message come once more: it was handed back unread, and may be sent here again.
  void forget(std::uint64_t mark) { seen_.erase(mark); }
  static std::uint64_t mark_of(std::string_view signature);

 private:
  std::size_t capacity_;
  std::vector<std::uint64_t> order_;  // a ring once it is full; seen_ holds what was not forgotten
  std::size_t oldest_ = 0;            // where the ring begins
  std::unordered_set<std::uint64_t> seen_;
};

}  // namespace camshaft::wire
