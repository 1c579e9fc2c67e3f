#include "service/forwarding_log.hpp"

#include <unistd.h>

#include <csignal>
#include <utility>

namespace camshaft::service {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMostBytes = 4 << 20;
constexpr std::size_t kLongest = 64 << 10;  // of one record
constexpr std::size_t kOverhead = 128;      // what a short record takes
// Several topics are subscribed to one after the other: what waits is sent when all are there.
constexpr Duration kSettling = milliseconds(20);
// A program that ends soon after its start has something to say, and its connection may not stand yet.
constexpr Duration kPatienceAtEnd = milliseconds(300);
constexpr milliseconds kLinger{500};

std::unique_ptr<net::Socket> connected(net::Context& context, const std::string& url) {
  net::SocketOptions options;
  options.type = net::SocketType::xpub;  // a PUB that is told of subscriptions
  options.connect = {url};
  options.linger = kLinger;
  options.hwm = 10'000;
  options.watch_peer = true;
  try {
    return std::make_unique<net::Socket>(context, options);
  } catch (const net::NetError& error) {
    throw net::NetError(fmt::format("--log-url: {}: give an address such as tcp://host:20202", error.what()));
  }
}

}  // namespace

ForwardingLog::ForwardingLog(Log& near, const std::string& url, std::string source)
    : near_(near),
      process_(::getpid()),
      context_(std::make_unique<net::Context>()),
      socket_(connected(*context_, url)),
      loop_(clock_),
      source_(std::move(source)) {
  // Signals are for the threads that wait for them.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

ForwardingLog::~ForwardingLog() {
  finish();
  if (::getpid() == process_) return;
  // In a fork of the process there is no such thread, and the context is not ours to end.
  if (thread_.joinable()) thread_.detach();
  (void)socket_.release();
  (void)context_.release();
}

void ForwardingLog::write(Level level, std::string_view line) {
  near_.write(level, line);
  const std::lock_guard lock(mutex_);
  if (over_) return;
  waiting_.push_back({source_, level, std::string(line.substr(0, kLongest))});
  bytes_ += waiting_.back().text.size() + kOverhead;
  while (bytes_ > kMostBytes) {
    bytes_ -= waiting_.front().text.size() + kOverhead;
    waiting_.pop_front();
    ++lost_;
  }
  if (!ready_ || std::exchange(posted_, true)) return;
  loop_.post([this] { send_waiting(); });
}

void ForwardingLog::rename(std::string source) {
  const std::lock_guard lock(mutex_);
  source_ = std::move(source);
}

void ForwardingLog::finish() {
  if (::getpid() != process_) return;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(over_, true)) return;
  }
  loop_.post([this] {
    finishing_ = true;
    if (!topics_.empty()) {
      become_ready();
      loop_.stop();
    } else {
      loop_.at(clock_.now() + kPatienceAtEnd, [this] { loop_.stop(); });
    }
  });
  thread_.join();
  socket_.reset();
  context_.reset();  // waits until what was sent is gone, or for kLinger
}

void ForwardingLog::run() {
  loop_.on_message(*socket_, [this](net::Received&& received) {
    if (received.frames.size() == 1) on_subscription(received.frames[0].view());
  });
  loop_.run();
  loop_.forget(*socket_);
}

void ForwardingLog::on_subscription(std::string_view report) {
  if (report.empty()) return;
  std::string topic(report.substr(1));
  if (report[0] == '\1') {
    topics_.insert(std::move(topic));
    if (settling_) return;
    settling_ = true;
    loop_.at(clock_.now() + kSettling, [this] {
      settling_ = false;
      if (topics_.empty()) return;
      become_ready();
      if (finishing_) loop_.stop();
    });
  } else if (report[0] == '\0') {
    topics_.erase(topic);
    if (!topics_.empty()) return;
    const std::lock_guard lock(mutex_);
    ready_ = false;  // the other side is gone: what comes now waits for its successor
  }
}

void ForwardingLog::become_ready() {
  {
    const std::lock_guard lock(mutex_);
    ready_ = true;
  }
  send_waiting();
}

void ForwardingLog::send_waiting() {
  std::deque<wire::LogRecord> records;
  {
    const std::lock_guard lock(mutex_);
    posted_ = false;
    if (!ready_) return;
    records = std::exchange(waiting_, {});
    bytes_ = 0;
    if (const auto lost = std::exchange(lost_, 0); lost > 0) {
      records.push_front(
          {source_, Level::warning, fmt::format("{} earlier records were lost: nobody took them", lost)});
    }
  }
  for (const wire::LogRecord& record : records) socket_->send(wire::encode_log(record));
}

}  // namespace camshaft::service
