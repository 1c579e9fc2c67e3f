// service/client_request.hpp: one request of a C++ client and what came back: the future of this library.
// Thread: any. What a reply sets is written once by the client's io thread before done() turns true; output grows until
//         outputs_done(), behind the board's mutex.
// Owns:   the reply's bytes. Errors: none; failures are replies with status error, made by a peer or by the client.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/client_core.hpp"
#include "client/output.hpp"
#include "client/reply.hpp"
#include "core/blob.hpp"
#include "core/ids.hpp"
#include "core/time.hpp"
#include "net/lent_loop.hpp"

namespace camshaft::service {

class ClientBoard;

class Request final {
 public:
  /// `part_of`: the number of the broadcast that this is one engine's part of, or 0.
  Request(std::shared_ptr<ClientBoard> board, std::uint64_t seq, std::string engine, WallTime submitted,
          std::uint64_t part_of = 0);
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  std::string msg_id() const;
  bool done() const { return has(kDone); }
  bool outputs_done() const { return has(kOutputsDone); }
  client::Status status() const { return done() ? status_ : client::Status::pending; }
  /// The engine that was addressed; "" when the scheduler chooses (its reply's metadata says which).
  const std::string& engine() const { return engine_; }
  /// The reply; an empty one ("{}") while pending.
  const client::Reply& reply() const;
  WallTime submitted() const { return submitted_; }
  /// When the io thread had the reply; only once done.
  WallTime received() const { return received_; }
  /// The transport has let go of the request's large buffers.
  bool sent() const { return buffers_.expired(); }
  /// A copy of the output so far.
  client::Output output() const;
  /// Grows whenever output() does.
  std::size_t output_changes() const;

 private:
  friend class ClientBoard;
  friend class ClientIo;
  friend class ClientService;
  friend class Wait;
  enum Flag : std::uint8_t { kDone = 1, kOutputsDone = 2, kAwaited = 4, kWatched = 8 };
  bool has(Flag flag) const { return (flags_.load(std::memory_order_acquire) & flag) != 0; }

  const std::shared_ptr<ClientBoard> board_;
  const std::uint64_t seq_;
  const std::uint64_t part_of_;
  const std::string engine_;
  const WallTime submitted_;
  WallTime received_{};
  std::unique_ptr<const client::Reply> reply_;  // null while pending, which is when there may be a million
  client::Status status_ = client::Status::pending;
  mutable std::atomic<std::uint8_t> flags_{0};  // only ever gains bits
  std::weak_ptr<const void> buffers_;           // what keeps the outgoing buffers alive until ZeroMQ has sent them
  std::unique_ptr<client::Output> output_;      // behind the board's mutex; null while there is none
};

using RequestPtr = std::shared_ptr<Request>;

/// Where a client's controller is: connected; gone for a moment, perhaps; given up, so that all requests fail.
enum class Reach : std::uint8_t { here, away, lost };

/// What the threads of a client share besides the requests: who waits for what, which engines there are.
/// The mutex is there because user threads sleep here until the io thread has news, and read what still changes.
/// The io thread takes it per batch, or when somebody waits for the very request it completes: not per reply.
class ClientBoard final {
 public:
  explicit ClientBoard(std::string id_prefix) : id_prefix_(std::move(id_prefix)) {}

  const std::string& id_prefix() const { return id_prefix_; }
  std::map<EngineNumber, EngineId> engines() const;
  /// Grows when engines join or leave, and when reach() changes.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  Reach reach() const { return reach_.load(std::memory_order_acquire); }
  /// Requests that were made and have no reply yet.
  std::size_t pending() const { return pending_.load(std::memory_order_relaxed); }
  /// Waits until generation() differs from `seen` or `timeout` has passed; returns it.
  std::uint64_t wait_generation(std::uint64_t seen, Duration timeout);

  /// Lets `request` show up in next_watched once it is done.
  void watch(const RequestPtr& request);
  /// Watched requests that are done now; waits up to `timeout` for the first, and not at all once closed.
  std::vector<RequestPtr> next_watched(Duration timeout);

  // For the io thread.
  void answer(const RequestPtr& request, client::Reply reply, client::Status status, bool outputs_done, WallTime now);
  void show(Request& request, client::OutputMessage message);
  void outputs_done(Request& request);
  void set_engines(const std::map<EngineNumber, EngineId>& engines);
  void set_reach(Reach reach);
  /// Tells the watcher what completed since the last call.
  void flush();
  void close();
  bool closed() const { return closed_.load(std::memory_order_acquire); }

 private:
  friend class Request;
  friend class Wait;
  struct Waiter {
    std::condition_variable wake;
    const Request* target = nullptr;  // null: any request that somebody awaits
    std::uint8_t wanted = 0;          // the flag that ends the wait
    bool signaled = false;
  };
  void raise(Request& request, std::uint8_t flags);

  const std::string id_prefix_;
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<Reach> reach_{Reach::here};
  std::atomic<std::size_t> pending_{0};
  std::atomic<bool> closed_{false};
  std::vector<RequestPtr> watched_now_;  // io thread only: on their way to watched_done_

  mutable std::mutex mutex_;  // guards all below, and the output_ of each request
  std::vector<Waiter*> waiters_;
  std::vector<RequestPtr> watched_done_;
  std::condition_variable watched_;
  std::map<EngineNumber, EngineId> engines_;
  std::condition_variable engines_changed_;
};

struct WaitFor {
  bool outputs = false;  // with all output
  bool any = false;      // one is enough
};

/// A wait for some requests, which may be taken up again: until() continues where the last call stopped.
/// It sleeps on one unfinished request at a time, the last first, then any of those left: so a set of n requests that
/// complete in any order costs about log n wake-ups, and the io thread does no counting.
class Wait final {
 public:
  /// `requests` must outlive the Wait. `lent`: the io thread's loop, which the waiting thread runs if it can have it.
  Wait(ClientBoard& board, net::LentLoop& lent, std::span<const RequestPtr> requests, WaitFor what = {});
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;
  /// True as soon as all (or any) are done; false once `deadline` has passed.
  bool until(std::chrono::steady_clock::time_point deadline);

 private:
  bool finished(const Request& request) const { return (request.flags_.load(std::memory_order_acquire) & flag_) != 0; }
  bool sleep(const Request* target, std::chrono::steady_clock::time_point deadline);
  bool until_any(std::chrono::steady_clock::time_point deadline);

  ClientBoard& board_;
  net::LentLoop& lent_;
  const std::uint8_t flag_;
  const bool any_;
  std::vector<const Request*> pending_;
  std::uint32_t pick_ = 0;
  bool spun_ = false;  // a wait stays awake for the loop once, not after each slice of it
};

}  // namespace camshaft::service
