#include "hub/hub.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/date.hpp"
#include "hub/date.hpp"
#include "hub/readable_pickle.hpp"
#include "hub/store/memory.hpp"
#include "hub/store/none.hpp"

namespace camshaft::hub {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const TimePoint t0{};
const WallTime kNoon = *parse_date("2026-11-20T12:00:00Z");
const EngineId e0("e0-uuid"), e1("e1-uuid"), nobody("nobody");
constexpr EngineNumber n0{0}, n1{1};

Request request(const std::string& id) {
  return {.id = MsgId(id),
          .msg_type = "apply_request",
          .client = SessionId("client"),
          .submitted = kNoon,
          .header = Blob::of(R"({"msg_id": ")" + id + R"("})"),
          .metadata = Blob::of_static(R"({"label": "run"})"),
          .content = Blob::of_static("{}"),
          .buffers = {Blob::of("f-" + id), Blob::of("args")}};
}
Reply reply_to(const std::string& id, EngineId engine, Status status = Status::ok) {
  return {.id = MsgId(id),
          .engine = std::move(engine),
          .status = status,
          .started = kNoon + 1s,
          .completed = kNoon + 2s,
          .header = Blob::of_static(R"({"msg_type": "apply_reply"})"),
          .metadata = Blob::of_static(R"({"status": "ok"})"),
          .content = Blob::of_static(R"({"status": "ok"})"),
          .buffers = {Blob::of("result-" + id)}};
}

class HubTest : public testing::Test {
 protected:
  std::vector<Action> feed(const Event& event) {
    auto actions = hub.handle(event, now, kNoon + std::chrono::duration_cast<std::chrono::microseconds>(now - t0));
    hub.check();
    return actions;
  }
  std::vector<Action> run_to(TimePoint until) {
    std::vector<Action> all;
    for (int step = 0; step < 100000 && hub.next_deadline() <= until; ++step) {
      now = hub.next_deadline();
      for (Action& action : feed(Tick{})) {
        if (const auto* ping = std::get_if<Ping>(&action)) {
          last_ping = ping->text;
          for (const EngineId& each : beating) feed(Pong{each, last_ping});
        } else {
          all.push_back(std::move(action));
        }
      }
    }
    now = until;
    return all;
  }
  void join(const EngineId& uuid) {
    feed(RegistrationRequested{ClientId(uuid.value), uuid, std::nullopt});
    run_to(now + 5ms);
    feed(Pong{uuid, last_ping});
    ASSERT_TRUE(hub.registry().number_of(uuid).has_value());
    beating.push_back(uuid);
    run_to(now + 20ms);
  }
  Json ask(std::string_view type, const char* content, std::string_view expected_type) {
    answer = settle(hub.answer(type, Json::parse(content)), store);
    hub.check();
    EXPECT_EQ(answer.msg_type, expected_type);
    return Json::parse(answer.content);
  }
  void expect_error(std::string_view type, const char* content, std::string_view reply_type, const std::string& ename,
                    const std::string& evalue) {
    const Json got = ask(type, content, reply_type);
    EXPECT_EQ(got, error_content({ename, evalue})) << content;
    EXPECT_THAT(answer.buffers, IsEmpty());
  }
  void mux(const std::string& id, const EngineId& engine) { hub.record(MuxRequest{engine, request(id)}); }
  void mux_done(const std::string& id, const EngineId& engine) {
    hub.record(MuxReply{reply_to(id, engine)}, kNoon + 3s);
  }
  void task(const std::string& id) { hub.record(TaskSubmitted{request(id)}); }
  void dispatch(const std::string& id, const EngineId& engine) { hub.record(TaskDispatched{MsgId(id), engine}); }
  void task_done(const std::string& id, const EngineId& engine, Status status = Status::ok) {
    hub.record(TaskReplied{reply_to(id, engine, status)}, kNoon + 3s);
  }
  void iopub(const std::string& parent, const char* type, const char* content) {
    hub.record(IoPub{MsgId(parent), type, Blob::of(content)});
  }

  TimePoint now = t0;
  std::string last_ping;
  std::vector<EngineId> beating;
  Answer answer;
  bool known(const char* id) { return store.state(MsgId(id)).value() != State::unknown; }

  MemoryStore store;
  DirectSink sink{store};
  Hub hub{{}, sink, t0};
};

TEST_F(HubTest, S3_73_PropertiesComeWithTheRegistrationAndAreChangedByClients) {
  const auto registration = [&](Json properties) {
    return *read_engine_request("registration_request", ClientId(e0.value),
                                Json{{"uuid", e0.value},
                                     {"properties", std::move(properties)},
                                     {"camshaft", {{"version", "1"}, {"recall", true}}}});
  };
  feed(registration({{"cores", 4}}));
  run_to(now + 5ms);
  feed(Pong{e0, last_ping});
  beating.push_back(e0);
  join(e1);
  EXPECT_TRUE(hub.recalls(e0));
  EXPECT_FALSE(hub.recalls(e1));

  Json got = ask("properties_request", R"({"targets": [0], "changes": {"rack": 2}})", "properties_reply");
  EXPECT_EQ(got["properties"], (Json{{"0", {{"cores", 4}, {"rack", 2}}}}));
  EXPECT_THAT(answer.changed, ElementsAre(PropertiesChanged{e0, Json{{"rack", 2}}}));
  got = ask("properties_request", R"({"targets": null})", "properties_reply");
  EXPECT_EQ(got["properties"], (Json{{"0", {{"cores", 4}, {"rack", 2}}}, {"1", Json::object()}}));
  EXPECT_THAT(answer.changed, IsEmpty());

  // the engine's own changes, and what it says when it registers again, are for the schedulers
  EXPECT_THAT(feed(*read_engine_request("properties_notification", ClientId(e0.value), Json{{"changes", {{"a", 1}}}})),
              ElementsAre(EngineChanged{e0}));
  EXPECT_THAT(feed(registration({{"cores", 5}})), testing::Contains(Action{EngineChanged{e0}}));
  EXPECT_EQ(hub.properties().of(e0), (Json{{"cores", 5}}));

  expect_error("properties_request", R"({"targets": [7]})", "properties_reply", "IndexError", "No Such Engine: [7]");
  expect_error("properties_request", R"({"changes": 3})", "properties_reply", "TypeError",
               "changes must be an object of names and values");
}

TEST_F(HubTest, NobodyDescribesAnotherEngine) {
  join(e0);
  feed(*read_engine_request("registration_request", ClientId("stranger"),
                            Json{{"uuid", e0.value}, {"properties", {{"cores", 99}}}}));
  EXPECT_EQ(hub.properties().of(e0), Json::object());
  EXPECT_THAT(feed(PropertiesChanged{nobody, Json{{"cores", 99}}}), IsEmpty());
}

TEST_F(HubTest, AnEngineRegistersInMilliseconds) {
  EXPECT_THAT(feed(RegistrationRequested{ClientId("e0-uuid"), e0, 5}),
              ElementsAre(Action(RegistrationReply{e0, R"({"status": "ok", "id": 5, "hb_period": 3000})"})));
  EXPECT_EQ(hub.next_deadline(), t0 + 5ms);
  run_to(t0 + 5ms);
  EXPECT_THAT(feed(Pong{e0, last_ping}),
              ElementsAre(Action(EngineRegistered{EngineNumber{5}, e0, false}), Action(SaveEngines{})));
  EXPECT_EQ(hub.engine_state(), R"({"engines": {"5": "e0-uuid"}, "next_id": 6})");
  EXPECT_EQ(ask("connection_request", "{}", "connection_reply"),
            Json::parse(R"({"status": "ok", "engines": {"5": "e0-uuid"}})"));
}

TEST_F(HubTest, RegistrationCanCarryTheAddresses) {
  Hub other({.heart = {.period = 1s}, .connection_info = R"({"mux": 3})"}, sink, t0);
  EXPECT_THAT(other.handle(RegistrationRequested{ClientId("e0-uuid"), e0, std::nullopt}, t0, kNoon),
              ElementsAre(Action(RegistrationReply{
                  e0, R"({"status": "ok", "id": 0, "hb_period": 1000, "connection_info": {"mux": 3}})"})));
}

TEST_F(HubTest, RefusedAndUnanswerableRegistrations) {
  join(e0);
  const auto actions = feed(RegistrationRequested{ClientId("other"), e0, std::nullopt});
  ASSERT_THAT(actions, SizeIs(1));
  EXPECT_EQ(Json::parse(std::get<RegistrationReply>(actions[0]).content),
            error_content({"KeyError", "\"uuid 'e0-uuid' in use\""}));
  EXPECT_THAT(feed(RegistrationRequested{ClientId("x"), {}, std::nullopt}),
              ElementsAre(testing::VariantWith<RegistrationIgnored>(testing::_)));
}

TEST_F(HubTest, RegistrationsThatStallAreDropped) {
  feed(RegistrationRequested{ClientId("e0-uuid"), e0, std::nullopt});
  EXPECT_THAT(run_to(t0 + 31s), ElementsAre(Action(RegistrationDropped{e0, true})));
  EXPECT_EQ(hub.next_deadline(), t0 + 33s);
}

TEST_F(HubTest, ADeadEngineIsReportedOnce) {
  join(e0);
  beating.clear();
  feed(ConnectionLost{e0});
  EXPECT_THAT(run_to(now + 1s),
              ElementsAre(Action(EngineGone{n0, e0, GoneReason::connection_lost}), Action(SaveEngines{})));
  EXPECT_THAT(feed(Unregister{0, {}, GoneReason::unregistered}), IsEmpty());
}

TEST_F(HubTest, AnUnregisteredEnginesHeartIsForgotten) {
  join(e0);
  beating.clear();
  EXPECT_THAT(feed(Unregister{std::nullopt, e0, GoneReason::shut_down}),
              ElementsAre(Action(EngineGone{n0, e0, GoneReason::shut_down}), Action(SaveEngines{})));
  EXPECT_THAT(feed(Pong{e0, last_ping}), IsEmpty());
  EXPECT_THAT(run_to(now + 60s), ElementsAre(Action(SaveEngines{})));
}

TEST_F(HubTest, RestoredEnginesMustShowUp) {
  EXPECT_THAT(hub.restore({{{n0, e0}, {n1, e1}}, 7}, t0),
              ElementsAre(Action(EngineRegistered{n0, e0, true}), Action(EngineRegistered{n1, e1, true})));
  hub.check();
  beating = {e0};
  EXPECT_THAT(run_to(t0 + 40s),
              ElementsAre(Action(EngineGone{n1, e1, GoneReason::heart_stopped}), Action(SaveEngines{})));
}

TEST_F(HubTest, QueueStatusCountsWhereTasksAre) {
  join(e0);
  join(e1);
  mux("m1", e0);
  mux("m2", e0);
  mux("m3", nobody);  // not registered: not recorded
  mux_done("m1", e0);
  for (const char* id : {"t1", "t2", "t3", "t4"}) task(id);
  dispatch("t1", e0);
  dispatch("t1", e1);  // a retry
  dispatch("t2", e1);
  dispatch("t3", e1);
  task_done("t2", e1);
  task_done("t3", e1, Status::aborted);
  EXPECT_EQ(ask("queue_request", R"({"targets": null, "verbose": false})", "queue_reply"),
            Json::parse(R"({"status": "ok",
    "unassigned": 1, "0": {"queue": 1, "tasks": 0, "completed": 1}, "1": {"queue": 0, "tasks": 1, "completed": 1}})"));
  EXPECT_EQ(ask("queue_request", R"({"verbose": true})", "queue_reply"), Json::parse(R"({"status": "ok",
    "unassigned": ["t4"], "0": {"queue": ["m2"], "tasks": [], "completed": ["m1"]},
    "1": {"queue": [], "tasks": ["t1"], "completed": ["t2"]}})"));
  EXPECT_EQ(ask("queue_request", R"({"targets": 1})", "queue_reply").size(), 3u);
  EXPECT_EQ(ask("queue_request", R"({"targets": "e1-uuid"})", "queue_reply").size(), 3u);
  EXPECT_EQ(ask("load_request", R"({"targets": [1, "e0-uuid"]})", "load_reply"),
            Json::parse(R"({"status": "ok", "0": 1, "1": 1})"));
}

TEST_F(HubTest, BadTargets) {
  EXPECT_EQ(ask("queue_request", "{}", "queue_reply"), Json::parse(R"({"status": "ok", "unassigned": 0})"));
  for (const char* type : {"queue_request", "load_request"}) {
    expect_error(type, R"({"targets": [99, "x"]})", "hub_error", "IndexError", "No Such Engine: [99, 'x']");
    expect_error(type, R"({"targets": 99})", "hub_error", "IndexError", "No Such Engine: [99]");
    expect_error(type, R"({"targets": {"a": 1}})", "hub_error", "IndexError", "No Such Engine: [{\"a\":1}]");
    expect_error(type, R"({"targets": []})", "hub_error", "IndexError", "No Engines Registered");
  }
}

TEST_F(HubTest, ResultsComeSortedWithTheirBuffers) {
  join(e0);
  for (const char* id : {"c", "b", "a"}) mux(id, e0);
  mux_done("c", e0);
  mux_done("b", e0);
  iopub("b", "stream", R"({"name": "stdout", "text": "hi "})");
  iopub("b", "stream", R"({"name": "stdout", "text": "you"})");
  iopub("b", "stream", R"({"name": "stderr", "text": "oh"})");
  iopub("b", "execute_input", R"({"code": "1+1", "execution_count": 3})");
  iopub("b", "execute_result", R"({"data": {}})");
  iopub("b", "error", R"({"ename": "E"})");
  iopub("b", "status", R"({"execution_state": "idle"})");
  iopub("", "stream", R"({"name": "stdout", "text": "lost"})");
  const Json got = ask("result_request", R"({"msg_ids": ["c", "a", "b", "b"], "status_only": false})", "result_reply");
  EXPECT_EQ(got["status"], "ok");
  EXPECT_EQ(got["pending"], Json({"a"}));
  EXPECT_EQ(got["completed"], Json({"b", "c"}));
  EXPECT_EQ(got["b"], Json::parse(R"({"header": {"msg_id": "b"}, "metadata": {"label": "run"},
    "result_metadata": {"status": "ok"}, "result_header": {"msg_type": "apply_reply"}, "result_content": {"status": "ok"},
    "received": "2026-11-20T12:00:03.000000Z", "io": {"execute_input": "1+1", "execute_result": {"data": {}},
    "error": {"ename": "E"}, "stdout": "hi you", "stderr": "oh"}})"));
  EXPECT_EQ(got["c"]["io"], Json::parse(R"({"execute_input": null, "execute_result": null, "error": null, "stdout": "",
    "stderr": ""})"));
  EXPECT_FALSE(got.contains("a"));
  EXPECT_THAT(answer.buffers, ElementsAre(Blob::of("result-b"), Blob::of("result-c")));

  EXPECT_EQ(ask("result_request", R"({"msg_ids": ["c", "a"], "status_only": true})", "result_reply"),
            Json::parse(R"({"status": "ok", "pending": ["a"], "completed": ["c"]})"));
  EXPECT_THAT(answer.buffers, IsEmpty());
  expect_error("result_request", R"({"msg_ids": ["c", "zz"]})", "result_reply", "KeyError", "'No such message: zz'");
  expect_error("result_request", R"({"msg_ids": [1]})", "result_reply", "TypeError",
               "msg_ids must be a list of strings");
}

TEST_F(HubTest, SchedulerFailuresHaveDictionariesToo) {
  task("t");
  hub.record(
      TaskReplied{{.id = MsgId("t"), .status = Status::error, .content = Blob::of_static("{\"status\": \"error\"}")}},
      kNoon);
  hub.check();
  const Json got = ask("result_request", R"({"msg_ids": "t"})", "result_reply");
  EXPECT_EQ(got["t"]["result_metadata"], Json::object());
  EXPECT_EQ(got["t"]["result_header"], Json::object());
  EXPECT_EQ(hub.unassigned(), 0u);
}

TEST_F(HubTest, HistoryAndDatabaseQueries) {
  join(e0);
  for (const char* id : {"a", "b"}) mux(id, e0);
  mux_done("b", e0);
  EXPECT_EQ(ask("history_request", "{}", "history_reply"), Json::parse(R"({"status": "ok", "history": ["a", "b"]})"));
  EXPECT_EQ(
      ask("db_request", R"({"query": {"completed": {"$ne": null}}, "keys": ["engine_uuid", "label"]})", "db_reply"),
      Json::parse(R"({"status": "ok", "records": [{"msg_id": "b", "engine_uuid": "e0-uuid", "label": "run"}],
                            "buffer_lens": null, "result_buffer_lens": null})"));
  EXPECT_EQ(ask("db_request", R"({"query": {}, "keys": ["result_buffers", "buffers"]})", "db_reply"),
            Json::parse(R"({"status": "ok", "records": [{"msg_id": "a"}, {"msg_id": "b"}],
                            "buffer_lens": [2, 2], "result_buffer_lens": [0, 1]})"));
  EXPECT_THAT(answer.buffers,
              ElementsAre(Blob::of("f-a"), Blob::of("args"), Blob::of("f-b"), Blob::of("args"), Blob::of("result-b")));
  const Json all = ask("db_request", R"({"query": {"msg_id": "b"}, "keys": null})", "db_reply");
  ASSERT_EQ(all["records"].size(), 1u);
  EXPECT_EQ(all["records"][0].size(), kFields.size() - 2);
  EXPECT_EQ(all["records"][0]["submitted"], "2026-11-20T12:00:00.000000Z");
  EXPECT_EQ(all["records"][0]["completed"], "2026-11-20T12:00:02.000000Z");
  EXPECT_EQ(ask("db_request", R"({"query": {"msg_id": "x"}})", "db_reply")["records"], Json::array());
  expect_error("db_request", R"({"query": {"nope": 1}})", "db_reply", "KeyError", "'no such field: nope'");
  expect_error("db_request", R"({"query": {}, "keys": ["nope"]})", "db_reply", "KeyError", "'no such field: \"nope\"'");
  expect_error("db_request", R"({"query": {"submitted": {"$lt": 5}}})", "db_reply", "TypeError",
               "'$lt' of 'submitted' needs a date, not number");
}

TEST_F(HubTest, PurgeForgetsWhatIsCompleted) {
  join(e0);
  join(e1);
  for (const char* id : {"a", "b", "c"}) mux(id, e0);
  mux("d", e1);
  for (const char* id : {"a", "b"}) mux_done(id, e0);
  mux_done("d", e1);
  const Json ok{{"status", "ok"}};
  expect_error("purge_request", R"({"msg_ids": ["a", "c"]})", "purge_reply", "IndexError", "msg pending: 'c'");
  EXPECT_TRUE(known("a"));
  EXPECT_EQ(ask("purge_request", R"({"msg_ids": ["a", "unknown"], "engine_ids": []})", "purge_reply"), ok);
  EXPECT_FALSE(known("a"));
  expect_error("purge_request", R"({"engine_ids": [1, 77]})", "purge_reply", "IndexError", "No such engine: 77");
  EXPECT_FALSE(known("d"));
  EXPECT_TRUE(known("b"));
  EXPECT_EQ(ask("purge_request", R"({"msg_ids": "all", "engine_ids": [77]})", "purge_reply"), ok);
  EXPECT_EQ(store.stats().records, 1u);  // c, still pending
  expect_error("result_request", R"({"msg_ids": ["b"]})", "result_reply", "KeyError", "'No such message: b'");
}

TEST_F(HubTest, OtherRequests) {
  EXPECT_EQ(ask("shutdown_request", "{}", "shutdown_reply"), Json({{"status", "ok"}}));
  EXPECT_TRUE(answer.shut_down);
  EXPECT_EQ(ask("stop_distributed_request", "{}", "stop_distributed_reply"), Json({{"status", "ok"}}));
  EXPECT_FALSE(answer.shut_down);
  expect_error("become_dask_request", "{}", "hub_error", "NotImplementedError",
               "this controller starts no scheduler of Dask");
  expect_error("nonsense", "[]", "hub_error", "KeyError", "'Bad Message Type: nonsense'");
  expect_error("resubmit_request", R"({"msg_ids": ["x"]})", "resubmit_reply", "KeyError", "\"No such msg(s): ['x']\"");
  task("x");
  expect_error("resubmit_request", R"({"msg_ids": ["x"]})", "resubmit_reply", "ValueError",
               "cannot resubmit what is still pending: ['x']; wait for it, or abort it first");
}

TEST_F(HubTest, ResubmittedTasksAreNewTasks) {
  join(e0);
  Request first = request("a");
  first.header = Blob::of_static(R"({"msg_id": "a", "msg_type": "apply_request", "session": "client"})");
  first.metadata = Blob::of_static(R"({"label": "run", "codec": "p5/3.11", "after": ["x"], "follow": ["y"]})");
  hub.record(TaskSubmitted{first});
  task_done("a", e0);
  answer = settle(hub.answer("resubmit_request", {{"msg_ids", {"a"}}}), store);
  const auto requests = hub.resubmit(
      answer, [] { return MsgId("new"); }, kNoon + 5s);
  EXPECT_EQ(Json::parse(answer.content), Json::parse(R"({"status": "ok", "resubmitted": {"a": "new"}})"));
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].msg_type, "apply_request");
  EXPECT_EQ(requests[0].buffers, first.buffers);
  EXPECT_EQ(Json::parse(requests[0].metadata.view()), Json::parse(R"({"label": "run", "codec": "p5/3.11"})"));
  const Json header = Json::parse(requests[0].header.view());
  EXPECT_EQ(header["msg_id"], "new");
  EXPECT_EQ(header["session"], "client");
  EXPECT_EQ(header["date"], "2026-11-20T12:00:05.000000Z");
  // Known at once, before the scheduler has seen it; and seen by it once, not twice.
  EXPECT_EQ(ask("result_request", R"({"msg_ids": ["new"]})", "result_reply")["pending"], Json({"new"}));
  hub.record(TaskSubmitted{requests[0]});
  EXPECT_EQ(hub.pending(), 1u);
  EXPECT_EQ(store.stats().ignored, 0u);
  EXPECT_EQ(store.get(MsgId("a")).value()->resubmitted, MsgId("new"));
  task_done("new", e0);
  EXPECT_EQ(ask("result_request", R"({"msg_ids": ["new"]})", "result_reply")["completed"], Json({"new"}));
}

TEST_F(HubTest, WhatWasTooLargeToKeepIsNotResubmitted) {
  Request large = request("a");
  large.header = Blob::of_static(R"({"msg_id": "a", "msg_type": "apply_request"})");
  large.buffers.clear();
  hub.record(TaskSubmitted{large});
  task_done("a", e0);
  expect_error("resubmit_request", R"({"msg_ids": ["a"]})", "resubmit_reply", "ValueError",
               "too large to have been stored: ['a']; submit the calls again, or raise the database's buffer_limit");
}

TEST_F(HubTest, LargeResultsOfOurCodecArePackedAnewForOthers) {
  Request ours = request("a");
  ours.metadata = Blob::of_static(R"({"codec": "p5/3.11"})");
  hub.record(TaskSubmitted{ours});
  Reply result = reply_to("a", e0);
  result.buffers = {Blob::of_static("main"), Blob::of_static("beside")};
  hub.record(TaskReplied{result}, kNoon);
  ask("result_request", R"({"msg_ids": ["a"], "codecs": ["p5"]})", "result_reply");
  EXPECT_EQ(answer.buffers, result.buffers);
  ask("result_request", R"({"msg_ids": ["a"]})", "result_reply");
  ASSERT_THAT(answer.buffers, SizeIs(1));
  EXPECT_EQ(answer.buffers[0], pickle_with_buffers(result.buffers));
}

TEST_F(HubTest, NoQueryIsSurprisedByContentOfAnyShape) {
  join(e0);
  for (const char* type : {"connection_request", "queue_request", "load_request", "result_request", "history_request",
                           "db_request", "purge_request", "resubmit_request", "shutdown_request"}) {
    for (const char* content : {"null", "[]", "5", "\"x\"", R"({"targets": {}, "msg_ids": {}, "query": 5, "keys": 5})",
                                R"({"targets": [null], "msg_ids": [[]], "query": {"msg_id": {"$in": null}}})",
                                R"({"msg_ids": ["a"], "engine_ids": ["x", -1, 1e300]})", R"({"keys": [null]})"}) {
      const Answer got = settle(hub.answer(type, Json::parse(content)), store);
      const Json json = Json::parse(got.content);
      EXPECT_TRUE(json.contains("status")) << type << content;
      if (json["status"] == "error") {
        EXPECT_TRUE(json["traceback"].is_array());
      }
    }
  }
}

TEST_F(HubTest, WhatADeadEngineLeftUndoneEndsInAnError) {
  join(e0);
  mux("a", e0);
  mux("b", e0);
  task("t");
  dispatch("t", e0);
  beating.clear();
  feed(Unregister{0, {}, GoneReason::unregistered});
  const TimePoint gone = now;
  run_to(gone + 29s);
  EXPECT_EQ(ask("result_request", R"({"msg_ids": ["a"]})", "result_reply")["pending"], Json({"a"}));
  EXPECT_EQ(ask("queue_request", "{}", "queue_reply")["0"], Json::parse(R"({"queue": 2, "tasks": 1, "completed": 0})"));
  run_to(gone + 30s);
  hub.check();
  const Json got = ask("result_request", R"({"msg_ids": ["a", "b", "t"]})", "result_reply");
  EXPECT_EQ(got["pending"], Json({"t"}));  // the scheduler answers for its tasks
  EXPECT_EQ(got["a"]["result_content"]["ename"], "EngineError");
  EXPECT_EQ(got["a"]["result_content"]["evalue"], "Engine 0 died while running task 'a'");
  EXPECT_EQ(got["a"]["result_metadata"], Json::parse(R"({"engine": "e0-uuid", "status": "error"})"));
  EXPECT_EQ(got["a"]["result_header"]["engine"], "e0-uuid");
  EXPECT_TRUE(parse_date(got["a"]["result_header"]["date"].get<std::string>()).has_value());
  mux_done("b", e0);  // it was only slow: the better answer
  EXPECT_EQ(ask("result_request", R"({"msg_ids": ["b"]})", "result_reply")["b"]["result_content"],
            Json::parse(R"({"status": "ok"})"));
}

TEST_F(HubTest, AnEngineThatReturnsInTimeKeepsItsWork) {
  join(e0);
  mux("a", e0);
  beating.clear();
  feed(ConnectionLost{e0});
  run_to(now + 10s);
  EXPECT_EQ(hub.registry().number_of(e0), std::nullopt);
  EXPECT_THAT(feed(Pong{e0, last_ping}), ElementsAre(Action(EngineRegistered{n0, e0, true}), Action(SaveEngines{})));
  beating = {e0};
  run_to(now + 60s);
  EXPECT_EQ(hub.pending(), 1u);
  mux_done("a", e0);
  hub.check();
  EXPECT_EQ(hub.pending(), 0u);
}

TEST_F(HubTest, CommMessagesAreNotRecorded) {
  join(e0);
  Request comm = request("c");
  comm.msg_type = "comm_open";
  hub.record(MuxRequest{e0, comm});
  EXPECT_EQ(hub.pending(), 0u);
  EXPECT_FALSE(known("c"));
}

TEST_F(HubTest, OutputOfUnknownRequestsMakesAStub) {
  iopub("b_e0", "stream", R"({"name": "stdout", "text": "broadcast"})");
  iopub("b_e0", "stream", "not json");
  EXPECT_EQ(store.get(MsgId("b_e0")).value()->out, "broadcast");
  EXPECT_EQ(ask("history_request", "{}", "history_reply")["history"], Json::array());
}

TEST(HubLimits, ACulledRecordOfAPendingTaskStaysAway) {
  MemoryStore store({.records = 1, .bytes = 1000000, .cull_fraction = 0.1});
  DirectSink sink(store);
  Hub hub({}, sink, t0);
  hub.record(TaskSubmitted{request("a")});
  hub.record(TaskSubmitted{request("b")});
  EXPECT_EQ(store.state(MsgId("a")).value(), State::unknown);
  hub.record(IoPub{MsgId("a"), "stream", Blob::of_static(R"({"name": "stdout", "text": "x"})")});
  EXPECT_EQ(store.state(MsgId("a")).value(), State::unknown);
  EXPECT_EQ(Json::parse(settle(hub.answer("result_request", {{"msg_ids", {"a"}}}), store).content)["pending"],
            Json({"a"}));
  hub.record(TaskReplied{reply_to("a", e0)}, kNoon);
  hub.check();
  EXPECT_EQ(hub.pending(), 1u);
  EXPECT_EQ(store.stats().ignored, 2u);
}

TEST(HubWithoutRecords, StatusIsKnownButResultsAreNot) {
  NoneStore store;
  DirectSink sink(store);
  Hub hub({}, sink, t0);
  hub.record(TaskSubmitted{request("a")});
  hub.record(TaskReplied{reply_to("a", e0)}, kNoon);
  const auto ask = [&](const char* type, const Json& content) {
    return Json::parse(settle(hub.answer(type, content), store).content);
  };
  EXPECT_EQ(ask("result_request", {{"msg_ids", {"a"}}, {"status_only", true}})["completed"], Json({"a"}));
  EXPECT_EQ(ask("result_request", {{"msg_ids", {"a"}}})["ename"], "NoData");
  EXPECT_EQ(ask("history_request", {})["ename"], "NoData");
  EXPECT_EQ(ask("db_request", {{"query", Json::object()}})["ename"], "NoData");
  EXPECT_EQ(ask("purge_request", {{"msg_ids", "all"}})["status"], "ok");
  EXPECT_EQ(ask("queue_request", {{"verbose", true}})["status"], "ok");
}

TEST(HubRequests, EngineRequestsAreRead) {
  const ClientId from("id");
  EXPECT_EQ(read_engine_request("registration_request", from, Json::parse(R"({"uuid": "u", "id": 5})")),
            Event(RegistrationRequested{from, EngineId("u"), 5}));
  EXPECT_EQ(read_engine_request("registration_request", from, Json()), Event(RegistrationRequested{from, {}, {}}));
  EXPECT_EQ(read_engine_request("unregistration_request", from, Json::parse(R"({"id": 5})")),
            Event(Unregister{5, {}, GoneReason::unregistered}));
  EXPECT_EQ(read_engine_request("unregistration_request", from, Json::parse(R"({"id": null})")), Event(Unregister{}));
  EXPECT_EQ(read_engine_request("unregistration_request", from, Json::parse(R"({"id": 5, "reason": "its job"})")),
            Event(Unregister{5, {}, GoneReason::unregistered, "its job"}));
  EXPECT_EQ(read_engine_request("queue_request", from, Json()), std::nullopt);
  EXPECT_EQ(notification_content(n1, e1), R"({"id": 1, "uuid": "e1-uuid"})");
}

// Whatever happens in whatever order, the counters agree with the tasks, and nothing stays pending for ever.
TEST(HubProperty, CountersAgreeUnderRandomEvents) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    Rng rng(seed);
    const auto pick = [&](int n) { return static_cast<int>(rng() % static_cast<unsigned>(n)); };
    MemoryStore store({.records = 30, .bytes = 3000, .cull_fraction = 0.1});
    DirectSink sink(store);
    Hub hub({}, sink, t0);
    TimePoint now = t0;
    std::string ping = "1";
    for (int step = 0; step < 500; ++step) {
      now += std::chrono::milliseconds(pick(2000));
      const EngineId engine("e" + std::to_string(pick(5)));
      const std::string id = "m" + std::to_string(pick(60));
      const auto feed = [&](const Event& event) {
        for (const Action& action : hub.handle(event, now, kNoon))
          if (const auto* sent = std::get_if<Ping>(&action)) ping = sent->text;
      };
      switch (pick(10)) {
        case 0:
          feed(RegistrationRequested{ClientId(engine.value), engine, std::nullopt});
          break;
        case 1:
          feed(Pong{engine, ping});
          break;
        case 2:
          feed(Tick{});
          break;
        case 3:
          feed(ConnectionLost{engine});
          break;
        case 4:
          feed(Unregister{std::nullopt, engine, GoneReason::unregistered});
          break;
        case 5:
          hub.record(MuxRequest{engine, request(id)});
          break;
        case 6:
          hub.record(TaskSubmitted{request(id)});
          break;
        case 7:
          hub.record(TaskDispatched{MsgId(id), engine});
          break;
        case 8:
          hub.record(TaskReplied{reply_to(id, engine)}, kNoon);
          break;
        default:
          hub.record(IoPub{MsgId(id), "stream", Blob::of_static(R"({"name": "stdout", "text": "x"})")});
      }
      hub.check();
      store.check();
    }
    for (int i = 0; i < 60; ++i) hub.record(TaskReplied{reply_to("m" + std::to_string(i), {})}, kNoon);
    hub.check();
    EXPECT_EQ(hub.pending(), 0u);
  }
}

}  // namespace
}  // namespace camshaft::hub
