// Documents without a server; what a server makes of them is in tests/mongo.
#include "mongo/documents.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/date.hpp"

namespace camshaft::hub {
namespace {

using testing::ElementsAre;

const WallTime kNoon = *parse_date("2026-11-20T12:00:00.000001Z");

TEST(Documents, KeepEveryField) {
  TaskRecord r;
  r.id = MsgId("a");
  r.header = Blob::of_static(R"({"msg_id": "a"})");
  r.metadata = Blob::of_static(R"({"label": "x"})");
  r.content = Blob::of_static("{}");
  r.buffers = {Blob::of_static(""), Blob::of_static(std::string_view("\0\xff", 2))};
  r.submitted = kNoon;
  r.client = SessionId("client");
  r.engine = EngineId("engine");
  r.queue = Queue::mux;
  r.out = "out";
  r.err = "err";
  r.execute_input = "";
  EXPECT_EQ(read_document(document_of(r).get()), r);
}

// The original keeps dates as dates and dictionaries as documents.
TEST(Documents, OfTheOriginalAreRead) {
  bson_t* theirs = BCON_NEW("msg_id", BCON_UTF8("a"), "submitted", BCON_DATE_TIME(1000), "header", "{", "n",
                            BCON_INT32(1), "}", "stdout", BCON_UTF8("hello"), "unknown", BCON_BOOL(true));
  const TaskRecord r = read_document(theirs);
  bson_destroy(theirs);
  EXPECT_EQ(r.id, MsgId("a"));
  EXPECT_EQ(r.submitted, WallTime(std::chrono::seconds(1)));
  EXPECT_EQ(r.header.view(), R"({ "n" : 1 })");
  EXPECT_EQ(r.out, "hello");
}

}  // namespace
}  // namespace camshaft::hub
