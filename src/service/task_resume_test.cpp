// A controller that takes the place of another one: tasks of that one, and the engines that may have them.
#include "service/task_resume.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "service/task_service.hpp"
#include "service/testing/loopback.hpp"

namespace camshaft::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::kAnyPort;
using testing::Loopback;
using testing::Peer;

const EngineId e0("camshaft-e0"), e1("camshaft-e1");

struct TaskResumeTest : ::testing::Test {
  TaskResumeTest() {
    std::string name = (std::filesystem::temp_directory_path() / "camshaft-resume-XXXXXX").string();
    folder = ::mkdtemp(name.data());
  }
  ~TaskResumeTest() override { std::filesystem::remove_all(folder); }

  std::filesystem::path folder;
  Loopback net;
  std::vector<std::string> heard;
  TaskTap tap() {
    return {[this](const wire::Message& m) { heard.push_back("submitted " + m.header.msg_id.value); },
            [this](const MsgId& id, const EngineId& e) { heard.push_back("sent " + id.value + " " + e.value); },
            [this](const wire::Message&, const MsgId& id, const EngineId&) { heard.push_back("replied " + id.value); },
            [this](const Frames&, const MsgId& id) { heard.push_back("failed " + id.value); }};
  }
  TaskService service{net.context, net.loop, kAnyPort, kAnyPort, {.hwm = 1}, 1, net.origin("scheduler"),
                      tap(),       net.log};
  Peer first{net, service.engine_port(), e0.value};
  Peer second{net, service.engine_port(), e1.value};

  static EarlierTask task(const std::string& id, std::string metadata = "{}") {
    wire::Outgoing message;
    message.identities = {Blob::of_static("gone")};
    message.header =
        Blob::of(wire::make_header(MsgId(id), "apply_request", SessionId("gone"), "user", SystemClock().wall()));
    message.metadata = Blob::of(metadata);
    Parcel payload(wire::encode(std::move(message), Loopback::signer()));
    return {{MsgId(id), ClientId("gone"), sched::parse_requirements(metadata).value(), std::move(payload)}};
  }
  std::optional<wire::Message> await(Peer& peer) {
    std::optional<wire::Message> message;
    net.pump_until([&] { return (message = peer.receive()).has_value(); });
    return message;
  }
  /// What the engine is asked; it answers that it has `held` of it, and knows nothing of the rest.
  std::vector<MsgId> answer_question(Peer& peer, std::vector<MsgId> held) {
    auto question = await(peer);
    while (question && question->header.msg_type != wire::kResumeQuery) question = await(peer);
    if (!question) return {};
    auto ask = wire::parse_resume_ask(question->parts.content.view()).value();
    wire::Fates fates{.round = ask.round, .held = std::move(held)};
    for (const MsgId& id : ask.ids)
      if (std::find(fates.held.begin(), fates.held.end(), id) == fates.held.end()) fates.unknown.push_back(id);
    peer.send_raw(peer.origin().message(question->parts.identities, wire::kResumeAnswer, question->parts.header,
                                        wire::render(fates)));
    return ask.ids;
  }
  bool hears(const std::string& line) {
    return net.pump_until([&] { return std::find(heard.begin(), heard.end(), line) != heard.end(); });
  }
  void reply(Peer& engine, const EarlierTask& to) {
    auto request = wire::decode(to.task.payload.frames(), Loopback::signer()).value();
    engine.answer(request);
  }
  void expect_both() { service.resume().expect({e0, e1}, std::chrono::seconds(60)); }
};

TEST_F(TaskResumeTest, WhatNoEngineHasSeenRuns) {
  service.restore({{task("a")}, {}, {}});
  service.engine_joined(e0, EngineNumber(0));
  EXPECT_EQ(await(first)->header.msg_id, MsgId("a"));
  EXPECT_THAT(heard, ElementsAre("sent a camshaft-e0"));
}

TEST_F(TaskResumeTest, WhatAnEngineHoldsIsNotSentAgain) {
  expect_both();
  const EarlierTask held = task("held");
  service.restore({{held, task("free")}, {}, {}});
  service.engine_joined(e0, EngineNumber(0));
  EXPECT_THAT(answer_question(first, {MsgId("held")}), ElementsAre(MsgId("held"), MsgId("free")));
  service.engine_joined(e1, EngineNumber(1));
  answer_question(second, {});
  EXPECT_TRUE(hears("sent free camshaft-e1"));
  EXPECT_EQ(heard.front(), "sent held camshaft-e0");
  reply(first, held);
  EXPECT_TRUE(hears("replied held"));
}

TEST_F(TaskResumeTest, AReplyIsFasterThanTheAnswer) {
  expect_both();
  const EarlierTask done = task("done");
  service.restore({{done}, {}, {}});
  service.engine_joined(e0, EngineNumber(0));
  reply(first, done);
  EXPECT_TRUE(hears("replied done"));
  EXPECT_THAT(heard, ElementsAre("sent done camshaft-e0", "replied done"));
  answer_question(first, {});
  service.engine_joined(e1, EngineNumber(1));
  answer_question(second, {});
  EXPECT_TRUE(net.pump_until([&] { return !service.resume().restoring(); }));
  EXPECT_EQ(heard.size(), 2u) << "it does not run again";
}

TEST_F(TaskResumeTest, WhatMayHaveRunOnALostEngineFailsUnlessItHasRetries) {
  expect_both();
  service.restore({{task("once"), task("again", R"({"retries": 1})")}, {}, {}});
  service.engine_joined(e0, EngineNumber(0));
  service.engine_left(e1);
  answer_question(first, {});
  EXPECT_TRUE(hears("failed once"));
  EXPECT_TRUE(hears("sent again camshaft-e0"));
}

TEST_F(TaskResumeTest, TheJournalKnowsWhatALostEngineHad) {
  const auto journal = [&](bool go_on) {
    return std::make_unique<DispatchJournal>(DispatchJournal::Options{.stem = folder / "dispatched", .boot = "boot"},
                                             go_on, net.clock, net.log);
  };
  journal(false)->sent(MsgId("there"), e1);
  service.resume().use(journal(true));
  expect_both();
  service.restore({{task("there"), task("never sent")}, {}, {}});
  service.engine_joined(e0, EngineNumber(0));
  service.engine_left(e1);
  answer_question(first, {});
  EXPECT_TRUE(hears("failed there"));
  EXPECT_TRUE(hears("sent never sent camshaft-e0"));
  EXPECT_THAT(journal(true)->sent_elsewhere(std::vector{MsgId("never sent")}, {}),
              ::testing::Optional(ElementsAre(::testing::Pair(MsgId("never sent"), 1))));
}

TEST_F(TaskResumeTest, RunsBeforeTheCrashCountAsRetries) {
  const auto journal = [&](bool go_on) {
    return std::make_unique<DispatchJournal>(DispatchJournal::Options{.stem = folder / "dispatched", .boot = "boot"},
                                             go_on, net.clock, net.log);
  };
  const EngineId lost_long_ago("camshaft-e9");
  {
    const auto before = journal(false);
    for (const char* id : {"one", "one", "two", "three"}) before->sent(MsgId(id), lost_long_ago);
    before->handed_back(MsgId("three"), lost_long_ago);
  }
  service.resume().use(journal(true));
  service.engine_joined(e0, EngineNumber(0));
  service.restore({{task("one", R"({"retries": 1})"), task("two", R"({"retries": 1})"), task("three")}, {}, {}});
  answer_question(first, {});
  EXPECT_TRUE(hears("failed one"));
  EXPECT_TRUE(hears("sent two camshaft-e0"));
}

TEST_F(TaskResumeTest, ATaskThatIsNotWholeIsNotSent) {
  EarlierTask large = task("large");
  large.broken = "was too large";
  service.restore({{large, task("small")}, {}, {}});
  service.engine_joined(e0, EngineNumber(0));
  EXPECT_TRUE(hears("sent small camshaft-e0"));
  EXPECT_THAT(heard, ElementsAre("failed large", "sent small camshaft-e0"));
}

TEST_F(TaskResumeTest, WhatATaskWaitedForIsRemembered) {
  service.restore({{task("a", R"({"after": ["good"]})"), task("b", R"({"after": ["bad"]})")},
                   {},
                   {{MsgId("good"), true}, {MsgId("bad"), false}}});
  service.engine_joined(e0, EngineNumber(0));
  EXPECT_TRUE(hears("sent a camshaft-e0"));
  EXPECT_TRUE(hears("failed b"));
}

TEST_F(TaskResumeTest, AClientThatAsksMeanwhileIsToldThatItsTaskIsHere) {
  expect_both();
  service.restore({{task("a")}, {}, {}});
  Peer client(net, service.client_port(), "gone");
  client.send_raw(client.origin().message({}, wire::kResumeRequest, Blob::of_static("{}"),
                                          wire::render(wire::ResumeAsk{0, true, {MsgId("a")}})));
  const auto told = await(client);
  ASSERT_TRUE(told);
  EXPECT_THAT(wire::parse_fates(told->parts.content.view()).value().held, ElementsAre(MsgId("a")));
}

TEST_F(TaskResumeTest, ATaskThatArrivesAfterAllAndOnceMoreRunsOnce) {
  service.engine_joined(e0, EngineNumber(0));
  Peer client(net, service.client_port(), "late");
  client.send_raw(client.origin().message({}, wire::kResumeRequest, Blob::of_static("{}"),
                                          wire::render(wire::ResumeAsk{0, true, {MsgId("a")}})));
  answer_question(first, {});
  const auto told = await(client);
  ASSERT_TRUE(told);
  EXPECT_THAT(wire::parse_fates(told->parts.content.view()).value().unknown, ElementsAre(MsgId("a")));
  wire::Parts message = wire::split(task("a").task.payload.frames()).value();
  message.identities.clear();
  client.send_raw(wire::join(message));
  client.send_raw(wire::join(message));
  const MsgId after = client.request("apply_request");
  EXPECT_TRUE(hears("submitted " + after.value));
  EXPECT_THAT(heard, ElementsAre("submitted a", "sent a camshaft-e0", "submitted " + after.value));
  EXPECT_FALSE(client.receive()) << "nothing is refused";
}

TEST_F(TaskResumeTest, RepliesThatWereLostComeAgainInOneEnvelope) {
  service.engine_joined(e0, EngineNumber(0));
  Peer client(net, service.client_port(), "client");
  std::vector<wire::Message> tasks;
  wire::Batch batch;
  wire::ResumeAsk ask;
  for (int n = 0; n < 2; ++n) {
    ask.ids.push_back(client.request("apply_request"));
    tasks.push_back(await(first).value());
    first.answer(tasks.back());
    ASSERT_TRUE(await(client));
    wire::Parts reply;
    reply.identities = {tasks.back().parts.identities.at(0)};
    reply.header = first.origin().header("apply_reply");
    reply.parent = tasks.back().parts.header;
    reply.metadata = Blob::of_static(R"({"status":"ok"})");
    reply.content = Blob::of_static(R"({"status":"ok"})");
    batch.add(std::move(reply));
  }
  client.send_raw(client.origin().message({}, wire::kResumeRequest, Blob::of_static("{}"), wire::render(ask)));
  answer_question(first, ask.ids);
  EXPECT_THAT(wire::parse_fates(await(client)->parts.content.view()).value().held, ElementsAre(ask.ids[0], ask.ids[1]));
  first.send_raw(batch.take(
      {}, [&] { return first.origin().header(wire::kBatchReply); }, Loopback::signer()));
  for (const MsgId& id : ask.ids) {
    const auto reply = await(client);
    ASSERT_TRUE(reply) << "each is signed anew";
    EXPECT_EQ(wire::parent_id(reply->parts.parent.view()), id);
  }
}

}  // namespace
}  // namespace camshaft::service
