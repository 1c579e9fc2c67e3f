#include "service/outboxes.hpp"

#include <utility>

namespace camshaft::service {

namespace {
// Clients come and go without a word; whoever is still there shows again what it reads.
constexpr std::size_t kMostPeers = 10'000;
}  // namespace

void Outboxes::learn(const std::string& peer) {
  if (boxes_.contains(peer)) return;
  if (boxes_.size() >= kMostPeers) {
    flush();
    boxes_.clear();
  }
  boxes_.try_emplace(peer);
}

void Outboxes::add(const std::string& peer, wire::Parts message) {
  const auto box = boxes_.find(peer);
  const bool together = box != boxes_.end() && wire::fits_batch(message);
  if (!together) {
    if (box != boxes_.end()) send(peer, box->second.batch);
    post_.send(peer, wire::encode({Blob::of(peer)}, std::move(message), post_.signer()));
    return;
  }
  auto& [batch, waits] = box->second;
  if (!std::exchange(waits, true)) waiting_.push_back(peer);
  batch.add(std::move(message));
  if (batch.full()) send(peer, batch);
}

void Outboxes::flush() {
  for (const std::string& peer : waiting_) {
    const auto box = boxes_.find(peer);
    if (box == boxes_.end()) continue;
    box->second.waits = false;
    send(peer, box->second.batch);
  }
  waiting_.clear();
}

void Outboxes::send(const std::string& peer, wire::Batch& batch) {
  if (!batch.empty()) post_.send(peer, batch.take({Blob::of(peer)}, post_.header, post_.signer()));
}

}  // namespace camshaft::service
