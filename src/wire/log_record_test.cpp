#include "wire/log_record.hpp"

#include <gtest/gtest.h>

namespace camshaft::wire {
namespace {

Frames frames(std::initializer_list<std::string_view> texts) {
  Frames out;
  for (const auto text : texts) out.push_back(Blob::of(std::string(text)));
  return out;
}

TEST(LogRecord, TopicsAreThoseOfTheOriginal) {
  EXPECT_EQ(encode_log({"controller", Level::info, "ready"}), frames({"controller.INFO", "ready\n"}));
  EXPECT_EQ(encode_log({"engine.0", Level::debug, "x"}), frames({"engine.0.DEBUG", "x\n"}));
  EXPECT_EQ(encode_log({"engine", Level::warning, "x"}), frames({"engine.WARNING", "x\n"}));
  EXPECT_EQ(encode_log({"engine", Level::error, "x"}), frames({"engine.ERROR", "x\n"}));
}

TEST(LogRecord, WhatIsWrittenIsRead) {
  for (const Level level : {Level::debug, Level::info, Level::warning, Level::error}) {
    const LogRecord record{"engine.12", level, "two\nlines"};
    EXPECT_EQ(*decode_log(encode_log(record)), record);
  }
}

TEST(LogRecord, RecordsOfPythonPrograms) {
  EXPECT_EQ(*decode_log(frames({"engine.0.INFO.extra", "text\n"})), (LogRecord{"engine.0.extra", Level::info, "text"}));
  EXPECT_EQ(*decode_log(frames({"CRITICAL", "gone\n"})), (LogRecord{"", Level::error, "gone"}));
  EXPECT_EQ(*decode_log(frames({"mine", "x"})), (LogRecord{"mine", Level::info, "x"}));
  EXPECT_EQ(*decode_log(frames({"a..b", ""})), (LogRecord{"a..b", Level::info, ""}));
}

TEST(LogRecord, TerminalsAreLeftAlone) {
  EXPECT_EQ(decode_log(frames({"a\x1b.INFO", "\x1b[2Jx\ty\x7f\r\n"}))->text, "?[2Jx\ty?");
  EXPECT_EQ(decode_log(frames({"a\x1b.INFO", ""}))->source, "a?");
}

TEST(LogRecord, WhatIsNoneIsTold) {
  EXPECT_EQ(decode_log({}).error().message, "0 frames in place of two");
  EXPECT_EQ(decode_log(frames({"a", "b", "c"})).error().code, Errc::truncated);
  EXPECT_EQ(decode_log(frames({"", "text"})).error().message, "no topic");
}

}  // namespace
}  // namespace camshaft::wire
