#include "service/end_watchers.hpp"

#include <gtest/gtest.h>

namespace camshaft::service {
namespace {

using namespace std::chrono_literals;

const MsgId a("a"), b("b"), c("c");

wire::Message request(const char* id) {
  wire::Message made;
  made.header.msg_id = MsgId(id);
  return made;
}

TEST(EndWatchers, ReadsAQuestion) {
  const auto question = EndWatchers::read(R"({"msg_ids": ["a", "b"], "timeout": 2.5})");
  ASSERT_TRUE(question);
  EXPECT_EQ(question->ids, (std::vector{a, b}));
  EXPECT_EQ(question->timeout, 2500ms);
  EXPECT_EQ(EndWatchers::read(R"({"msg_ids": [], "timeout": 1e9})")->timeout, 60s);
  for (const char* bad : {"", "[]", R"({"msg_ids": "a"})", R"({"msg_ids": [1]})", R"({"msg_ids": [], "timeout": "x"})"})
    EXPECT_FALSE(EndWatchers::read(bad)) << bad;
}

TEST(EndWatchers, AnswersWhenOneOfTheTasksHasEndedAndForgetsTheQuestion) {
  EndWatchers watchers;
  const TimePoint now{};
  watchers.add(request("q1"), {{a, b}, 10s}, false, now);
  watchers.add(request("q2"), {{b, c}, 10s}, false, now);
  EXPECT_EQ(watchers.next_deadline(), now + 10s);
  watchers.ended(a, now + 1s);
  EXPECT_TRUE(watchers.due(now + 1s).empty()) << "others may end within the moment";
  const auto first = watchers.due(now + 1s + 20ms);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].header.msg_id, MsgId("q1"));
  watchers.ended(b, now + 2s);
  EXPECT_EQ(watchers.due(now + 3s).size(), 1u);
  watchers.ended(c, now + 3s);
  EXPECT_EQ(watchers.next_deadline(), std::nullopt);
}

TEST(EndWatchers, TheWaitEnds) {
  EndWatchers watchers;
  const TimePoint now{};
  watchers.add(request("q"), {{a}, 1s}, false, now);
  EXPECT_TRUE(watchers.due(now + 999ms).empty());
  EXPECT_EQ(watchers.due(now + 1s).size(), 1u);
  watchers.add(request("news"), {{a}, 10s}, true, now);
  EXPECT_EQ(watchers.next_deadline(), now + 100ms);
}

}  // namespace
}  // namespace camshaft::service
