// service/outboxes.hpp: messages to several peers that leave together, in one envelope for each peer that reads
// batches. Thread: that of its loop. Owns: messages from add() until the flush() at the end of the same round. Errors:
// none of its own; `send` deals with peers that are not there.
#pragma once
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "wire/batch.hpp"

namespace camshaft::service {

class Outboxes final {
 public:
  struct Post {
    std::function<Blob()> header;  // of a new envelope
    std::function<const wire::Signer&()> signer;
    std::function<void(const std::string& peer, Frames)> send;  // the first frame is the peer
  };
  explicit Outboxes(Post post) : post_(std::move(post)) {}

  /// `peer` has shown that it reads batches. Nothing is put together for others.
  void learn(const std::string& peer);
  bool knows(const std::string& peer) const { return boxes_.contains(peer); }
  void forget(const std::string& peer) { boxes_.erase(peer); }
  /// Drops what waits and what was learned.
  void clear() { boxes_.clear(); }

  /// Sends `message`, whose identities do not name the peer, now or at the next flush(). Order per peer is kept.
  void add(const std::string& peer, wire::Parts message);
  void flush();
  /// How many peers the next flush() will look at.
  std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Box {
    wire::Batch batch;
    bool waits = false;  // its peer is in waiting_
  };
  void send(const std::string& peer, wire::Batch& batch);

  Post post_;
  std::unordered_map<std::string, Box> boxes_;  // by peer: exactly those that read batches
  std::vector<std::string> waiting_;            // peers whose box got something since the last flush, each once
};

}  // namespace camshaft::service
