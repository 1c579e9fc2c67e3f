#include "client/client_core.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace camshaft::client {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const EngineId kE0("camshaft-py311-0000000000000000"), kE1("0a0a0a0a-000000000000000000000001");
const TimePoint t0{};

Owner someone() { return std::make_shared<int>(0); }

Reply reply(std::string content = R"({"status": "ok"})", std::string metadata = R"({"engine": "e"})") {
  Reply made;
  made.content = Blob::of(std::move(content));
  made.metadata = Blob::of(std::move(metadata));
  return made;
}

OutputMessage stream(const std::string& text) {
  return {"stream", Blob::of(nlohmann::json({{"name", "stdout"}, {"text", text}}).dump()), Blob::of("{}"), {}};
}

OutputMessage status(const std::string& state) {
  return {"status", Blob::of(nlohmann::json({{"execution_state", state}}).dump()), Blob::of("{}"), {}};
}

class Core : public testing::Test {
 protected:
  Core() {
    feed(EngineJoined{EngineNumber{0}, kE0});
    feed(EngineJoined{EngineNumber{1}, kE1});
  }
  template <class Event>
  Actions feed(Event event, TimePoint now = t0) {
    Actions out;
    core.handle(std::move(event), now, out);
    return out;
  }
  Actions submit(std::uint64_t seq, Channel channel, const Owner& owner, const EngineId& engine = {},
                 std::string_view type = "apply_request") {
    return feed(Submitted{Seq{seq}, channel, type, engine.value, owner});
  }
  Actions answer(const std::string& id, Reply with, TimePoint now = t0) { return feed(ReplyArrived{id, with}, now); }
  Actions output(const std::string& id, OutputMessage with, TimePoint now = t0) {
    return feed(OutputArrived{id, std::move(with)}, now);
  }
  static std::string evalue(const Action& action) {
    return nlohmann::json::parse(std::get<Answer>(action).reply.content.view()).at("evalue");
  }

  ClientCore core{"s_1_"};
  Owner a = someone(), b = someone();
};

TEST_F(Core, AnAnswerGoesToWhoeverAsked) {
  EXPECT_THAT(submit(0, Channel::task, a), ElementsAre(Action(Transmit{a})));
  EXPECT_THAT(submit(1, Channel::task, b), ElementsAre(Action(Transmit{b})));
  const Reply with = reply(R"({"status": "ok"})", R"({"engine": "e", "outputs": 0})");
  EXPECT_THAT(answer("s_1_1", with), ElementsAre(Action(Answer{b, with, Status::ok, true})));
  EXPECT_EQ(core.outstanding(), 1u);
}

TEST_F(Core, StaleForeignAndRepeatedAnswersAreIgnored) {
  submit(0, Channel::task, a);
  for (const char* id : {"s_1_7", "s_2_0", "s_1_", "s_1_0x", "s_1_0_uuid", "", "other"})
    EXPECT_THAT(answer(id, reply()), IsEmpty()) << id;
  EXPECT_THAT(answer("s_1_0", reply()), SizeIs(1));
  EXPECT_THAT(answer("s_1_0", reply()), IsEmpty());
  EXPECT_EQ(core.outstanding(), 0u);
}

TEST_F(Core, WithoutACountOutputEndsWithIdle) {
  submit(0, Channel::mux, a, kE1);
  EXPECT_THAT(output("s_1_0", status("busy")), IsEmpty());
  const Reply with = reply();
  EXPECT_THAT(answer("s_1_0", with), ElementsAre(Action(Answer{a, with, Status::ok, false})));
  EXPECT_THAT(output("s_1_0", stream("hi")), ElementsAre(Action(Show{a, stream("hi")})));
  EXPECT_THAT(output("s_1_0", status("idle")), ElementsAre(Action(OutputsDone{a})));
}

TEST_F(Core, IdleMayComeBeforeTheReply) {
  submit(0, Channel::mux, a, kE1);
  output("s_1_0", status("idle"));
  const Reply with = reply();
  EXPECT_THAT(answer("s_1_0", with), ElementsAre(Action(Answer{a, with, Status::ok, true})));
}

TEST_F(Core, WithACountOutputEndsWithTheLastOfIt) {
  submit(0, Channel::mux, a, kE0);
  output("s_1_0", stream("1"));
  const Reply with = reply(R"({"status": "ok"})", R"({"outputs": 2})");
  EXPECT_THAT(answer("s_1_0", with), ElementsAre(Action(Answer{a, with, Status::ok, false})));
  EXPECT_THAT(output("s_1_0", stream("2")), ElementsAre(Action(Show{a, stream("2")}), Action(OutputsDone{a})));
}

TEST_F(Core, NoOutputFollowsAnAbortOrAnErrorThatNoEngineMade) {
  submit(0, Channel::task, a);
  EXPECT_TRUE(std::get<Answer>(answer("s_1_0", reply(R"({"status": "aborted"})"))[0]).outputs_done);
  submit(1, Channel::task, a);
  const auto controller = answer("s_1_1", reply(R"({"status": "error", "ename": "X", "engine_info": {}})", "{}"));
  EXPECT_EQ(std::get<Answer>(controller[0]).status, Status::error);
  EXPECT_TRUE(std::get<Answer>(controller[0]).outputs_done);
  submit(2, Channel::task, a);
  const auto engine = answer("s_1_2", reply(R"({"status": "error", "engine_info": {"engine_id": 1}})"));
  EXPECT_FALSE(std::get<Answer>(engine[0]).outputs_done);
}

TEST_F(Core, QueriesAndControlHaveNoOutput) {
  submit(0, Channel::query, a, {}, "queue_request");
  EXPECT_TRUE(std::get<Answer>(answer("s_1_0", reply())[0]).outputs_done);
  submit(1, Channel::control, a, kE0, "abort_request");
  EXPECT_TRUE(std::get<Answer>(answer("s_1_1", reply())[0]).outputs_done);
}

TEST_F(Core, AnUnknownEngineIsRefusedAtOnce) {
  const auto out = submit(0, Channel::mux, a, EngineId("nobody"));
  ASSERT_THAT(out, SizeIs(1));
  EXPECT_THAT(evalue(out[0]), testing::HasSubstr("nobody"));
  EXPECT_EQ(core.outstanding(), 0u);
}

TEST_F(Core, DeathOfAnEngineFailsWhatWasSentToIt) {
  submit(0, Channel::mux, a, kE0);
  submit(1, Channel::mux, b, kE1);
  submit(2, Channel::task, b);
  const auto out = feed(EngineLeft{kE0});
  ASSERT_THAT(out, SizeIs(2));
  EXPECT_EQ(out[0], Action(EnginesChanged{}));
  EXPECT_EQ(std::get<Answer>(out[1]).owner, a);
  EXPECT_EQ(evalue(out[1]), "Engine 0 died while running task 's_1_0'");
  EXPECT_THAT(answer("s_1_0", reply()), IsEmpty());  // its real reply may still come
  EXPECT_EQ(core.outstanding(), 2u);
}

TEST_F(Core, AControlRequestOutlivesTheEngineForASecond) {
  submit(0, Channel::control, a, kE0, "shutdown_request");
  submit(1, Channel::control, b, kE0, "clear_request");
  feed(EngineLeft{kE0});
  EXPECT_THAT(feed(Tick{}, t0 + 900ms), IsEmpty());
  const auto out = feed(Tick{}, t0 + 1s);
  ASSERT_THAT(out, SizeIs(2));
  for (const Action& action : out)
    EXPECT_EQ(std::get<Answer>(action).status, std::get<Answer>(action).owner == a ? Status::ok : Status::error);
}

TEST_F(Core, OutputThatNeverComesIsGivenUp) {
  submit(0, Channel::mux, a, kE1);
  answer("s_1_0", reply());
  EXPECT_THAT(feed(Tick{}, t0 + 9s), IsEmpty());
  EXPECT_THAT(feed(Tick{}, t0 + 10s), ElementsAre(Action(OutputsDone{a})));
}

TEST_F(Core, OutputOfADeadEngineIsGivenUpSoon) {
  submit(0, Channel::task, a);
  answer("s_1_0", reply(R"({"status": "ok"})", R"({"engine": ")" + kE1.value + R"("})"));
  feed(EngineLeft{kE1});
  EXPECT_THAT(output("s_1_0", stream("bye"), t0 + 1ms), SizeIs(1));
  EXPECT_THAT(feed(Tick{}, t0 + 2s), ElementsAre(Action(OutputsDone{a})));
}

TEST_F(Core, LateOutputIsShownWhileTheRequestIsHeld) {
  submit(0, Channel::mux, a, kE0, "execute_request");
  answer("s_1_0", reply(R"({"status": "ok"})", R"({"outputs": 0})"));
  feed(Tick{}, t0 + 6s);
  EXPECT_THAT(output("s_1_0", stream("late"), t0 + 7s), ElementsAre(Action(Show{a, stream("late")})));
  a.reset();
  feed(Tick{}, t0 + 12s);
  EXPECT_THAT(output("s_1_0", stream("too late"), t0 + 13s), IsEmpty());
}

TEST_F(Core, AListOfEnginesReplacesWhatWasKnown) {
  submit(0, Channel::mux, a, kE0);
  const auto out = feed(EnginesKnown{{{EngineNumber{1}, kE1}, {EngineNumber{2}, EngineId("new")}}});
  EXPECT_THAT(out, SizeIs(3));  // left, its request failed, joined
  EXPECT_THAT(core.engines(),
              ElementsAre(testing::Pair(EngineNumber{1}, kE1), testing::Pair(EngineNumber{2}, EngineId("new"))));
  EXPECT_THAT(feed(EnginesKnown{core.engines()}), IsEmpty());
}

TEST_F(Core, AnEngineThatComesBackUnderAnotherNumberKeepsItsRequests) {
  submit(0, Channel::mux, a, kE0);
  EXPECT_THAT(feed(EngineJoined{EngineNumber{7}, kE0}), SizeIs(1));
  EXPECT_THAT(core.engines(), ElementsAre(testing::Pair(EngineNumber{1}, kE1), testing::Pair(EngineNumber{7}, kE0)));
  EXPECT_THAT(feed(EnginesKnown{{{EngineNumber{1}, kE1}, {EngineNumber{8}, kE0}}}), SizeIs(1));
  EXPECT_THAT(feed(EnginesKnown{{{EngineNumber{1}, kE1}}, 5s}), SizeIs(1));
  EXPECT_THAT(feed(EnginesKnown{{{EngineNumber{1}, kE1}, {EngineNumber{9}, kE0}}, 5s}), SizeIs(1));
  EXPECT_EQ(core.outstanding(), 1u);
  const auto out = feed(EngineLeft{kE0});
  ASSERT_THAT(out, SizeIs(2));
  EXPECT_EQ(evalue(out[1]), "Engine 9 died while running task 's_1_0'");
  EXPECT_THAT(feed(EnginesKnown{{{EngineNumber{1}, kE1}}}), IsEmpty());
}

TEST_F(Core, AnOutdatedListOfEnginesOnlyAdds) {
  const auto before = core.engines();
  EXPECT_THAT(feed(EnginesKnown{{{EngineNumber{9}, EngineId("new")}}, {}, true}), SizeIs(1));
  EXPECT_EQ(core.engines().size(), before.size() + 1);
  feed(EnginesKnown{{{EngineNumber{9}, EngineId("new")}}, {}, false});
  EXPECT_EQ(core.engines().size(), 1u);
}

TEST_F(Core, ALostConnectionFailsWhatWentThroughIt) {
  submit(0, Channel::task, a);
  submit(1, Channel::mux, b, kE0);
  submit(2, Channel::task, b);
  const auto out = feed(ChannelLost{Channel::task, Seq{2}, "gone"});
  ASSERT_THAT(out, SizeIs(1));
  EXPECT_EQ(evalue(out[0]), "gone");
  EXPECT_EQ(core.outstanding(), 2u);
}

TEST_F(Core, ClosingFailsEverythingThatIsOutstanding) {
  submit(0, Channel::task, a);
  submit(1, Channel::mux, b, kE1);
  answer("s_1_1", reply());
  const auto out = feed(Closing{"the client was closed"});
  EXPECT_THAT(out, testing::UnorderedElementsAre(
                       Action(Answer{a, error_reply("EngineError", "the client was closed"), Status::error, true}),
                       Action(OutputsDone{b})));
}

TEST_F(Core, CommMessagesExpectNoAnswer) {
  EXPECT_THAT(submit(0, Channel::mux, a, kE0, "comm_msg"),
              ElementsAre(Action(Transmit{a}), Action(Answer{a, ok_reply(), Status::ok, true})));
}

TEST(AppendStream, TreatsCarriageReturnsAsATerminalDoes) {
  struct Case {
    std::vector<std::string> chunks;
    std::string shown;
  };
  for (const Case& c : {Case{{"a", "b"}, "ab"}, Case{{"10%\r", "20%\r", "30%"}, "30%"}, Case{{"x\r\ny"}, "x\r\ny"},
                        Case{{"x\r", "\ny"}, "x\r\ny"}, Case{{"one\ntwo\rthree"}, "one\nthree"}, Case{{"a\r\rb"}, "b"},
                        Case{{"end\r"}, "end\r"}}) {
    std::string screen;
    for (const std::string& chunk : c.chunks) append_stream(screen, chunk);
    EXPECT_EQ(screen, c.shown);
  }
}

TEST(Output, SortsStreamsFromDisplays) {
  Output output;
  output.add(stream("out"));
  output.add({"stream", Blob::of(R"({"name": "stderr", "text": "err"})"), Blob::of("{}"), {}});
  output.add({"stream", Blob::of("not json"), Blob::of("{}"), {}});
  output.add(status("busy"));
  output.add({"display_data", Blob::of("{}"), Blob::of("{}"), {Blob::of("png")}});
  EXPECT_EQ(output.out, "out");
  EXPECT_EQ(output.err, "err");
  ASSERT_THAT(output.messages, SizeIs(1));
  EXPECT_EQ(output.messages[0].msg_type, "display_data");
}

TEST(ReadFacts, ReadsWhatCompletionNeeds) {
  EXPECT_EQ(read_facts(reply(R"({"status":"ok"})", R"({"engine": "u", "outputs": 3})")),
            (ReplyFacts{Status::ok, true, 3, EngineId("u")}));
  EXPECT_EQ(read_facts(reply("garbage", "garbage")).status, Status::ok);
  EXPECT_EQ(read_facts(error_reply("E", "v")).status, Status::error);
  EXPECT_FALSE(read_facts(error_reply("E", "v")).from_engine);
}

TEST(TextField, FindsTheTextInPlace) {
  const Blob header =
      Blob::of(R"({"msg_id": "s_1_2", "n": 3, "date" : "2026-11-20T10:24:07Z" , "e": "", "q": "a\"b"})");
  EXPECT_EQ(text_field(header, "msg_id").view(), "s_1_2");
  EXPECT_EQ(text_field(header, "date").view(), "2026-11-20T10:24:07Z");
  EXPECT_EQ(text_field(header, "date").owner, header.owner);
  EXPECT_EQ(text_field(header, "q").view(), R"(a\"b)");
  for (const char* key : {"e", "n", "none"}) EXPECT_TRUE(text_field(header, key).empty()) << key;
  for (const char* text : {"", "{}", "[1]", "{\"msg_id\": ", "\"", "{\"msg_id\": \"x"})
    EXPECT_TRUE(text_field(Blob::of(text), "msg_id").empty()) << text;
}

TEST(Compact, KeepsTheBytesAndLeavesLargeRepliesAlone) {
  Reply small = reply();
  small.buffers = {Blob::of("one"), Blob::of(""), Blob::of("three")};
  EXPECT_EQ(compact(small), small);
  Reply large = reply();
  large.buffers = {Blob::of(std::string(100000, 'x'))};
  EXPECT_EQ(compact(large).buffers[0].bytes.data(), large.buffers[0].bytes.data());
}

TEST_F(Core, WhatACommSaysInAnswerIsHeardWhileSomebodyListens) {
  {
    const auto out = submit(0, Channel::mux, a, kE0, "comm_msg");
    ASSERT_THAT(out, SizeIs(2));
    EXPECT_TRUE(std::get<Answer>(out[1]).outputs_done);
  }
  EXPECT_EQ(core.outstanding(), 0u);
  const OutputMessage said{"comm_msg", Blob::of("{}"), Blob::of("{}"), {}};
  EXPECT_THAT(output("s_1_0", said), ElementsAre(Action(Show{a, said})));
  a.reset();
  feed(Tick{}, t0 + 10s);
  EXPECT_THAT(output("s_1_0", said), IsEmpty());
}

TEST_F(Core, EachPartOfABroadcastHasItsOwnAnswerAndOutput) {
  feed(Submitted{Seq{6}, Channel::broadcast, "apply_request", kE0.value, a, Seq{5}});
  // The message itself is the caller's to send.
  EXPECT_THAT(feed(Submitted{Seq{7}, Channel::broadcast, "apply_request", kE1.value, b, Seq{5}}), IsEmpty());
  EXPECT_EQ(core.outstanding(), 2u);
  const std::string first = "s_1_5_" + kE0.value, second = "s_1_5_" + kE1.value;
  EXPECT_THAT(output(second, stream("hi")), ElementsAre(Action(Show{b, stream("hi")})));
  const Reply with = reply(R"({"status": "ok"})", R"({"outputs": 1})");
  EXPECT_THAT(answer(second, with), ElementsAre(Action(Answer{b, with, Status::ok, true})));
  EXPECT_THAT(answer(second, with), IsEmpty());
  EXPECT_THAT(answer("s_1_5", with), IsEmpty());
  const auto out = feed(EngineLeft{kE0});
  ASSERT_THAT(out, SizeIs(2));
  EXPECT_EQ(std::get<Answer>(out[1]).owner, a);
  EXPECT_THAT(answer(first, with), IsEmpty());
  EXPECT_EQ(core.outstanding(), 0u);
}

TEST_F(Core, ACoalescedReplyNamesAnyOfItsParts) {
  const Submitted asked{Seq{5}, Channel::broadcast, "apply_request", {}, a, std::nullopt, {kE0.value, kE1.value}};
  EXPECT_THAT(feed(asked), ElementsAre(Action(Transmit{a})));
  EXPECT_THAT(output("s_1_5_" + kE0.value, stream("hi")), ElementsAre(Action(Show{a, stream("hi")})));
  const Reply with = reply(R"({"status": "ok"})", R"({"outputs": 3})");  // the count of one engine alone
  EXPECT_THAT(answer("s_1_5_" + kE1.value, with), ElementsAre(Action(Answer{a, with, Status::ok, true})));
  EXPECT_EQ(core.outstanding(), 0u);
}

TEST_F(Core, OneLostEngineFailsACoalescingBroadcast) {
  feed(Submitted{Seq{5}, Channel::broadcast, "apply_request", {}, a, std::nullopt, {kE0.value, kE1.value}});
  const auto out = feed(EngineLeft{kE1});
  ASSERT_THAT(out, SizeIs(2));
  EXPECT_EQ(evalue(out[1]), "Engine 1 died while running task 's_1_5'");
  const auto late = feed(Submitted{Seq{6}, Channel::broadcast, "apply_request", {}, b, std::nullopt, {kE1.value}});
  ASSERT_THAT(late, SizeIs(1));
  EXPECT_EQ(evalue(late[0]), "An engine has left: choose targets anew");
}

}  // namespace
}  // namespace camshaft::client
