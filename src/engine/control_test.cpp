#include "engine/control.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace camshaft::engine {
namespace {

struct Case {
  const char* type;
  const char* content;
  ControlRequest expected;
};
class ReadControl : public testing::TestWithParam<Case> {};

TEST_P(ReadControl, SaysWhatIsAsked) {
  EXPECT_EQ(read_control(GetParam().type, GetParam().content), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    All, ReadControl,
    testing::Values(
        Case{"abort_request", R"({"msg_ids": ["a", "b"]})", AbortRequest{{MsgId("a"), MsgId("b")}}},
        Case{"abort_request", R"({"msg_ids": "a"})", AbortRequest{{MsgId("a")}}},
        Case{"abort_request", R"({"msg_ids": null})", AbortRequest{}}, Case{"abort_request", "{}", AbortRequest{}},
        Case{"abort_request", R"({"msg_ids": [1]})",
             BadControl{"TypeError", "msg_ids must be a string or a list of strings"}},
        Case{"abort_request", R"({"msg_ids": 1})",
             BadControl{"TypeError", "msg_ids must be a string or a list of strings"}},
        Case{"signal_request", R"({"sig": 2})", SignalRequest{SIGINT}},
        Case{"signal_request", R"({"sig": "SIGTERM"})", SignalRequest{SIGTERM}},
        Case{"signal_request", R"({"sig": "KILL"})", SignalRequest{SIGKILL}},
        Case{"signal_request", R"({"sig": "10"})", SignalRequest{10}},
        Case{"signal_request", R"({"sig": -1})", BadControl{"ValueError", "signal number out of range: -1"}},
        Case{"signal_request", R"({"sig": "SIGNONE"})",
             BadControl{"ValueError", "no such signal on this engine: \"SIGNONE\""}},
        Case{"signal_request", "{}", BadControl{"KeyError", "'sig'"}},
        Case{"recall_request", R"({"msg_ids": ["a"]})", RecallRequest{{MsgId("a")}}},
        Case{"kill_request", R"({"msg_ids": ["a"]})", KillRequest{{MsgId("a")}}},
        Case{"interrupt_request", R"({"msg_ids": ["a"]})", InterruptRequest{{{MsgId("a")}}}},
        Case{"interrupt_request", R"({"msg_ids": 7})",
             BadControl{"TypeError", "msg_ids must be a string or a list of strings"}},
        Case{"interrupt_request", "{}", InterruptRequest{}}, Case{"clear_request", "{}", ClearRequest{}},
        Case{"kernel_info_request", "{}", KernelInfoRequest{}},
        Case{"shutdown_request", R"({"restart": false})", ShutdownRequest{false}},
        Case{"shutdown_request", R"({"restart": true})", ShutdownRequest{true}},
        Case{"shutdown_request", "{}", ShutdownRequest{false}}, Case{"dance_request", "{}", UnknownControl{}},
        Case{"abort_request", "[]", BadControl{"ValueError", "the content of a control message must be a JSON object"}},
        Case{"abort_request", "{",
             BadControl{"ValueError", "the content of a control message must be a JSON object"}}));

TEST(ReplyType, EndsInReply) {
  EXPECT_EQ(reply_type("abort_request"), "abort_reply");
  EXPECT_EQ(reply_type("odd"), "odd_reply");
}

}  // namespace
}  // namespace camshaft::engine
