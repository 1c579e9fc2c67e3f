#include "service/forwarding_log.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

namespace camshaft::service {
namespace {

using wire::LogRecord;

class Kept final : public Log {
 public:
  explicit Kept(Level least = Level::debug) : least_(least) {}
  bool enabled(Level level) const override { return level >= least_; }
  void write(Level, std::string_view line) override {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(line);
  }
  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  Level least_;
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

// What iplogger is on the wire.
class Taker final {
 public:
  /// "" is every topic.
  explicit Taker(const std::string& topic, const std::string& address = "tcp://127.0.0.1:*")
      : socket_(context_, options(topic, address)) {}
  std::string url() const { return "tcp://127.0.0.1:" + std::to_string(socket_.port()); }
  std::optional<LogRecord> next() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
      if (const auto frames = socket_.receive()) return *wire::decode_log(*frames);
      std::this_thread::yield();
    }
    return std::nullopt;
  }

 private:
  static net::SocketOptions options(const std::string& topic, const std::string& address) {
    net::SocketOptions o;
    o.type = net::SocketType::sub;
    o.bind = {address};
    o.subscribe_all = topic.empty();
    o.subscribe_also = topic;
    return o;
  }
  net::Context context_;
  net::Socket socket_;
};

TEST(ForwardingLog, WritesBothWaysAndFromTheFirstRecordOn) {
  Kept near(Level::info);
  Taker taker("");
  ForwardingLog log(near, taker.url(), "engine");
  log.info("first");
  log.debug("not asked for");
  EXPECT_EQ(taker.next(), (LogRecord{"engine", Level::info, "first"}));
  log.rename("engine.3");
  log.error("second");
  EXPECT_EQ(taker.next(), (LogRecord{"engine.3", Level::error, "second"}));
  EXPECT_EQ(near.lines(), (std::vector<std::string>{"first", "second"}));
}

TEST(ForwardingLog, SendsWhatIsSubscribedTo) {
  Kept near;
  Taker taker("engine.0.ERR");
  ForwardingLog log(near, taker.url(), "engine.0");
  log.info("left out");
  log.error("e");
  EXPECT_EQ(taker.next(), (LogRecord{"engine.0", Level::error, "e"}));
}

TEST(ForwardingLog, FinishSendsWhatWaits) {
  Kept near;
  Taker taker("");
  for (int i = 0; i < 5; ++i) {
    const std::jthread program([&] {
      ForwardingLog log(near, taker.url(), std::to_string(i));
      log.info("the only one");
    });
    const auto record = taker.next();  // a socket that is not read does not even subscribe
    ASSERT_TRUE(record);
    EXPECT_EQ(*record, (LogRecord{std::to_string(i), Level::info, "the only one"}));
  }
}

TEST(ForwardingLog, NobodyListensAndNobodyWaits) {
  Kept near;
  std::string url;
  {
    const Taker gone("");
    url = gone.url();
  }
  ForwardingLog log(near, url, "controller");
  const std::string line(1000, 'x');
  for (int i = 0; i < 5000; ++i) log.info("{}{}", i, line);
  EXPECT_EQ(near.lines().size(), 5000U);
  // Whoever comes late gets the latest, and how many came before them.
  Taker late("", url);
  const auto first = late.next();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->level, Level::warning);
  EXPECT_NE(first->text.find("earlier records were lost"), std::string::npos) << first->text;
  const int lost = std::stoi(first->text);
  EXPECT_GT(lost, 0);
  for (int i = lost; i < 5000; ++i)
    ASSERT_EQ(late.next(), (LogRecord{"controller", Level::info, std::to_string(i) + line}));
}

TEST(ForwardingLog, ASuccessorGetsWhatCameMeanwhile) {
  Kept near;
  auto taker = std::make_unique<Taker>("");
  const std::string url = taker->url();
  ForwardingLog log(near, url, "controller");
  log.info("one");
  EXPECT_EQ(taker->next(), (LogRecord{"controller", Level::info, "one"}));
  taker = nullptr;
  taker = std::make_unique<Taker>("", url);
  // A record that is sent into the break is lost; one of those after it comes.
  const std::jthread writer([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      log.info("again");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  EXPECT_EQ(taker->next(), (LogRecord{"controller", Level::info, "again"}));
}

TEST(ForwardingLog, AnAddressThatIsNone) {
  Kept near;
  EXPECT_THROW(ForwardingLog(near, "nowhere", "x"), net::NetError);
}

}  // namespace
}  // namespace camshaft::service
