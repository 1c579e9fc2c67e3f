// The rule of durability (docs/operations-recovery.md): what is left of the records after a loss of power.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "core/date.hpp"
#include "hub/store/sqlite.hpp"
#include "hub/store/testing/forgetful_disk.hpp"

namespace camshaft::hub {
namespace {

const WallTime kNoon = *parse_date("2026-11-20T12:00:00Z");

class PowerLossTest : public ::testing::Test {
 protected:
  PowerLossTest() {
    std::string name = (std::filesystem::temp_directory_path() / "camshaft-power-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    std::filesystem::create_directories(folder / "before");
    std::filesystem::create_directories(folder / "after");
  }
  ~PowerLossTest() override { std::filesystem::remove_all(folder); }

  SqliteStore::Options options(const char* synchronous) const {
    return {.file = folder / "before" / "tasks.db", .synchronous = synchronous};
  }
  static void submit(Store& store, const std::string& id) {
    TaskRecord record;
    record.id = MsgId(id);
    record.submitted = kNoon;
    record.buffers = {Blob::of(std::string(3000, 'x'))};
    std::vector<Write> batch{Insert{record}};
    ASSERT_TRUE(store.write(batch));
  }
  static void finish(Store& store, const std::string& id) {
    std::vector<Write> batch{Update{MsgId(id), Finished{.completed = kNoon, .received = kNoon}}};
    ASSERT_TRUE(store.write(batch));
  }
  /// What a controller that is started again finds: each id, and whether it has ended.
  std::vector<std::pair<std::string, bool>> survivors(const char* synchronous) const {
    // Under another name: what is synced now is not what was.
    const std::filesystem::path again = folder / "again";
    std::filesystem::remove_all(again);
    std::filesystem::create_directory(again);
    for (const char* end : {"", "-wal"}) {
      const std::filesystem::path left = folder / "after" / ("tasks.db" + std::string(end));
      if (std::filesystem::exists(left)) std::filesystem::copy_file(left, again / ("found.db" + std::string(end)));
    }
    const SqliteStore::Options there{.file = again / "found.db", .synchronous = synchronous};
    std::vector<std::pair<std::string, bool>> found;
    const auto store = SqliteStore::open(there);
    EXPECT_TRUE(store) << store.error().message;
    const auto read = store.value()->visit(Filter(), FieldSet::all(), [&](const TaskRecord& record) {
      found.emplace_back(record.id.value, record.completed.has_value());
    });
    EXPECT_TRUE(read);
    SqliteConnection check(there.file);
    SqliteStatement integrity(check, "PRAGMA integrity_check");
    EXPECT_TRUE(integrity.step());
    EXPECT_EQ(integrity.text(0), "ok");
    return found;
  }
  std::filesystem::path folder;
};

using Found = std::vector<std::pair<std::string, bool>>;

TEST_F(PowerLossTest, FullMeansThatWhatWasWrittenIsThere) {
  testing::ForgetfulDisk disk(folder / "after");
  const auto store = SqliteStore::open(options("FULL")).value();
  submit(*store, "a");
  EXPECT_EQ(survivors("FULL"), (Found{{"a", false}}));
  submit(*store, "b");
  finish(*store, "a");
  EXPECT_EQ(survivors("FULL"), (Found{{"a", true}, {"b", false}}));
  for (int n = 0; n < 50; ++n) submit(*store, "c" + std::to_string(n));
  EXPECT_EQ(survivors("FULL").size(), 52u);
}

TEST_F(PowerLossTest, NormalMeansThatTheFileIsSound) {
  testing::ForgetfulDisk disk(folder / "after");
  const auto store = SqliteStore::open(options("NORMAL")).value();
  submit(*store, "a");
  {
    SqliteConnection other(options("NORMAL").file);
    other.run("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  submit(*store, "b");  // a log that begins anew syncs its header
  const int before = disk.syncs();
  submit(*store, "c");
  finish(*store, "a");
  EXPECT_EQ(disk.syncs(), before) << "no batch waits for the disk";
  EXPECT_EQ(survivors("NORMAL"), (Found{{"a", false}}));
}

TEST_F(PowerLossTest, ALogThatIsCutShortLosesItsEndOnly) {
  testing::ForgetfulDisk disk(folder / "after");
  const auto store = SqliteStore::open(options("FULL")).value();
  submit(*store, "a");
  submit(*store, "b");
  const std::filesystem::path log = folder / "after" / "tasks.db-wal";
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - 100);
  EXPECT_EQ(survivors("FULL"), (Found{{"a", false}}));
  std::ofstream(log, std::ios::app | std::ios::binary) << std::string(100, '\xff');
  EXPECT_EQ(survivors("FULL"), (Found{{"a", false}}));
}

}  // namespace
}  // namespace camshaft::hub
