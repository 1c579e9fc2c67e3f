// sched/broadcast.hpp: who gets a broadcast request, and how coalesced replies become one (protocol 4.9).
// Thread: one owner. Owns: the replies of unfinished coalescing requests.
// Errors: none; replies that nobody waits for are ignored.
#pragma once
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/blob.hpp"
#include "core/ids.hpp"

namespace camshaft::sched {

struct BroadcastTarget {
  EngineId engine;
  EngineNumber number;
  bool operator==(const BroadcastTarget&) const = default;
};

/// The message id under which one engine gets its copy: clients wait for exactly these ids.
inline MsgId broadcast_child(const MsgId& original, const EngineId& engine) {
  return MsgId(original.value + "_" + engine.value);
}

/// The leaf that serves an engine: engines connect to leaf `number mod leaves`.
inline std::size_t broadcast_leaf(EngineNumber number, std::size_t leaves) {
  return static_cast<std::size_t>(to_int(number)) % leaves;
}

/// The reply of one engine, unparsed: what the combined reply is made of.
struct BroadcastReply {
  bool failed = false;
  Blob header, parent, metadata, content;
  std::vector<Blob> buffers;
};

/// A finished collection. `reply` has the dictionaries of the last reply (of a failed one, if any failed) and the
/// buffers of all, in the order of `targets`.
struct Coalesced {
  ClientId client;
  std::vector<BroadcastTarget> targets;
  BroadcastReply reply;
};

class BroadcastCollector final {
 public:
  /// Starts a collection. Targets are kept leaf by leaf, as clients of the original expect their results.
  void start(const MsgId& original, const ClientId& client, std::vector<BroadcastTarget> targets, std::size_t leaves);
  /// Takes one engine's reply; the whole when it was the last one.
  std::optional<Coalesced> reply(const MsgId& original, const EngineId& engine, BroadcastReply reply);
  /// Forgets collections that wait for `engine`: their clients hear of its death themselves.
  void engine_left(const EngineId& engine);
  std::size_t size() const { return collections_.size(); }

 private:
  struct Collection {
    ClientId client;
    std::vector<BroadcastTarget> targets;                // fixed at start
    std::vector<std::optional<BroadcastReply>> replies;  // by position in targets
    std::size_t missing = 0;                             // how many of replies are empty
    std::size_t last = 0;                                // position of the newest reply
  };
  std::unordered_map<MsgId, Collection> collections_;
};

}  // namespace camshaft::sched
