#include "engine/ledger.hpp"

#include <functional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace camshaft::engine {

void Ledger::answered(const MsgId& id, Frames reply, TimePoint now) {
  prints_.push_back(std::hash<MsgId>{}(id));
  if (prints_.size() > limits_.ids) prints_.pop_front();
  std::size_t bytes = 0;
  for (const Blob& frame : reply) bytes += frame.size();
  if (bytes > limits_.bytes) return;
  bytes_ += bytes;
  replies_.push_back({id, std::move(reply), bytes, now});
  while (replies_.size() > limits_.replies || bytes_ > limits_.bytes) drop_oldest();
}

void Ledger::drop_oldest() {
  bytes_ -= replies_.front().bytes;
  replies_.pop_front();
}

void Ledger::expire(TimePoint now) {
  while (!replies_.empty() && now - replies_.front().since > limits_.age) drop_oldest();
}

std::vector<Ledger::Fate> Ledger::fates(std::span<const MsgId> ids) const {
  std::unordered_map<std::string_view, const Frames*> at_hand;
  for (const Kept& kept : replies_) at_hand.insert_or_assign(kept.id.value, &kept.reply);  // the last answer counts
  const std::unordered_set<std::uint64_t> prints(prints_.begin(), prints_.end());
  std::vector<Fate> fates;
  fates.reserve(ids.size());
  for (const MsgId& id : ids) {
    const auto kept = at_hand.find(id.value);
    fates.push_back({kept == at_hand.end() ? nullptr : kept->second, prints.contains(std::hash<MsgId>{}(id))});
  }
  return fates;
}

}  // namespace camshaft::engine
