// service/engine_channel.hpp: a ROUTER towards engines that loses nothing in silence.
// Thread: that of its loop.
// Owns:   messages for engines that are registered but whose connection is not up yet. Borrows socket and loop.
// Errors: a message that cannot be delivered within the patience comes back through `undeliverable`.
#pragma once
#include <deque>
#include <functional>
#include <unordered_map>
#include <unordered_set>

#include "core/blob.hpp"
#include "core/ids.hpp"
#include "core/time.hpp"
#include "net/loop.hpp"

namespace camshaft::service {

class EngineChannel final {
 public:
  using Undeliverable = std::function<void(const EngineId&, const Frames&)>;

  /// `socket` must be a mandatory ROUTER, so that it tells when a peer is not there.
  EngineChannel(net::Socket& socket, net::Loop& loop, Undeliverable undeliverable);

  void engine_joined(const EngineId& engine) { known_.insert(engine); }
  void engine_left(const EngineId& engine);
  bool knows(const EngineId& engine) const { return known_.count(engine) != 0; }

  /// Sends `frames`, the first of which is the identity of `engine`. Order per engine is kept.
  void send(const EngineId& engine, Frames frames);

 private:
  struct Waiting {
    Frames frames;
    TimePoint give_up;
  };
  void retry();
  void arm();

  net::Socket& socket_;
  net::Loop& loop_;
  Undeliverable undeliverable_;
  std::unordered_set<EngineId> known_;                         // registered engines
  std::unordered_map<EngineId, std::deque<Waiting>> waiting_;  // never an empty queue
  bool armed_ = false;                                         // a retry timer runs
};

}  // namespace camshaft::service
