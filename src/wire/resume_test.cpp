#include "wire/resume.hpp"

#include <gtest/gtest.h>

namespace camshaft::wire {
namespace {

TEST(Resume, WhatIsWrittenCanBeRead) {
  const ResumeAsk ask{7, false, {MsgId("a_1"), MsgId("quote\"")}};
  EXPECT_EQ(parse_resume_ask(render(ask)).value(), ask);
  const Fates fates{9, {MsgId("a")}, {MsgId("b"), MsgId("c")}, {}, {MsgId("d")}, {MsgId("e")}};
  EXPECT_EQ(parse_fates(render(fates)).value(), fates);
}

TEST(Resume, MissingListsAreEmptyAndOtherMembersIgnored) {
  EXPECT_EQ(parse_fates(R"({"status": "ok", "more": [1]})").value(), Fates{});
  EXPECT_EQ(parse_resume_ask(R"({"msg_ids": [], "round": -1})").value(), ResumeAsk{});
}

TEST(Resume, OtherContentIsAnError) {
  for (const char* bad : {"", "[]", "7", R"({"msg_ids": "a"})", R"({"msg_ids": [1]})", R"({"round": 1})"})
    EXPECT_FALSE(parse_resume_ask(bad)) << bad;
  for (const char* bad : {"", "[]", R"({"held": "a"})", R"({"lost": [1]})"}) EXPECT_FALSE(parse_fates(bad)) << bad;
}

}  // namespace
}  // namespace camshaft::wire
