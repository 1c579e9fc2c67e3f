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

// ---- batches --------------------------------------------------------------------------------------------------------

struct TaskBatchTest : TaskServiceTest {
  std::vector<MsgId> send_batch(int n) {
    std::vector<MsgId> ids;
    wire::Batch batch;
    for (int i = 0; i < n; ++i) {
      wire::Parts task;
      ids.emplace_back("task-" + std::to_string(i));
      task.header =
          Blob::of(wire::make_header(ids.back(), "apply_request", SessionId("client"), "u", net.clock.wall()));
      task.parent = task.metadata = task.content = Blob::of_static("{}");
      task.buffers = {Blob::of("argument " + std::to_string(i))};
      batch.add(std::move(task));
    }
    client.send_raw(batch.take(
        {}, [&] { return client.origin().header(wire::kBatchRequest); }, Loopback::signer()));
    return ids;
  }
};

TEST_F(TaskBatchTest, APeerOfTheOriginalGetsEachTaskAloneAndSigned) {
  service.engine_joined(EngineId("e0"), EngineNumber(0));
  for (const MsgId& id : send_batch(3)) {
    const auto task = await(engine);  // verified as it is read
    ASSERT_TRUE(task);
    EXPECT_EQ(task->header.msg_id, id);
    EXPECT_EQ(task->header.msg_type, "apply_request");
    engine.answer(*task);
    const auto reply = await(client);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->header.msg_type, "apply_reply");
    EXPECT_EQ(wire::parent_id(reply->parts.parent.view()), id);
  }
  EXPECT_THAT(heard, ::testing::SizeIs(9));
}

TEST_F(TaskBatchTest, RepliesOfABatchEndTheirTasksOneByOne) {
  service.engine_joined(EngineId("e0"), EngineNumber(0));
  Peer second{net, service.engine_port(), "e1"};
  service.engine_joined(EngineId("e1"), EngineNumber(1));
  send_batch(3);
  const auto one = await(engine);
  const auto other = await(second);
  ASSERT_TRUE(one && other);
  // e0 answers its task together with one that it never had: that one is not passed on.
  wire::Batch batch;
  for (const wire::Message* task : {&*one, &*other}) {
    wire::Parts reply;
    reply.identities = {task->parts.identities.at(0)};
    reply.header = engine.origin().header("apply_reply");
    reply.parent = task->parts.header;
    reply.metadata = Blob::of_static(R"({"status":"ok","batch":1})");
    reply.content = Blob::of_static(R"({"status":"ok"})");
    batch.add(std::move(reply));
  }
  engine.send_raw(batch.take(
      {}, [&] { return engine.origin().header(wire::kBatchReply); }, Loopback::signer()));
  const auto reply = await(client);
  ASSERT_TRUE(reply);
  EXPECT_EQ(wire::parent_id(reply->parts.parent.view()), one->header.msg_id);
  const auto third = await(engine);
  ASSERT_TRUE(third);
  second.answer(*other);
  EXPECT_EQ(wire::parent_id(await(client).value().parts.parent.view()), other->header.msg_id);
}

TEST_F(TaskBatchTest, ADamagedBatchIsDroppedAndOthersServed) {
  service.engine_joined(EngineId("e0"), EngineNumber(0));
  wire::Outgoing damaged;
  damaged.header = client.origin().header(wire::kBatchRequest);
  damaged.content = Blob::of_static("\x05\x05");
  client.send_raw(wire::encode(std::move(damaged), Loopback::signer()));
  const MsgId id = send_batch(1).front();
  const auto task = await(engine);
  ASSERT_TRUE(task);
  EXPECT_EQ(task->header.msg_id, id);
}

TEST_F(TaskBatchTest, ABatchThatWaitsIsAnsweredWhole) {
  const auto ids = send_batch(5);
  ASSERT_TRUE(net.pump_until([&] { return heard.size() == ids.size(); }));
  service.drain();
  for (const MsgId& id : ids) EXPECT_EQ(wire::parent_id(await(client).value().parts.parent.view()), id);
}

}  // namespace
}  // namespace camshaft::service
