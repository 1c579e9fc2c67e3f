#include "hub/store/none.hpp"

namespace camshaft::hub {

Result<Done> NoneStore::write(std::span<Write> batch) {
  for (const Write& each : batch) {
    const auto* update = std::get_if<Update>(&each);
    if (!update || !std::holds_alternative<Finished>(update->change) || !finished_.insert(update->id).second) continue;
    order_.push_back(update->id);
    while (order_.size() > remembered_) {
      finished_.erase(order_.front());
      order_.pop_front();
    }
  }
  return Done{};
}

Result<Done> NoneStore::remove(std::span<const MsgId> ids) {
  for (const MsgId& id : ids) finished_.erase(id);
  return Done{};
}

Error NoneStore::refusal() {
  return {Errc::unavailable, "the controller keeps no task records; start it with --dictdb to have results stored"};
}

}  // namespace camshaft::hub
