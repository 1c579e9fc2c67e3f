#include "service/record_keeper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "hub/record_queries.hpp"
#include "hub/store/memory.hpp"
#include "service/record_stores.hpp"

namespace camshaft::service {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

/// A log that can be looked into from any thread.
class LinesLog final : public Log {
 public:
  bool enabled(Level) const override { return true; }
  void write(Level, std::string_view line) override {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(line);
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  std::size_t count(std::string_view text) const {
    std::size_t n = 0;
    for (const std::string& line : lines()) n += line.find(text) != std::string::npos ? 1 : 0;
    return n;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// A database that does what the test says; its records are shared by all of its connections.
struct Database {
  std::mutex mutex;
  std::condition_variable changed;
  hub::MemoryStore records{{.records = 1'000'000, .bytes = std::size_t{1} << 30, .cull_fraction = 0.1}};
  bool blocked = false, failing = false;
  int attempts = 0;
  std::vector<std::size_t> batches;

  template <class F>
  void set(F&& change) {
    {
      const std::lock_guard lock(mutex);
      change();
    }
    changed.notify_all();
  }
};
class TestStore final : public hub::Store {
 public:
  explicit TestStore(Database& database) : db_(database) {}
  std::string_view name() const override { return "test"; }
  Result<Done> write(std::span<hub::Write> batch) override {
    std::unique_lock lock(db_.mutex);
    ++db_.attempts;
    db_.changed.notify_all();
    db_.changed.wait(lock, [&] { return !db_.blocked; });
    if (db_.failing) return Error{Errc::timed_out, "the disk is full"};
    db_.batches.push_back(batch.size());
    db_.changed.notify_all();
    return db_.records.write(batch);
  }
  Result<hub::State> state(const MsgId& id) override {
    const std::lock_guard lock(db_.mutex);
    return db_.records.state(id);
  }
  Result<std::optional<hub::TaskRecord>> get(const MsgId& id) override {
    const std::lock_guard lock(db_.mutex);
    return db_.records.get(id);
  }
  Result<Done> visit(const hub::Filter& filter, hub::FieldSet fields, const Visitor& visit) override {
    const std::lock_guard lock(db_.mutex);
    return db_.records.visit(filter, fields, visit);
  }
  Result<Done> remove(std::span<const MsgId> ids) override {
    const std::lock_guard lock(db_.mutex);
    return db_.records.remove(ids);
  }
  Result<Done> remove(const hub::Filter& filter) override {
    const std::lock_guard lock(db_.mutex);
    return db_.records.remove(filter);
  }
  hub::StoreStats stats() override {
    const std::lock_guard lock(db_.mutex);
    return db_.records.stats();
  }

 private:
  Database& db_;
};

hub::Write insert(const std::string& id, std::size_t bytes = 0) {
  hub::TaskRecord record;
  record.id = MsgId(id);
  record.submitted = WallTime(1s);
  if (bytes > 0) record.buffers = {Blob::of(std::string(bytes, 'x'))};
  return hub::Insert{std::move(record)};
}
hub::Write finish(const std::string& id, std::size_t bytes = 0) {
  hub::Finished finished{.completed = WallTime(2s), .received = WallTime(2s)};
  finished.content = Blob::of_static(R"({"status": "ok"})");
  if (bytes > 0) finished.buffers = {Blob::of(std::string(bytes, 'x'))};
  return hub::Update{MsgId(id), std::move(finished)};
}

class KeeperTest : public testing::Test {
 protected:
  KeeperTest() { options.retry = 1ms; }
  ~KeeperTest() override {
    db.set([&] { db.blocked = db.failing = false; });
    keeper.reset();
  }
  void start() {
    keeper = std::make_unique<DatabaseKeeper>(
        std::make_unique<TestStore>(db),
        [this]() -> Result<std::unique_ptr<hub::Store>> { return std::unique_ptr<hub::Store>(new TestStore(db)); },
        options, clock, log);
  }
  template <class Predicate>
  void wait_until(Predicate holds) {
    std::unique_lock lock(db.mutex);
    ASSERT_TRUE(db.changed.wait_for(lock, 20s, holds));
  }
  hub::Answer ask(hub::Question question) {
    std::promise<hub::Answer> promise;
    keeper->ask(std::move(question), [&](hub::Answer answer) { promise.set_value(std::move(answer)); });
    auto future = promise.get_future();
    EXPECT_EQ(future.wait_for(20s), std::future_status::ready);
    return future.get();
  }
  std::string history() { return ask(hub::history()).content; }

  Database db;
  LinesLog log;
  SystemClock clock;
  DatabaseKeeper::Options options;
  std::unique_ptr<DatabaseKeeper> keeper;
};

TEST_F(KeeperTest, AQuestionSeesWhatWasPutBefore) {
  options.flush = 1h;  // nothing is written for its own sake
  start();
  keeper->put(insert("a"));
  EXPECT_EQ(history(), R"({"status": "ok", "history": ["a"]})");
  keeper->put(insert("b"));
  keeper->put(finish("a"));
  EXPECT_EQ(history(), R"({"status": "ok", "history": ["a", "b"]})");
  EXPECT_EQ(ask(hub::purge_completed()).content, R"({"status":"ok"})");
  EXPECT_EQ(history(), R"({"status": "ok", "history": ["b"]})");
  EXPECT_THAT(db.batches, ElementsAre(1, 2));
}

TEST_F(KeeperTest, WhatWaitsIsWrittenAtTheEnd) {
  options.flush = 1h;
  start();
  for (int i = 0; i < 10000; ++i) keeper->put(insert(std::to_string(i)));
  keeper.reset();
  EXPECT_EQ(db.records.stats().records, 10000u);
  EXPECT_THAT(log.lines(), SizeIs(0));
}

// A store that blocks takes no task's time: put() returns, what is too much is left out, and the log says so once.
TEST_F(KeeperTest, ABlockedStoreHoldsUpNobody) {
  options.queue_bytes = 100'000;
  db.blocked = true;
  start();
  for (int i = 0; i < 1000; ++i) {
    keeper->put(insert(std::to_string(i), 500));
    keeper->put(finish(std::to_string(i), 500));
  }
  EXPECT_GT(keeper->lost(), 1500u);
  EXPECT_EQ(log.count("does not keep up: records are left out until it does; tasks are not affected"), 1u);
  db.set([&] { db.blocked = false; });
  history();  // everything that was taken in is written then
  EXPECT_EQ(log.count("keeps up again"), 1u);
  keeper->put(insert("after"));
  EXPECT_THAT(history(), HasSubstr("after"));
  EXPECT_LT(db.records.stats().bytes, 200'000u);
  EXPECT_GT(db.records.stats().records, 20u);
}

TEST_F(KeeperTest, ResultsKeepTheirPlaceWhenRequestsDoNot) {
  options.queue_bytes = 10'000;
  db.blocked = true;
  start();
  keeper->put(insert("a"));
  wait_until([&] { return db.attempts == 1; });
  keeper->put(insert("b", 10'000));
  keeper->put(insert("c"));
  keeper->put(finish("a", 500));
  db.set([&] { db.blocked = false; });
  EXPECT_EQ(history(), R"({"status": "ok", "history": ["a", "b"]})");
  const hub::TaskRecord a = db.records.get(MsgId("a")).value().value();
  EXPECT_TRUE(a.completed.has_value());
  EXPECT_TRUE(a.result_buffers.empty());
  EXPECT_THAT(a.result_content.str(), HasSubstr("the result of a (500 bytes) is not in the task database"));
  EXPECT_EQ(keeper->lost(), 2u);
}

TEST_F(KeeperTest, ADatabaseThatDoesNotGetOnIsSaidToAQuestion) {
  options.question_timeout = 1ms;
  db.blocked = true;
  start();
  keeper->put(insert("a"));
  EXPECT_THAT(history(), HasSubstr("the task database is too slow to answer now"));
  db.set([&] { db.blocked = false; });
  keeper.reset();
  EXPECT_EQ(db.records.stats().records, 1u);
}

TEST_F(KeeperTest, AFailingStoreIsTriedAgain) {
  db.failing = true;
  start();
  keeper->put(insert("a"));
  wait_until([&] { return db.attempts >= 3; });
  EXPECT_EQ(log.count("the task database does not work: the disk is full; tasks go on"), 1u);
  EXPECT_THAT(history(), HasSubstr("the task database does not work: the disk is full"));
  db.set([&] { db.failing = false; });
  wait_until([&] { return db.batches.size() == 1; });
  while (log.count("works again") == 0) std::this_thread::yield();
  EXPECT_EQ(history(), R"({"status": "ok", "history": ["a"]})");
  EXPECT_EQ(keeper->lost(), 0u);
}

TEST_F(KeeperTest, AStoreThatFailsAtTheEndDoesNotHoldItUp) {
  db.failing = true;
  options.retry = 1h;
  start();
  for (int i = 0; i < 5000; ++i) keeper->put(insert(std::to_string(i)));
  keeper.reset();
  EXPECT_EQ(log.count("5000 task records, or their results, are not in the database"), 1u);
}

TEST_F(KeeperTest, WhatIsTooLargeIsPassedOnAndForgotten) {
  options.buffer_limit = 1000;
  start();
  keeper->put(insert("a", 1001));
  keeper->put(finish("a", 1001));
  keeper->put(insert("b", 1000));
  history();
  EXPECT_THAT(db.records.get(MsgId("a")).value().value().result_content.str(),
              HasSubstr("larger than the buffer_limit"));
  EXPECT_THAT(db.records.get(MsgId("b")).value().value().buffers, SizeIs(1));
  EXPECT_EQ(db.records.stats().bytes - db.records.get(MsgId("a")).value().value().result_content.size(), 1000u);
}

// Many times of what memory may hold waits in a file, and comes out of it in order.
TEST_F(KeeperTest, WhatIsTooMuchForMemoryWaitsInAFile) {
  options.queue_bytes = 400'000;
  options.spill_folder = std::filesystem::temp_directory_path();
  db.blocked = true;
  start();
  constexpr std::size_t kTasks = 5000;
  for (std::size_t i = 0; i < kTasks; ++i) {
    keeper->put(insert(std::to_string(i), i == 2500 ? 30'000 : 500));
    keeper->put(finish(std::to_string(i), 500));
    // The threads that move it are slower than a loop that does nothing else.
    while (keeper->waiting() > options.queue_bytes / 2) std::this_thread::yield();
  }
  EXPECT_LT(keeper->waiting(), options.queue_bytes);
  db.set([&] { db.blocked = false; });
  EXPECT_THAT(history(), HasSubstr("4999"));
  EXPECT_EQ(keeper->lost(), 0u);
  EXPECT_THAT(log.lines(), SizeIs(0));
  EXPECT_EQ(db.records.stats().records, kTasks);
  for (const char* id : {"0", "2500", "4999"}) {
    const hub::TaskRecord record = db.records.get(MsgId(id)).value().value();
    EXPECT_EQ(record.buffers.at(0).size(), record.id.value == "2500" ? 30'000u : 500u);
    EXPECT_EQ(record.result_buffers.at(0).size(), 500u);
  }
  EXPECT_EQ(keeper->waiting(), 0u);
}

TEST_F(KeeperTest, AFileThatCannotBeMadeLeavesTheRule) {
  options.queue_bytes = 100'000;
  options.spill_folder = "/nowhere";
  db.blocked = true;
  start();
  for (int i = 0; i < 1000; ++i) keeper->put(insert(std::to_string(i), 500));
  EXPECT_GT(keeper->lost(), 500u);
  // Before the database goes on: then there would be nothing left that needs a file.
  while (log.count("wait for the database stay in memory: a file in /nowhere: No such file") == 0)
    std::this_thread::yield();
  db.set([&] { db.blocked = false; });
  history();
  EXPECT_EQ(log.count("stay in memory"), 1u);
}

// The end comes while much waits in the file: all of it is written.
TEST_F(KeeperTest, WhatWaitsInAFileIsWrittenAtTheEnd) {
  options.queue_bytes = 400'000;
  options.spill_folder = std::filesystem::temp_directory_path();
  db.blocked = true;
  start();
  for (int i = 0; i < 3000; ++i) {
    keeper->put(insert(std::to_string(i), 500));
    while (keeper->waiting() > options.queue_bytes / 2) std::this_thread::yield();
  }
  db.set([&] { db.blocked = false; });
  keeper.reset();
  EXPECT_EQ(db.records.stats().records, 3000u);
  EXPECT_THAT(log.lines(), SizeIs(0));
}

TEST_F(KeeperTest, ASecondConnectionThatCannotBeMadeIsAnError) {
  keeper = std::make_unique<DatabaseKeeper>(
      std::make_unique<TestStore>(db),
      []() -> Result<std::unique_ptr<hub::Store>> {
        return Error{Errc::bad_value, "no more files"};
      },
      options, clock, log);
  EXPECT_THAT(history(), HasSubstr("no more files"));
}

TEST(DirectKeeper, SaysOnceThatRecordsLeave) {
  LinesLog log;
  {
    DirectKeeper keeper(std::make_unique<hub::MemoryStore>(hub::MemoryStore::Limits{.records = 10}), 1000, log);
    for (int i = 0; i < 1000; ++i) keeper.put(insert(std::to_string(i)));
    keeper.put(insert("large", 1001));
    bool asked = false;
    keeper.ask(hub::history(), [&](const hub::Answer& answer) {
      asked = true;
      EXPECT_THAT(answer.content, HasSubstr("large"));
    });
    EXPECT_TRUE(asked);
  }
  EXPECT_EQ(log.count("the oldest task records leave memory from now on"), 1u);
  EXPECT_EQ(log.count("task records have left memory because of its limits"), 1u);
  EXPECT_THAT(log.lines(), SizeIs(2));
}

class SessionDatabase : public testing::Test {
 protected:
  SessionDatabase() {
    std::string name = (std::filesystem::temp_directory_path() / "camshaft-session-XXXXXX").string();
    folder = ::mkdtemp(name.data());
  }
  ~SessionDatabase() override { std::filesystem::remove_all(folder); }
  std::string file(const std::string& cluster_id, WallTime now, bool go_on) {
    const auto path = session_database(folder, cluster_id, now, go_on);
    EXPECT_EQ(path.parent_path(), folder);
    RecordOptions options{.kind = RecordOptions::Kind::sqlite};
    options.sqlite.file = path;
    NullLog log;
    EXPECT_TRUE(make_record_keeper(options, "session", clock, log));
    return path.filename().string();
  }
  std::filesystem::path folder;
  SystemClock clock;
};

TEST_F(SessionDatabase, EachSessionHasItsOwnAndARestoredOneTheLast) {
  const WallTime day(std::chrono::hours(24 * 365 * 50));
  EXPECT_EQ(file("", day, true), "tasks-20191220T000000000.db");
  EXPECT_EQ(file("", day + 1s, false), "tasks-20191220T000001000.db");
  EXPECT_EQ(file("night", day + 2s, true), "tasks-night-20191220T000002000.db");
  EXPECT_EQ(file("", day + 3s, true), "tasks-20191220T000001000.db");
  EXPECT_EQ(file("night", day + 4s, true), "tasks-night-20191220T000002000.db");
  for (const char* ours :
       {"tasks-20191220T000000000.db", "tasks-a-b-20191220T000000000.db-wal", "tasks-20191220T000000000.db-shm"})
    EXPECT_TRUE(is_session_database(ours)) << ours;
  for (const char* other : {"tasks.db", "tasks-mine.db", "tasks-20191220T000000000.txt", "history.sqlite", "tasks-.db",
                            "mytasks-20191220T000000000.db", "20191220T000000000.db"})
    EXPECT_FALSE(is_session_database(other)) << other;
}

}  // namespace
}  // namespace camshaft::service
