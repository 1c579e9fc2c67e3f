// engine/ledger.hpp: what an engine has answered: the last replies, in case they were lost on their way, and the ids of
// far more requests, so that nothing is run twice. Pure.
// Thread: one. Time comes with each call.
// Owns:   reply frames within Limits; of older ones only a fingerprint of the id. Noting costs two appends; looking
//         something up is rare and goes through all of it.
// Errors: none.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "core/blob.hpp"
#include "core/ids.hpp"
#include "core/time.hpp"

namespace camshaft::engine {

class Ledger final {
 public:
  struct Limits {
    std::size_t replies = 4096;
    std::size_t bytes = 16u << 20;  // of all kept replies; a larger one is not kept at all
    std::size_t ids = 1u << 20;
    Duration age = std::chrono::seconds(60);  // a reply that got away is not asked for later than this
  };
  /// reply: null when it is not at hand; answered: whether the id was ever answered here, as far as is known.
  struct Fate {
    const Frames* reply = nullptr;
    bool answered = false;
  };

  Ledger() : Ledger(Limits()) {}
  explicit Ledger(Limits limits) : limits_(limits) {}

  /// `reply` is about to be sent as the answer to `id`.
  void answered(const MsgId& id, Frames reply, TimePoint now);
  /// Forgets replies that are old. While the controller is away nothing gets old: call it only when it is there.
  void expire(TimePoint now);
  /// What became of each of `ids`, in their order. The replies are valid until the next call of anything else.
  std::vector<Fate> fates(std::span<const MsgId> ids) const;

  std::size_t kept() const { return replies_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Kept {
    MsgId id;
    Frames reply;
    std::size_t bytes;
    TimePoint since;
  };
  void drop_oldest();

  Limits limits_;
  std::deque<Kept> replies_;  // oldest first
  std::size_t bytes_ = 0;
  std::deque<std::uint64_t> prints_;  // of the last ids answered
};

}  // namespace camshaft::engine
