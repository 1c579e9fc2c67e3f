// service/traffic_batch.hpp: what one thread saw, on its way to the hub's thread, in batches: records are nobody's
// critical path, and waking the hub for each message would cost the message a core on small machines.
// Thread: that of `own_loop`; close() from any. Owns: what has not been handed over yet.
// Errors: none. A hub that is far behind is waited for: what it has not looked at would fill the memory.
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "net/loop.hpp"
#include "service/hub_service.hpp"

namespace camshaft::service {

class TrafficBatch final {
 public:
  TrafficBatch(net::Loop& own_loop, net::Loop& hub_loop, std::function<void(std::vector<Traffic>)> deliver)
      : own_loop_(own_loop), hub_loop_(hub_loop), deliver_(std::move(deliver)) {}

  void add(Traffic seen) {
    if (batch_.size() == kMany) batch_.reserve(kFull);  // they are large: they move once, not each time it doubles
    batch_.push_back(std::move(seen));
    if (batch_.size() >= kFull) flush();
    if (batch_.size() == 1 && !armed_) {
      armed_ = true;
      own_loop_.at(own_loop_.clock().now() + kDelay, [this] {
        armed_ = false;
        flush();
      });
    }
  }

  void flush() {
    if (batch_.empty()) return;
    {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [this] { return under_way_ < kMost || closed_; });
      ++under_way_;
    }
    hub_loop_.post([this, batch = std::move(batch_)]() mutable {
      deliver_(std::move(batch));
      const std::lock_guard lock(mutex_);
      --under_way_;
      room_.notify_one();
    });
    batch_ = {};
  }

  /// The hub's loop has ended: nobody waits for it any more.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    room_.notify_one();
  }

 private:
  static constexpr std::size_t kFull = 512;
  static constexpr std::size_t kMany = 32;
  static constexpr std::size_t kMost = 16;  // batches: 8,192 messages, some 10 MB of small tasks
  static constexpr Duration kDelay = std::chrono::milliseconds(10);

  net::Loop& own_loop_;
  net::Loop& hub_loop_;
  std::function<void(std::vector<Traffic>)> deliver_;
  std::vector<Traffic> batch_;
  bool armed_ = false;  // a flush is due
  std::mutex mutex_;    // guards the rest, which the hub's thread touches as well
  std::condition_variable room_;
  std::size_t under_way_ = 0;
  bool closed_ = false;
};

}  // namespace camshaft::service
