#include "hub/store/packed_writes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace camshaft::hub {
namespace {

using namespace std::chrono_literals;

TaskRecord whole_record() {
  TaskRecord r;
  r.id = MsgId("id");
  r.header = Blob::of_static(R"({"a": 1})");
  r.metadata = Blob::of_static("{}");
  r.content = Blob::of_static("[]");
  r.buffers = {Blob::of_static("one"), Blob::of_static(""), Blob::of(std::string(100'000, 'x'))};
  r.submitted = WallTime(1'700'000'000s + 123456us);
  r.client = SessionId("client");
  r.engine = EngineId("engine");
  r.started = WallTime(2s);
  r.completed = WallTime(-3s);  // whoever's clock that was
  r.resubmitted = MsgId("other");
  r.result_header = Blob::of_static("h");
  r.result_metadata = Blob::of(std::string(300, 'm'));
  r.result_content = Blob::of_static("c");
  r.result_buffers = {Blob::of(std::string(50'000, 'y'))};
  r.queue = Queue::task;
  r.status = Status::aborted;
  r.execute_input = "";
  r.execute_result = Blob::of_static("{}");
  r.error = Blob::of_static("{}");
  r.out = "printed";
  r.err = std::string("with\0zero", 9);
  return r;
}

std::vector<Write> one_of_each() {
  const MsgId id("task");
  Finished finished{.engine = EngineId("e"), .completed = WallTime(5s), .received = WallTime(6s)};
  finished.status = Status::error;
  finished.header = Blob::of_static("hh");
  finished.metadata = Blob::of_static("mm");
  finished.content = Blob::of(std::string(20'000, 'z'));
  finished.buffers = {Blob::of_static("b")};
  return {Insert{whole_record()},
          Insert{},
          Update{id, Dispatched{EngineId("e")}},
          Update{id, finished},
          Update{id, Printed{Stream::err, "text"}, true},
          Update{id, Displayed{Displayed::What::error, Blob::of_static("{}")}},
          Update{id, Resubmitted{MsgId("again")}}};
}

void expect_equal(const std::vector<Write>& some, const std::vector<Write>& others) {
  ASSERT_EQ(some.size(), others.size());
  for (std::size_t i = 0; i < some.size(); ++i) {
    ASSERT_EQ(some[i].index(), others[i].index()) << i;
    if (const auto* insert = std::get_if<Insert>(&some[i])) {
      EXPECT_TRUE(insert->record == std::get<Insert>(others[i]).record) << i;
    } else {
      const auto &one = std::get<Update>(some[i]), &other = std::get<Update>(others[i]);
      EXPECT_EQ(one.id, other.id);
      EXPECT_EQ(one.or_stub, other.or_stub);
      EXPECT_TRUE(one.change == other.change) << i;
    }
  }
}

std::string join(const std::vector<std::string_view>& pieces) {
  std::string out;
  for (const std::string_view piece : pieces) out += piece;
  return out;
}

std::optional<std::vector<Write>> read(const PackedWrites& packed, std::size_t at_once = 100) {
  auto sorted = packed.sorted();
  if (!sorted) return std::nullopt;
  std::vector<Write> all;
  while (true) {
    auto some = sorted->next(at_once);
    if (!some) return std::nullopt;
    if (some->empty()) return all;
    for (Write& write : *some) all.push_back(std::move(write));
  }
}

TEST(PackedWrites, ReadAsTheyWereInMemoryAndFromAFile) {
  PackedWrites packed;
  for (const Write& write : one_of_each()) packed.add(write);
  EXPECT_EQ(packed.count(), one_of_each().size());
  const std::string joined = join(packed.pieces());
  EXPECT_EQ(packed.size(), joined.size());
  EXPECT_EQ(packed.pieces().size(), 4u);  // what is large is not copied
  EXPECT_LT(packed.plain_size(), 700u);
  expect_equal(read(PackedWrites(joined, packed.plain_size(), packed.count())).value(), one_of_each());
  for (const std::size_t at_once : {1, 2, 100}) expect_equal(read(packed, at_once).value(), one_of_each());
}

TEST(PackedWrites, AreSortedByRecord) {
  const auto change = [](const char* id, const char* engine) {
    return Update{MsgId(id), Dispatched{EngineId(engine)}};
  };
  PackedWrites packed;
  for (const Write& write : std::vector<Write>{change("a", "1"), change("b", "1"), change("a", "2"), change("c", "1"),
                                               change("b", "2"), change("a", "3")})
    packed.add(write);
  expect_equal(read(packed, 1).value(), {change("a", "1"), change("a", "2"), change("a", "3"), change("b", "1"),
                                         change("b", "2"), change("c", "1")});
  auto sorted = packed.sorted().value();
  EXPECT_EQ(sorted.next(1)->size(), 3u);  // a record is not divided
  EXPECT_EQ(sorted.next(3)->size(), 3u);
  EXPECT_EQ(sorted.next(1)->size(), 0u);
}

TEST(PackedWrites, OfNothingAreNothing) {
  EXPECT_EQ(read(PackedWrites(1000)).value().size(), 0u);
  EXPECT_EQ(PackedWrites().size(), 0u);
}

TEST(PackedWrites, RefuseWhatIsCutOffOrDamaged) {
  PackedWrites packed;
  for (const Write& write : one_of_each()) packed.add(write);
  const std::string joined = join(packed.pieces());
  const std::size_t plain = packed.plain_size();
  for (std::size_t size = 0; size < plain; ++size) {
    EXPECT_FALSE(read(PackedWrites(joined.substr(0, size), plain, packed.count()))) << size;
    EXPECT_FALSE(read(PackedWrites(joined.substr(0, size), size, packed.count()))) << size;
  }
  EXPECT_FALSE(read(PackedWrites(joined.substr(0, joined.size() - 1), plain, packed.count())));
  EXPECT_FALSE(read(PackedWrites("\x09", 1, 1)));
  EXPECT_FALSE(read(PackedWrites(std::string(40, '\xff'), 40, 1)));
  for (std::size_t i = 0; i < plain; ++i) {  // damaged, it may read as something else, but nothing is read beyond it
    std::string damaged = joined;
    damaged[i] = static_cast<char>(damaged[i] ^ 0xff);
    const auto writes = read(PackedWrites(damaged, plain, packed.count()));
    EXPECT_TRUE(!writes || writes->size() == packed.count()) << i;
  }
  const auto refused = PackedWrites("", 0, 1).sorted();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::truncated);
}

}  // namespace
}  // namespace camshaft::hub
