#include "service/relay_service.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/broadcast_service.hpp"
#include "service/testing/loopback.hpp"

namespace camshaft::service {
namespace {

using ::testing::HasSubstr;
using testing::kAnyPort;
using testing::Loopback;
using testing::Peer;

const ChannelAddresses kFree{kAnyPort, kAnyPort};

std::optional<wire::Message> await(Loopback& net, Peer& peer) {
  std::optional<wire::Message> message;
  net.pump_until([&] { return (message = peer.receive()).has_value(); });
  return message;
}

struct RelayTest : ::testing::Test {
  Loopback net;
  int outputs = 0;
  std::vector<Frames> replies;  // that the hub hears of
  RelayTap tap() {
    RelayTap t;
    t.mux_reply = [this](Frames frames) { replies.push_back(std::move(frames)); };
    t.output = [this](Frames) { ++outputs; };
    return t;
  }
  RelayService service{net.context, net.loop, kFree, kFree, kFree, net.origin("relay"), tap(), net.log};
  Peer client{net, service.mux().client_port()};
};

TEST_F(RelayTest, ARequestGoesToItsEngineAndTheReplyBack) {
  Peer engine(net, service.mux().engine_port(), "e0");
  service.engine_joined(EngineId("e0"));
  const MsgId id = client.request("apply_request", "{}", {Blob::of("e0")});
  const auto request = await(net, engine);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->header.msg_id, id);
  engine.answer(*request);
  const auto reply = await(net, client);
  ASSERT_TRUE(reply);
  EXPECT_EQ(wire::parent_id(reply->parts.parent.view()), id);
}

TEST_F(RelayTest, ASignalGoesByTheControlChannel) {
  Peer engine(net, service.control().engine_port(), "e0");
  service.engine_joined(EngineId("e0"));
  service.send_signal(EngineId("e0"), 2);
  const auto request = await(net, engine);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->header.msg_type, "signal_request");
  EXPECT_EQ(request->parts.content.str(), R"({"sig":2})");
}

TEST_F(RelayTest, AnUnknownEngineIsAnsweredForAtOnce) {
  const MsgId id = client.request("apply_request", "{}", {Blob::of("nobody")});
  const auto reply = await(net, client);
  ASSERT_TRUE(reply);
  EXPECT_EQ(wire::parent_id(reply->parts.parent.view()), id);
  EXPECT_EQ(reply->header.msg_type, "apply_reply");
  EXPECT_THAT(reply->parts.content.str(), HasSubstr("EngineError"));
  EXPECT_THAT(reply->parts.content.str(), HasSubstr("nobody"));
  ASSERT_EQ(replies.size(), 1u);  // or it would be pending on record
  const auto recorded = wire::decode(replies[0], Loopback::signer()).value();
  EXPECT_EQ(wire::parent_id(recorded.parts.parent.view()), id);
  EXPECT_EQ(wire::parse_reply_status(recorded.parts.metadata.view())->status, "error");
}

TEST_F(RelayTest, ARequestWaitsForAnEngineThatIsStillConnecting) {
  service.engine_joined(EngineId("late"));
  const MsgId first = client.request("apply_request", "{}", {Blob::of("late")});
  const MsgId second = client.request("apply_request", "{}", {Blob::of("late")});
  for (int i = 0; i < 5; ++i) net.loop.run_once(std::chrono::milliseconds(5));
  Peer engine(net, service.mux().engine_port(), "late");
  const auto one = await(net, engine);
  const auto two = await(net, engine);
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->header.msg_id, first);
  EXPECT_EQ(two->header.msg_id, second);
}

TEST_F(RelayTest, WhatWaitsForAnEngineThatLeavesIsAnswered) {
  service.engine_joined(EngineId("late"));
  client.request("execute_request", "{}", {Blob::of("late")});
  for (int i = 0; i < 5; ++i) net.loop.run_once(std::chrono::milliseconds(5));
  service.engine_left(EngineId("late"));
  const auto reply = await(net, client);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->header.msg_type, "execute_reply");
}

TEST_F(RelayTest, OutputIsPassedOnAndOnlyWhatLeavesATraceIsRecorded) {
  net::Socket engine(net.context,
                     {.type = net::SocketType::xpub, .connect = {Loopback::url(service.iopub_engine_port())}});
  net::Socket watcher(
      net.context,
      {.type = net::SocketType::sub, .connect = {Loopback::url(service.iopub_client_port())}, .subscribe_all = true});
  ASSERT_TRUE(net.pump_until([&] { return engine.receive().has_value(); }));  // the relay's subscription
  Origin origin = net.origin("e0");
  std::vector<std::string> topics;
  int rounds = 0;
  // A subscription takes its time, so output is repeated until the watcher hears it.
  ASSERT_TRUE(net.pump_until([&] {
    ++rounds;
    engine.send(origin.message({Blob::of("engine.0.status")}, "status", Blob::of("{}"), "{}"));
    engine.send(origin.message({Blob::of("engine.0.stdout")}, "stream", Blob::of("{}"), "{}"));
    while (const auto frames = watcher.receive()) topics.push_back(frames->front().str());
    return topics.size() >= 4;
  }));
  EXPECT_THAT(topics, ::testing::IsSupersetOf({"engine.0.status", "engine.0.stdout"}));
  EXPECT_GT(outputs, 0);
  EXPECT_LE(outputs, rounds);
}

struct BroadcastTest : ::testing::Test {
  Loopback net;
  BroadcastService service{net.context, net.loop, kAnyPort, {kAnyPort, kAnyPort}, net.origin("broadcast"), net.log};
  Peer client{net, service.client_port()};
  Peer even{net, service.engine_ports()[0], "e0"};
  Peer odd{net, service.engine_ports()[1], "e1"};
};

TEST_F(BroadcastTest, EachTargetGetsItsCopyUnderItsOwnId) {
  service.engine_joined(EngineId("e0"));
  service.engine_joined(EngineId("e1"));
  const MsgId id = client.request("apply_request", R"({"targets":[["e0",0],["e1",1]],"is_coalescing":false})");
  for (Peer* engine : {&even, &odd}) {
    const auto copy = await(net, *engine);
    ASSERT_TRUE(copy);
    EXPECT_THAT(copy->header.msg_id.value, ::testing::StartsWith(id.value + "_e"));
    EXPECT_THAT(copy->parts.metadata.str(), HasSubstr("\"original_msg_id\":\"" + id.value + "\""));
    engine->answer(*copy);
  }
  std::set<std::string> parents;
  for (int i = 0; i < 2; ++i) {
    const auto reply = await(net, client);
    ASSERT_TRUE(reply);
    parents.insert(wire::parent_id(reply->parts.parent.view())->value);
  }
  EXPECT_EQ(parents, (std::set<std::string>{id.value + "_e0", id.value + "_e1"}));
}

TEST_F(BroadcastTest, ATargetThatIsNotThereIsAnsweredFor) {
  const MsgId id = client.request("apply_request", R"({"targets":[["gone",4]],"is_coalescing":false})");
  const auto reply = await(net, client);
  ASSERT_TRUE(reply);
  EXPECT_EQ(wire::parent_id(reply->parts.parent.view())->value, id.value + "_gone");
  EXPECT_THAT(reply->parts.content.str(), HasSubstr("EngineError"));
}

}  // namespace
}  // namespace camshaft::service
