// service/forwarding_log.hpp: a log that writes to another one and sends its records to an iplogger too (--log-url).
// Thread: write(), rename() and finish() from any; a thread of its own has the socket and does the sending, so that no
//         other one ever waits for the network.
// Owns:   the thread, its ZeroMQ context (not encrypted: an iplogger has no key of the cluster) and the records that
//         wait, at most 4 MiB of them: those go while nobody subscribes, the oldest first, and are counted.
// Errors: an address that cannot be used throws net::NetError; afterwards none.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include "core/log.hpp"
#include "core/time.hpp"
#include "net/loop.hpp"
#include "net/socket.hpp"
#include "wire/log_record.hpp"

namespace camshaft::service {

class ForwardingLog final : public Log {
 public:
  /// `near` must outlive this log and says which levels count; `source` is the topic without the level.
  ForwardingLog(Log& near, const std::string& url, std::string source);
  ~ForwardingLog() override;
  ForwardingLog(const ForwardingLog&) = delete;
  ForwardingLog& operator=(const ForwardingLog&) = delete;

  bool enabled(Level level) const override { return near_.enabled(level); }
  void write(Level level, std::string_view line) override;
  /// "engine" becomes "engine.3" once the engine has a number.
  void rename(std::string source);
  /// Sends what waits, which takes a moment at most, and forwards nothing any more.
  void finish();

 private:
  void run();
  void on_subscription(std::string_view report);
  void become_ready();
  void send_waiting();

  Log& near_;
  const pid_t process_;
  SystemClock clock_;
  std::unique_ptr<net::Context> context_;
  std::unique_ptr<net::Socket> socket_;  // made before the thread starts, then the thread's
  net::Loop loop_;
  // Of the thread:
  std::set<std::string> topics_;  // that the other side has subscribed to
  bool settling_ = false, finishing_ = false;

  std::mutex mutex_;  // guards what follows
  std::string source_;
  std::deque<wire::LogRecord> waiting_;
  std::size_t bytes_ = 0;
  std::uint64_t lost_ = 0;
  bool ready_ = false;   // somebody subscribes
  bool posted_ = false;  // the thread knows that something waits
  bool over_ = false;
  std::thread thread_;
};

}  // namespace camshaft::service
