#include "hub/store/none.hpp"

namespace camshaft::hub {

void NoneStore::update(const MsgId& id, Change change) {
  if (!std::holds_alternative<Finished>(change) || !finished_.insert(id).second) return;
  order_.push_back(id);
  while (order_.size() > remembered_) {
    finished_.erase(order_.front());
    order_.pop_front();
  }
}

Result<Done> NoneStore::remove(std::span<const MsgId> ids) {
  for (const MsgId& id : ids) finished_.erase(id);
  return Done{};
}

Error NoneStore::refusal() {
  return {Errc::unavailable, "the controller keeps no task records; start it with --dictdb to have results stored"};
}

}  // namespace camshaft::hub
