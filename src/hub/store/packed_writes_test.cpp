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

TEST(PackedWrites, ReadAsTheyWereInMemoryAndFromAFile) {
  PackedWrites packed;
  for (const Write& write : one_of_each()) packed.add(write);
  EXPECT_EQ(packed.count(), one_of_each().size());
  const std::string joined = join(packed.pieces());
  EXPECT_EQ(packed.size(), joined.size());
  EXPECT_EQ(packed.pieces().size(), 4u);  // what is large is not copied
  EXPECT_LT(packed.plain_size(), 700u);
  expect_equal(PackedWrites::unpack(joined, packed.plain_size(), packed.count()).value(), one_of_each());
  expect_equal(packed.unpack().value(), one_of_each());
  expect_equal(packed.unpack().value(), one_of_each());
}

TEST(PackedWrites, OfNothingAreNothing) {
  EXPECT_EQ(PackedWrites(1000).unpack().value().size(), 0u);
  EXPECT_EQ(PackedWrites().size(), 0u);
}

TEST(PackedWrites, RefuseWhatIsCutOffOrDamaged) {
  PackedWrites packed;
  for (const Write& write : one_of_each()) packed.add(write);
  const std::string joined = join(packed.pieces());
  const std::size_t plain = packed.plain_size();
  for (std::size_t size = 0; size < plain; ++size) {
    EXPECT_FALSE(PackedWrites::unpack(joined.substr(0, size), plain, packed.count())) << size;
    EXPECT_FALSE(PackedWrites::unpack(joined.substr(0, size), size, packed.count())) << size;
  }
  EXPECT_FALSE(PackedWrites::unpack(joined.substr(0, joined.size() - 1), plain, packed.count()));
  EXPECT_FALSE(PackedWrites::unpack("\x09", 1, 1));
  EXPECT_FALSE(PackedWrites::unpack(std::string(40, '\xff'), 40, 1));
  const auto refused = PackedWrites::unpack("", 0, 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::truncated);
}

}  // namespace
}  // namespace camshaft::hub
