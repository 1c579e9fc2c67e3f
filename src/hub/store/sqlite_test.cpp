// What is special to SQLite: files, tables, limits, failures. What every store must do: store_contract_test.cpp.
#include "hub/store/sqlite.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "core/date.hpp"
#include "hub/store/byte_list.hpp"
#include "hub/store/testing/store_contract.hpp"

namespace camshaft::hub {
namespace {

INSTANTIATE_TEST_SUITE_P(
    Sqlite, StoreContract,
    testing::Values(StoreCase{
        "sqlite", [](const Folder& folder) { return SqliteStore::open({.file = folder.path / "tasks.db"}).value(); }}),
    [](const auto& each) { return each.param.name; });

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

const WallTime kNoon = *parse_date("2026-11-20T12:00:00Z");

class SqliteTest : public testing::Test {
 protected:
  SqliteTest() {
    std::string name = (std::filesystem::temp_directory_path() / "camshaft-sqlite-XXXXXX").string();
    folder = ::mkdtemp(name.data());
  }
  ~SqliteTest() override { std::filesystem::remove_all(folder); }
  SqliteStore::Options options() { return {.file = folder / "tasks.db"}; }
  static void add(Store& store, const std::string& id, WallTime submitted, bool done, std::size_t bytes = 0) {
    TaskRecord record;
    record.id = MsgId(id);
    record.submitted = submitted;
    if (bytes > 0) record.buffers = {Blob::of(std::string(bytes, 'x'))};
    std::vector<Write> batch{Insert{record}};
    if (done) batch.push_back(Update{MsgId(id), Finished{.completed = submitted, .received = submitted}});
    ASSERT_TRUE(store.write(batch));
  }
  static std::vector<std::string> history(Store& store) {
    std::vector<std::string> out;
    const std::vector<MsgId> all = store.history().value();
    for (const MsgId& id : all) out.push_back(id.value);
    return out;
  }
  std::filesystem::path folder;
};

TEST_F(SqliteTest, RecordsOutliveTheStore) {
  add(*SqliteStore::open(options()).value(), "a", kNoon, true, 10);
  const auto again = SqliteStore::open(options()).value();
  EXPECT_THAT(history(*again), ElementsAre("a"));
  EXPECT_EQ(again->get(MsgId("a")).value().value().buffers, (std::vector{Blob::of_static("xxxxxxxxxx")}));
}

TEST_F(SqliteTest, ASecondConnectionSeesWhatTheFirstWrote) {
  const auto writer = SqliteStore::open(options()).value();
  auto second = options();
  second.create = false;
  const auto reader = SqliteStore::open(second).value();
  for (const char* id : {"a", "b"}) {
    add(*writer, id, kNoon, true);
    EXPECT_EQ(reader->state(MsgId(id)).value(), State::completed);
  }
  EXPECT_TRUE(reader->remove(Filter()));
  EXPECT_EQ(writer->state(MsgId("a")).value(), State::unknown);
}

TEST_F(SqliteTest, ATableOfOtherColumnsIsLeftAlone) {
  {
    SqliteConnection connection(folder / "tasks.db");
    connection.run("CREATE TABLE \"ipython-tasks\" (msg_id text PRIMARY KEY, header dict text)");
    connection.run("INSERT INTO \"ipython-tasks\" VALUES ('old', '{}')");
  }
  const auto store = SqliteStore::open(options()).value();
  EXPECT_EQ(store->table(), "ipython-tasks_1");
  add(*store, "new", kNoon, true);
  EXPECT_THAT(history(*store), ElementsAre("new"));
  EXPECT_EQ(SqliteStore::open(options()).value()->table(), "ipython-tasks_1");
  auto own = options();
  own.table = "_a \"strange\" name";
  EXPECT_THAT(history(*SqliteStore::open(own).value()), ElementsAre());
}

TEST_F(SqliteTest, OldFinishedTasksLeave) {
  auto limited = options();
  limited.age_limit = 60s;
  const auto store = SqliteStore::open(limited).value();
  add(*store, "old", kNoon - 61s, true);
  add(*store, "old and pending", kNoon - 61s, false);
  add(*store, "young", kNoon - 59s, true);
  ASSERT_TRUE(store->tend(kNoon));
  EXPECT_THAT(history(*store), ElementsAre("old and pending", "young"));
  EXPECT_EQ(store->stats().culled, 1u);
}

TEST_F(SqliteTest, TheOldestLeaveAFileThatIsTooLarge) {
  auto limited = options();
  limited.size_limit = 2'000'000;
  const auto store = SqliteStore::open(limited).value();
  for (int i = 0; i < 40; ++i) add(*store, fmt::format("{:02}", i), kNoon + i * 1s, i != 0, 100'000);
  EXPECT_GT(store->stats().bytes, limited.size_limit);
  ASSERT_TRUE(store->tend(kNoon));
  EXPECT_LE(store->stats().bytes, limited.size_limit);
  const auto left = history(*store);
  ASSERT_GT(left.size(), 10u);
  EXPECT_EQ(left.front(), "00");  // pending: it stays
  EXPECT_EQ(left.back(), "39");
  EXPECT_EQ(store->stats().culled, 40 - left.size());
}

TEST_F(SqliteTest, TheFileShrinksWhenItIsEmptied) {
  const auto store = SqliteStore::open(options()).value();
  for (int i = 0; i < 20; ++i) add(*store, std::to_string(i), kNoon, true, 100'000);
  const auto before = store->stats().bytes;
  EXPECT_GT(before, 2'000'000u);
  ASSERT_TRUE(store->remove(Filter()));
  SqliteConnection connection(folder / "tasks.db");
  connection.run("PRAGMA wal_checkpoint(TRUNCATE)");
  EXPECT_LT(std::filesystem::file_size(folder / "tasks.db"), 200'000u);
}

TEST_F(SqliteTest, WhatIsNoDatabaseIsRefusedWithOneLine) {
  std::ofstream(folder / "tasks.db") << std::string(5000, 'x');
  const auto refused = SqliteStore::open(options());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message,
              HasSubstr("tasks.db: file is not a database; choose another --SQLiteDB.filename"));
  auto elsewhere = options();
  elsewhere.file = folder / "nowhere" / "tasks.db";
  EXPECT_THAT(SqliteStore::open(elsewhere).error().message, HasSubstr("unable to open database file"));
}

// A batch that cannot be written is not written at all, and can be tried again.
TEST_F(SqliteTest, AFailedBatchCanBeTriedAgain) {
  const auto store = SqliteStore::open(options()).value();
  SqliteConnection other(folder / "tasks.db");
  other.run(
      "CREATE TRIGGER full BEFORE INSERT ON \"ipython-tasks\" WHEN new.msg_id = 'b' "
      "BEGIN SELECT raise(ABORT, 'database or disk is full'); END");
  std::vector<Write> batch;
  for (const char* id : {"a", "b"}) {
    TaskRecord record;
    record.id = MsgId(id);
    record.submitted = kNoon;
    batch.push_back(Insert{record});
    batch.push_back(Update{MsgId(id), Printed{Stream::out, "x"}});
  }
  batch.push_back(Update{MsgId("nobody"), Printed{Stream::out, "x"}});
  const auto failed = store->write(batch);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("disk is full"));
  EXPECT_EQ(store->state(MsgId("a")).value(), State::unknown);
  EXPECT_EQ(store->stats().ignored, 0u);
  other.run("DROP TRIGGER full");
  ASSERT_TRUE(store->write(batch));
  EXPECT_THAT(history(*store), ElementsAre("a", "b"));
  EXPECT_EQ(store->get(MsgId("b")).value().value().out, "x");
  EXPECT_EQ(store->stats().ignored, 1u);
}

TEST(ByteList, ReadsWhatItWrites) {
  for (const std::size_t size : {0, 1, 255, 256, 70000}) {
    const std::vector<Blob> list{Blob::of(std::string(size, 'a')), Blob::of_static("end")};
    EXPECT_EQ(read_byte_list(write_byte_list(list)), list);
  }
  EXPECT_EQ(read_byte_list(write_byte_list({})), std::vector<Blob>());
}

TEST(ByteList, ReadsCPythonsPickles) {
  using namespace std::string_view_literals;
  const std::vector<Blob> expected{Blob::of_static("ab"), Blob::of_static("c")};
  // pickle.dumps([b"ab", b"c"], 3) and with protocol 5
  EXPECT_EQ(read_byte_list("\x80\x03]q\x00(C\x02"
                           "abq\x01"
                           "C\x01"
                           "cq\x02"
                           "e."sv),
            expected);
  EXPECT_EQ(read_byte_list("\x80\x05\x95\x0f\0\0\0\0\0\0\0]\x94(C\x02"
                           "ab\x94"
                           "C\x01"
                           "c\x94"
                           "e."sv),
            expected);
}

TEST(ByteList, RefusesEverythingElse) {
  using namespace std::string_view_literals;
  for (const std::string_view pickle : {""sv, "\x80"sv, "\x80\x04."sv, "\x80\x04]"sv,
                                        "\x80\x04](C\x05"
                                        "abe."sv,
                                        "]](e."sv, "cos\nsystem\n(S'true'\ntR."sv,
                                        "\x80\x04](\x8e\xff\xff\xff\xff\xff\xff\xff\xff"
                                        "e."sv,
                                        "\x80\x04]C\x01"
                                        "aa.x"sv})
    EXPECT_EQ(read_byte_list(pickle), std::nullopt);
}

}  // namespace
}  // namespace camshaft::hub
