#include "sched/broadcast.hpp"

#include <algorithm>
#include <utility>

namespace camshaft::sched {

void BroadcastCollector::start(const MsgId& original, const ClientId& client, std::vector<BroadcastTarget> targets,
                               std::size_t leaves) {
  std::stable_sort(targets.begin(), targets.end(), [&](const BroadcastTarget& a, const BroadcastTarget& b) {
    return broadcast_leaf(a.number, leaves) < broadcast_leaf(b.number, leaves);
  });
  Collection collection;
  collection.client = client;
  collection.replies.resize(targets.size());
  collection.missing = targets.size();
  collection.targets = std::move(targets);
  collections_.insert_or_assign(original, std::move(collection));
}

std::optional<Coalesced> BroadcastCollector::reply(const MsgId& original, const EngineId& engine,
                                                   BroadcastReply reply) {
  const auto found = collections_.find(original);
  if (found == collections_.end()) return std::nullopt;
  Collection& collection = found->second;
  const auto target = std::find_if(collection.targets.begin(), collection.targets.end(),
                                   [&](const BroadcastTarget& t) { return t.engine == engine; });
  if (target == collection.targets.end()) return std::nullopt;
  const auto position = static_cast<std::size_t>(target - collection.targets.begin());
  if (collection.replies[position]) return std::nullopt;
  collection.replies[position] = std::move(reply);
  collection.last = position;
  if (--collection.missing != 0) return std::nullopt;

  // One failure is the news of the whole: the original shows it only when it happens to come last.
  const auto failed = std::find_if(collection.replies.begin(), collection.replies.end(),
                                   [](const std::optional<BroadcastReply>& r) { return r->failed; });
  const BroadcastReply& face = failed != collection.replies.end() ? **failed : *collection.replies[collection.last];
  Coalesced whole{collection.client, collection.targets, {}};
  whole.reply = {face.failed, face.header, face.parent, face.metadata, face.content, {}};
  for (const auto& part : collection.replies)
    whole.reply.buffers.insert(whole.reply.buffers.end(), part->buffers.begin(), part->buffers.end());
  collections_.erase(found);
  return whole;
}

void BroadcastCollector::engine_left(const EngineId& engine) {
  std::erase_if(collections_, [&](const auto& entry) {
    const auto& targets = entry.second.targets;
    return std::any_of(targets.begin(), targets.end(), [&](const BroadcastTarget& t) { return t.engine == engine; });
  });
}

}  // namespace camshaft::sched
