#include "service/task_question.hpp"

#include <gtest/gtest.h>

namespace camshaft::service {
namespace {

using nlohmann::json;

TEST(TaskQuestion, KnowsWhatIsForTheScheduler) {
  EXPECT_TRUE(is_task_question("why_request"));
  EXPECT_TRUE(is_task_question("cancel_request"));
  EXPECT_FALSE(is_task_question("queue_request"));
}

TEST(TaskQuestion, SaysWhatBecomesOfRunningTasks) {
  const auto how = [](const char* content) {
    const auto question = read_task_question("cancel_request", json::parse(content));
    return question ? question->cancel : std::nullopt;
  };
  EXPECT_EQ(how(R"({"msg_ids": ["a"]})"), sched::How::queued);
  EXPECT_EQ(how(R"({"msg_ids": ["a"], "running": null})"), sched::How::queued);
  EXPECT_EQ(how(R"({"msg_ids": ["a"], "running": "interrupt"})"), sched::How::interrupt);
  EXPECT_EQ(how(R"({"msg_ids": ["a"], "running": "kill"})"), sched::How::kill);
  EXPECT_EQ(how(R"({"msg_ids": ["a"], "running": "stop"})"), std::nullopt);
  EXPECT_EQ(how(R"({"msg_ids": ["a"], "running": 7})"), std::nullopt);
}

TEST(TaskQuestion, WhyNamesTheTasks) {
  const auto question = read_task_question("why_request", json::parse(R"({"msg_ids": ["a", "b"]})"));
  ASSERT_TRUE(question);
  EXPECT_EQ(question->ids, (std::vector<MsgId>{MsgId("a"), MsgId("b")}));
  EXPECT_EQ(question->cancel, std::nullopt);
}

TEST(TaskQuestion, ABadOneIsRefusedInOneLine) {
  for (const char* content : {"{}", "[]", "null", R"({"msg_ids": "a"})", R"({"msg_ids": [1]})"}) {
    const auto question = read_task_question("why_request", json::parse(content));
    ASSERT_FALSE(question) << content;
    EXPECT_EQ(question.error().message, "msg_ids must be a list of strings");
  }
}

}  // namespace
}  // namespace camshaft::service
