#include "net/loop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <thread>

namespace camshaft::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;

// Rounds until `condition` holds; the steps are bounded, so a broken loop fails instead of hanging.
template <class Condition>
bool pump(Loop& loop, Condition condition) {
  for (int step = 0; step < 1000 && !condition(); ++step) loop.run_once(milliseconds(10));
  return condition();
}

Frames one(const std::string& text) { return {Blob::of(text)}; }

class LoopTest : public testing::Test {
 protected:
  FakeClock clock_;
  Loop loop_{clock_};
  std::vector<std::string> seen_;

  std::function<void()> note(const std::string& name) {
    return [this, name] { seen_.push_back(name); };
  }
};

TEST_F(LoopTest, TimersFireInOrderWhenTheirTimeHasComeAndNotBefore) {
  loop_.at(clock_.now() + seconds(2), note("two"));
  loop_.at(clock_.now() + seconds(1), note("one"));
  loop_.at(clock_.now() + seconds(1), note("one again"));
  EXPECT_FALSE(loop_.run_once(Duration::zero()));
  clock_.advance(seconds(1) - Duration(1));
  EXPECT_FALSE(loop_.run_once(Duration::zero()));
  clock_.advance(Duration(1));
  EXPECT_TRUE(loop_.run_once(Duration::zero()));
  EXPECT_THAT(seen_, ElementsAre("one", "one again"));
  clock_.advance(seconds(10));
  EXPECT_TRUE(loop_.run_once(Duration::zero()));
  EXPECT_FALSE(loop_.run_once(Duration::zero()));
  EXPECT_THAT(seen_, ElementsAre("one", "one again", "two"));
}

TEST_F(LoopTest, APeriodicTimerFiresOncePerRoundHoweverLate) {
  loop_.every(seconds(1), note("tick"));
  clock_.advance(seconds(5));
  loop_.run_once(Duration::zero());
  EXPECT_THAT(seen_, ElementsAre("tick"));
  clock_.advance(seconds(1));
  loop_.run_once(Duration::zero());
  EXPECT_THAT(seen_, ElementsAre("tick", "tick"));
}

TEST_F(LoopTest, CancelledTimersStaySilentAlsoFromInsideTheirHandler) {
  const TimerId once = loop_.at(clock_.now() + seconds(1), note("never"));
  TimerId periodic{};
  periodic = loop_.every(seconds(1), [&] {
    seen_.push_back("tick");
    loop_.cancel(periodic);
    loop_.cancel(periodic);
  });
  loop_.at(clock_.now() + seconds(1), [&] { loop_.at(clock_.now(), note("added")); });
  loop_.cancel(once);
  for (int i = 0; i < 4; ++i) {
    clock_.advance(seconds(1));
    loop_.run_once(Duration::zero());
  }
  EXPECT_THAT(seen_, ElementsAre("tick", "added"));
}

TEST_F(LoopTest, PostedJobsOfOneThreadKeepTheirOrder) {
  constexpr int kThreads = 4;
  constexpr int kJobs = 1000;
  std::vector<std::vector<int>> ran(kThreads);  // touched on the loop's thread only
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < kJobs; ++i) loop_.post([&ran, t, i] { ran[t].push_back(i); });
    });
  const auto done = [&] {
    return std::all_of(ran.begin(), ran.end(), [](const auto& jobs) { return jobs.size() == kJobs; });
  };
  // A round may find a single job, however many there will be.
  for (int step = 0; step < 2 * kThreads * kJobs && !done(); ++step) loop_.run_once(milliseconds(10));
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(pump(loop_, done));
  for (const auto& jobs : ran) EXPECT_TRUE(std::is_sorted(jobs.begin(), jobs.end()));
}

TEST_F(LoopTest, APostWakesALoopThatSleeps) {
  std::thread runner([&] { loop_.run(); });
  loop_.post([this] {
    seen_.push_back("first");
    loop_.post([this] {
      seen_.push_back("posted from a job");
      loop_.stop();
    });
  });
  runner.join();
  EXPECT_THAT(seen_, ElementsAre("first", "posted from a job"));
}

TEST_F(LoopTest, MayBeStoppedBeforeItRunsAndRunAgain) {
  loop_.stop();
  loop_.run();
  loop_.post([this] { loop_.stop(); });
  loop_.run();
}

TEST_F(LoopTest, WatchesDescriptors) {
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  loop_.on_readable(fd, [&] {
    std::uint64_t count = 0;
    EXPECT_EQ(read(fd, &count, sizeof count), static_cast<ssize_t>(sizeof count));
    seen_.push_back("readable");
  });
  EXPECT_FALSE(loop_.run_once(Duration::zero()));
  const std::uint64_t one = 1;
  ASSERT_EQ(write(fd, &one, sizeof one), static_cast<ssize_t>(sizeof one));
  EXPECT_TRUE(pump(loop_, [&] { return !seen_.empty(); }));
  loop_.forget(fd);
  ASSERT_EQ(write(fd, &one, sizeof one), static_cast<ssize_t>(sizeof one));
  EXPECT_FALSE(loop_.run_once(Duration::zero()));
  EXPECT_THAT(seen_, ElementsAre("readable"));
  close(fd);
}

TEST_F(LoopTest, DeliversMessagesAndEndsEachBusyRoundWithTheFlush) {
  Context context;
  Socket pull(context, {.type = SocketType::pull, .bind = {"inproc://loop"}});
  Socket push(context, {.type = SocketType::push, .connect = {"inproc://loop"}});
  loop_.on_message(pull, [&](Received&& received) { seen_.push_back(received.frames.at(0).str()); });
  loop_.after_round(note("flush"));
  EXPECT_FALSE(loop_.run_once(Duration::zero()));
  for (const char* text : {"a", "b", "c"}) ASSERT_EQ(push.send(one(text)), Sent::ok);
  EXPECT_TRUE(pump(loop_, [&] { return !seen_.empty(); }));
  EXPECT_THAT(seen_, ElementsAre("a", "b", "c", "flush")) << "a batch is flushed once";
}

TEST_F(LoopTest, TidiesUpAfterWorkAndThenSleeps) {
  loop_.after_work(note("tidy"));
  loop_.after_work(note("tidy too"));
  clock_.advance(seconds(5));
  EXPECT_FALSE(loop_.run_once(Duration::zero()));
  for (int n = 0; n < 3; ++n) {
    loop_.post(note("work"));
    EXPECT_TRUE(loop_.run_once(Duration::zero()));
  }
  clock_.advance(seconds(1));
  EXPECT_TRUE(loop_.run_once(Duration::zero()));
  EXPECT_THAT(seen_, ElementsAre("work", "work", "work", "tidy", "tidy too"));
  clock_.advance(seconds(5));
  EXPECT_FALSE(loop_.run_once(Duration::zero())) << "tidying is no work to tidy up after";
  loop_.post(note("more"));
  EXPECT_TRUE(loop_.run_once(Duration::zero()));
  clock_.advance(seconds(1));
  EXPECT_TRUE(loop_.run_once(Duration::zero()));
  EXPECT_THAT(seen_, ElementsAre("work", "work", "work", "tidy", "tidy too", "more", "tidy", "tidy too"));
}

TEST_F(LoopTest, ABusySocketDoesNotStarveTheOthers) {
  Context context;
  Socket busy(context, {.type = SocketType::pull, .bind = {"inproc://busy"}});
  Socket busy_push(context, {.type = SocketType::push, .connect = {"inproc://busy"}});
  Socket calm(context, {.type = SocketType::pull, .bind = {"inproc://calm"}});
  Socket calm_push(context, {.type = SocketType::push, .connect = {"inproc://calm"}});
  int floods = 0;
  loop_.on_message(busy, [&](Received&&) {
    ++floods;
    ASSERT_EQ(busy_push.send(one("again")), Sent::ok);  // a message that always brings another
  });
  loop_.on_message(calm, [&](Received&&) { seen_.push_back("calm"); });
  ASSERT_EQ(busy_push.send(one("start")), Sent::ok);
  ASSERT_EQ(calm_push.send(one("hello")), Sent::ok);
  EXPECT_TRUE(pump(loop_, [&] { return !seen_.empty(); }));
  EXPECT_GT(floods, 0);
}

TEST_F(LoopTest, HandlersMayForgetAndAddSockets) {
  Context context;
  Socket pull(context, {.type = SocketType::pull, .bind = {"inproc://first"}});
  Socket push(context, {.type = SocketType::push, .connect = {"inproc://first"}});
  std::vector<std::unique_ptr<Socket>> more;
  loop_.on_message(pull, [&](Received&& received) {
    seen_.push_back(received.frames.at(0).str());
    loop_.forget(pull);
    for (int i = 0; i < 20; ++i) {  // enough to move the loop's list of watches
      more.push_back(std::make_unique<Socket>(
          context, SocketOptions{.type = SocketType::pull, .bind = {"inproc://more" + std::to_string(i)}}));
      loop_.on_message(*more.back(), [&, i](Received&&) { seen_.push_back("more" + std::to_string(i)); });
    }
  });
  ASSERT_EQ(push.send(one("a")), Sent::ok);
  ASSERT_EQ(push.send(one("b")), Sent::ok);
  ASSERT_TRUE(pump(loop_, [&] { return !seen_.empty(); }));
  Socket late(context, {.type = SocketType::push, .connect = {"inproc://more19"}});
  ASSERT_EQ(late.send(one("x")), Sent::ok);
  ASSERT_TRUE(pump(loop_, [&] { return seen_.size() > 1; }));
  EXPECT_THAT(seen_, ElementsAre("a", "more19")) << "nothing of a forgotten socket is delivered";
  more.clear();
}

TEST_F(LoopTest, EventsAreHandledBeforeMessagesOfTheSameSocket) {
  Context context;
  Socket router(context, {.type = SocketType::router, .bind = {"tcp://127.0.0.1:*"}, .monitor = true});
  const std::string address = "tcp://127.0.0.1:" + std::to_string(router.port());
  loop_.on_message(router, [&](Received&& received) { seen_.push_back("message " + received.frames.at(0).str()); });
  loop_.on_event(router, [&](const SocketEvent& event) {
    if (event.kind == SocketEvent::Kind::handshaken) seen_.push_back("handshaken");
    if (event.kind == SocketEvent::Kind::disconnected) seen_.push_back("disconnected");
  });
  {
    Socket dealer(context,
                  {.type = SocketType::dealer, .identity = "peer", .connect = {address}, .linger = seconds(5)});
    ASSERT_EQ(dealer.send(one("hello")), Sent::ok);
    ASSERT_TRUE(pump(loop_, [&] { return seen_.size() >= 2; }));
  }
  ASSERT_TRUE(pump(loop_, [&] { return seen_.size() >= 3; }));
  EXPECT_THAT(seen_, ElementsAre("handshaken", "message peer", "disconnected"));
}

TEST_F(LoopTest, AnEventHandlerMayAddWatches) {
  Context context;
  Socket router(context, {.type = SocketType::router, .bind = {"tcp://127.0.0.1:*"}, .monitor = true});
  std::vector<std::unique_ptr<Socket>> more;
  bool handled = false;
  loop_.on_message(router, [&](Received&&) { handled = true; });
  loop_.on_event(router, [&](const SocketEvent&) {
    for (int i = 0; i < 20; ++i) {
      more.push_back(std::make_unique<Socket>(context, SocketOptions{.type = SocketType::pull}));
      loop_.on_message(*more.back(), [](Received&&) {});
    }
  });
  Socket dealer(context, {.type = SocketType::dealer,
                          .connect = {"tcp://127.0.0.1:" + std::to_string(router.port())},
                          .linger = seconds(5)});
  ASSERT_EQ(dealer.send(one("hello")), Sent::ok);
  EXPECT_TRUE(pump(loop_, [&] { return handled; }));
  EXPECT_FALSE(more.empty());
}

TEST_F(LoopTest, WhileItStaysAwakeItSeesWhatIsPostedAndWhenATimerIsDue) {
  loop_.stay_awake(std::chrono::hours(1));
  loop_.post(note("first"));
  EXPECT_TRUE(loop_.run_once(Duration::zero()));  // from now on it is awake
  std::thread other([this] { loop_.post(note("second")); });
  EXPECT_TRUE(pump(loop_, [this] { return seen_.size() == 2; }));
  other.join();
  loop_.at(clock_.now(), note("timer"));
  EXPECT_TRUE(loop_.run_once(std::chrono::hours(1)));
  EXPECT_THAT(seen_, ElementsAre("first", "second", "timer"));
}

}  // namespace
}  // namespace camshaft::net
