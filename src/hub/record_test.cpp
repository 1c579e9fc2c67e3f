#include "hub/record.hpp"

#include <gtest/gtest.h>

#include "hub/date.hpp"

namespace camshaft::hub {
namespace {

using Json = nlohmann::json;

std::string text(const TaskRecord& record, Field field) {
  std::string json;
  append_field(json, record, field);
  return json;
}

TEST(Record, TheTableIsInTheOrderOfTheEnum) {
  for (std::size_t i = 0; i < kFields.size(); ++i) EXPECT_EQ(static_cast<std::size_t>(kFields[i].field), i);
  EXPECT_EQ(find_field("stdout"), &info(Field::out));
  EXPECT_EQ(find_field("nothing"), nullptr);
}

TEST(Record, AnEmptyRecordReadsAsNulls) {
  const TaskRecord empty;
  for (const FieldInfo& field : kFields) {
    const Json value = field_value(empty, field.field);
    EXPECT_EQ(Json::parse(text(empty, field.field)), value) << field.name;
    const bool always = field.field == Field::msg_id || field.field == Field::out || field.field == Field::err;
    EXPECT_EQ(value.is_null(), !always) << field.name;
  }
}

TEST(Record, DictionariesKeepEveryByteThatWasSent) {
  TaskRecord record;
  record.header = Blob::of_static(R"({"b":1,  "a": 123456789012345678901234567890})");
  EXPECT_EQ(text(record, Field::header), R"({"b":1,  "a": 123456789012345678901234567890})");
  record.header = Blob::of_static("{broken");
  EXPECT_EQ(text(record, Field::header), "{}");
  EXPECT_EQ(field_value(record, Field::header), Json());
}

TEST(Record, TextThatIsNotUtf8IsStillJson) {
  TaskRecord record;
  record.out = "a\xff";
  EXPECT_EQ(Json::parse(text(record, Field::out)), "a\xEF\xBF\xBD");
}

TEST(Record, DeepNestingIsNotWalked) {
  const std::string deep(100000, '[');
  EXPECT_EQ(parse_untrusted(deep), Json());
  EXPECT_EQ(parse_untrusted(deep + std::string(100000, ']')), Json());
  EXPECT_EQ(parse_untrusted(R"({"a": "[[[\"[["})"), Json::parse(R"({"a": "[[[\"[["})"));
  EXPECT_EQ(parse_untrusted(""), Json());
}

TEST(Record, ChangesTouchTheirOwnFieldsOnly) {
  TaskRecord record;
  record.id = MsgId("a");
  apply(record, Dispatched{EngineId("e1")});
  apply(record, Printed{Stream::out, "x"});
  apply(record, Printed{Stream::out, "y"});
  apply(record, Printed{Stream::err, "z"});
  apply(record, Displayed{Displayed::What::execute_input, Blob::of_static("1+1")});
  apply(record, Displayed{Displayed::What::execute_result, Blob::of_static("{\"r\": 1}")});
  apply(record, Displayed{Displayed::What::error, Blob::of_static("{\"e\": 1}")});
  apply(record, Resubmitted{MsgId("b")});
  Finished finished;
  finished.started = WallTime(std::chrono::seconds(1));
  finished.completed = WallTime(std::chrono::seconds(2));
  finished.received = WallTime(std::chrono::seconds(3));
  finished.status = Status::error;
  finished.content = Blob::of_static("{\"c\": 1}");
  finished.buffers = {Blob::of_static("12")};
  apply(record, finished);

  EXPECT_EQ(record.engine, EngineId("e1"));  // a reply without engine leaves it
  EXPECT_EQ(record.out, "xy");
  EXPECT_EQ(record.err, "z");
  EXPECT_EQ(text(record, Field::execute_input), "\"1+1\"");
  EXPECT_EQ(text(record, Field::execute_result), "{\"r\": 1}");
  EXPECT_EQ(text(record, Field::error), "{\"e\": 1}");
  EXPECT_EQ(text(record, Field::resubmitted), "\"b\"");
  EXPECT_EQ(text(record, Field::started), "\"1970-01-01T00:00:01.000000Z\"");
  EXPECT_EQ(text(record, Field::completed), "\"1970-01-01T00:00:02.000000Z\"");
  EXPECT_EQ(text(record, Field::received), "\"1970-01-01T00:00:03.000000Z\"");
  EXPECT_EQ(text(record, Field::result_content), "{\"c\": 1}");
  EXPECT_EQ(field_value(record, Field::result_buffers), 1);
  EXPECT_EQ(record.status, Status::error);
  EXPECT_EQ(footprint(record), 3u + 8u + 8u + 8u + 2u + 2u + 1u);
}

TEST(Record, ARequestCompletesItsStub) {
  TaskRecord stub, request;
  stub.id = request.id = MsgId("a");
  stub.out = "early";
  request.submitted = WallTime(std::chrono::seconds(1));
  request.queue = Queue::mux;
  request.engine = EngineId("e");
  TaskRecord expected = request;
  expected.out = "early";
  merge_into_stub(stub, request);
  EXPECT_EQ(stub, expected);
}

}  // namespace
}  // namespace camshaft::hub
