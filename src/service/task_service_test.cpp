#include "service/task_service.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "service/testing/loopback.hpp"

namespace camshaft::service {
namespace {

using ::testing::HasSubstr;
using testing::kAnyPort;
using testing::Loopback;
using testing::Peer;

struct TaskServiceTest : ::testing::Test {
  Loopback net;
  std::vector<std::string> heard;  // what the tap was told, in order
  TaskTap tap() {
    return {[this](const wire::Message& m) { heard.push_back("submitted " + m.header.msg_id.value); },
            [this](const MsgId& id, const EngineId& e) { heard.push_back("dispatched " + id.value + " " + e.value); },
            [this](const wire::Message&, const MsgId& id, const EngineId&) { heard.push_back("replied " + id.value); },
            [this](const Frames&, const MsgId& id) { heard.push_back("failed " + id.value); }};
  }
  TaskService service{net.context, net.loop, kAnyPort, kAnyPort, {.hwm = 1}, 1, net.origin("scheduler"),
                      tap(),       net.log};
  Peer client{net, service.client_port()};
  Peer engine{net, service.engine_port(), "e0"};

  std::optional<wire::Message> await(Peer& peer) {
    std::optional<wire::Message> message;
    net.pump_until([&] { return (message = peer.receive()).has_value(); });
    return message;
  }
};

TEST_F(TaskServiceTest, AReplyReachesTheClientThatAsked) {
  service.engine_joined(EngineId("e0"), EngineNumber(0));
  const MsgId id = client.request("apply_request");
  const auto task = await(engine);
  ASSERT_TRUE(task);
  EXPECT_EQ(task->header.msg_id, id);
  engine.answer(*task);
  const auto reply = await(client);
  ASSERT_TRUE(reply);
  EXPECT_EQ(wire::parent_id(reply->parts.parent.view()), id);
  EXPECT_EQ(reply->parts.identities.at(0).view(), "e0");
  EXPECT_EQ(heard, (std::vector<std::string>{"submitted " + id.value, "dispatched " + id.value + " e0",
                                             "replied " + id.value}));
}

TEST_F(TaskServiceTest, TasksWaitForAnEngine) {
  const MsgId id = client.request("apply_request");
  ASSERT_TRUE(net.pump_until([&] { return !heard.empty(); }));
  EXPECT_EQ(heard, std::vector<std::string>{"submitted " + id.value});
  service.engine_joined(EngineId("e0"), EngineNumber(0));
  EXPECT_TRUE(await(engine));
}

TEST_F(TaskServiceTest, ADrainAnswersWhatWaits) {
  const MsgId id = client.request("apply_request");
  ASSERT_TRUE(net.pump_until([&] { return !heard.empty(); }));
  service.drain();
  const auto reply = await(client);
  ASSERT_TRUE(reply);
  EXPECT_EQ(wire::parent_id(reply->parts.parent.view()), id);
  EXPECT_THAT(reply->parts.content.str(), HasSubstr("\"status\":\"error\""));
}

TEST_F(TaskServiceTest, ATaskThatWaitsIsExplainedAndGivenUp) {
  const MsgId id = client.request("apply_request", R"({"where": [["gpu", ">=", 1]]})");
  service.engine_joined(EngineId("e0"), EngineNumber(0), R"({"gpu": 0})");
  ASSERT_TRUE(net.pump_until([&] { return !heard.empty(); }));
  EXPECT_THAT(service.answer({{id, MsgId("unknown")}, std::nullopt}), HasSubstr("gpu"));
  EXPECT_EQ(service.answer({{MsgId("unknown")}, std::nullopt}), R"({"status":"ok","why":{}})");
  EXPECT_EQ(service.answer({{id}, sched::How::queued}),
            R"({"asked":[],"ended":[")" + id.value + R"("],"status":"ok","unknown":[]})");
  EXPECT_EQ(service.answer({{MsgId("unknown")}, sched::How::queued}),
            R"({"asked":[],"ended":[],"status":"ok","unknown":["unknown"]})");
  const auto reply = await(client);
  ASSERT_TRUE(reply);
  EXPECT_THAT(reply->parts.content.str(), HasSubstr("TaskAborted"));
}

TEST_F(TaskServiceTest, ATaskGoesOnceAnEnginesPropertiesAllowIt) {
  const MsgId id = client.request("apply_request", R"({"where": [["rack", "==", 2]]})");
  service.engine_joined(EngineId("e0"), EngineNumber(0), R"({"rack": 1})");
  ASSERT_TRUE(net.pump_until([&] { return !heard.empty(); }));
  EXPECT_EQ(heard, std::vector<std::string>{"submitted " + id.value});
  service.engine_changed(EngineId("e0"), R"({"rack": 2})");
  EXPECT_TRUE(await(engine));
}

TEST_F(TaskServiceTest, AnEngineOfTheOriginalIsInterruptedByASignal) {
  std::vector<std::pair<std::string, int>> signals;
  service.on_signal = [&](const EngineId& e, int signal) { signals.emplace_back(e.value, signal); };
  service.engine_joined(EngineId("e0"), EngineNumber(0));
  const MsgId id = client.request("apply_request");
  ASSERT_TRUE(await(engine));
  EXPECT_EQ(service.answer({{id}, sched::How::interrupt}),
            R"({"asked":[")" + id.value + R"("],"ended":[],"status":"ok","unknown":[]})");
  EXPECT_EQ(signals, (std::vector<std::pair<std::string, int>>{{"e0", SIGINT}}));
}

TEST_F(TaskServiceTest, OneOfOursIsToldWhichTask) {
  Peer ours(net, service.engine_port(), "camshaft-0");
  service.engine_joined(EngineId("camshaft-0"), EngineNumber(0), "{}", true);
  const MsgId id = client.request("apply_request");
  ASSERT_TRUE(await(ours));
  service.answer({{id}, sched::How::kill});
  // In case it has not started, it is handed back; if it has, that is the end of the engine.
  for (const char* type : {"recall_request", "kill_request"}) {
    const auto word = await(ours);
    ASSERT_TRUE(word);
    EXPECT_EQ(word->header.msg_type, type);
    EXPECT_EQ(word->parts.content.str(), R"({"msg_ids":[")" + id.value + R"("]})");
  }
}

TEST_F(TaskServiceTest, ForgedTasksAreDroppedAndOthersServed) {
  service.engine_joined(EngineId("e0"), EngineNumber(0));
  wire::Outgoing forged;
  forged.header = Blob::of(wire::make_header(MsgId("x"), "apply_request", SessionId("s"), "u", net.clock.wall()));
  client.send_raw(wire::encode(std::move(forged), wire::Signer::make("hmac-sha256", "another key").value()));
  const MsgId id = client.request("apply_request");
  const auto task = await(engine);
  ASSERT_TRUE(task);
  EXPECT_EQ(task->header.msg_id, id);
}

TEST_F(TaskServiceTest, UnreadableRequirementsAreAnswered) {
  const MsgId id = client.request("apply_request", R"({"after": 7})");
  const auto reply = await(client);
  ASSERT_TRUE(reply);
  EXPECT_EQ(wire::parent_id(reply->parts.parent.view()), id);
  EXPECT_THAT(reply->parts.content.str(), HasSubstr("InvalidDependency"));
}

}  // namespace
}  // namespace camshaft::service
