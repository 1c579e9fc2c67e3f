// What every store that keeps records must do, run over each of them: see testing/store_contract.hpp.
#include "hub/store/testing/store_contract.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "hub/error.hpp"

namespace camshaft::hub {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const WallTime kNoon = *parse_date("2026-11-20T12:00:00Z");

/// A record with something in every field.
TaskRecord full(const std::string& id, WallTime submitted = kNoon) {
  TaskRecord r;
  r.id = MsgId(id);
  r.header = Blob::of(fmt::format(R"({{"msg_id": "{}", "date": "2026-11-20T12:00:00Z"}})", id));
  r.metadata = Blob::of_static(R"({"label": "run 1", "retries": 3})");
  r.content = Blob::of_static(R"({"ä": "\u00e9"})");
  r.buffers = {Blob::of_static(""), Blob::of_static(std::string_view("\0\xff", 2)), Blob::of(std::string(70000, 'b'))};
  r.submitted = submitted;
  r.client = SessionId("client");
  r.engine = EngineId("engine");
  r.queue = Queue::task;
  return r;
}
Finished finished(WallTime completed, Status status = Status::ok) {
  const char* text = status == Status::ok ? "ok" : status == Status::aborted ? "aborted" : "error";
  Finished f;
  f.engine = EngineId("another");
  f.started = completed - 1ms;
  f.completed = completed;
  f.received = completed + 1us;
  f.status = status;
  f.header = Blob::of_static(R"({"msg_type": "apply_reply"})");
  f.metadata = Blob::of(fmt::format(R"({{"status": "{}"}})", text));
  f.content = Blob::of_static(R"({"status": "ok"})");
  f.buffers = {Blob::of_static("result")};
  return f;
}
TEST_P(StoreContract, KeepsEveryFieldAsItWas) {
  TaskRecord a = full("a");
  insert(a);
  EXPECT_EQ(state("a"), State::pending);
  EXPECT_EQ(state("b"), State::unknown);
  EXPECT_EQ(get("a"), a);
  EXPECT_EQ(store->get(MsgId("b")).value(), std::nullopt);
  const std::vector<Change> changes{Dispatched{EngineId("e1")},
                                    Printed{Stream::out, "one "},
                                    Printed{Stream::out, "two"},
                                    Printed{Stream::err, "oh"},
                                    Displayed{Displayed::What::execute_input, Blob::of_static("1+1")},
                                    Displayed{Displayed::What::execute_result, Blob::of_static(R"({"data": {}})")},
                                    Displayed{Displayed::What::error, Blob::of_static(R"({"ename": "E"})")},
                                    finished(kNoon + 2s),
                                    Resubmitted{MsgId("again")}};
  for (const Change& change : changes) {
    update("a", change);
    apply(a, change);
    EXPECT_EQ(get("a"), a);
  }
  EXPECT_EQ(state("a"), State::completed);
  EXPECT_EQ(store->stats().records, 1u);
  EXPECT_EQ(store->stats().ignored, 0u);
}

TEST_P(StoreContract, KeepsSmallRecordsThatHaveEndedAsTheyWere) {
  TaskRecord a = full("a"), b;
  a.buffers = {Blob::of_static("f"), Blob::of_static(""), Blob::of_static(std::string_view("\0\xff", 2))};
  b.id = MsgId("b");
  b.submitted = WallTime{};  // the first there is, and nothing else
  insert(a);
  insert(b);
  Finished bare = finished(kNoon);
  bare.engine = EngineId();
  bare.started = std::nullopt;
  bare.buffers.clear();
  const std::vector<std::pair<std::string, Change>> changes{
      {"a", Displayed{Displayed::What::execute_input, Blob::of_static("")}},
      {"a", finished(kNoon + 2s, Status::error)},
      {"b", bare},
      {"a", Printed{Stream::out, "late"}},
      {"a", Printed{Stream::err, "later"}},
      {"b", Resubmitted{MsgId("again")}},
      {"a", finished(kNoon + 3s)}};
  for (const auto& [id, change] : changes) {
    update(id, change);
    apply(id == "a" ? a : b, change);
    EXPECT_EQ(get("a"), a);
    EXPECT_EQ(get("b"), b);
  }
  EXPECT_EQ(store->select(Filter()).value(), (std::vector{b, a}));
  insert(a);
  EXPECT_EQ(store->stats().ignored, 1u);
  EXPECT_TRUE(store->remove(std::vector{MsgId("a")}));
  EXPECT_EQ(state("a"), State::unknown);
}

TEST_P(StoreContract, ABatchIsAppliedInOrder) {
  std::vector<Write> batch{Insert{full("a")},
                           Update{MsgId("a"), Dispatched{EngineId("e")}},
                           Insert{full("b", kNoon + 1s)},
                           Update{MsgId("a"), finished(kNoon + 2s)},
                           Update{MsgId("a"), Printed{Stream::out, "late"}},
                           Update{MsgId("b"), Dispatched{EngineId("e2")}},
                           Update{MsgId("early"), Printed{Stream::out, "x"}, true},
                           Update{MsgId("nobody"), finished(kNoon)}};
  write(std::move(batch));
  TaskRecord a = full("a"), b = full("b", kNoon + 1s);
  apply(a, finished(kNoon + 2s));
  apply(a, Printed{Stream::out, "late"});
  apply(b, Dispatched{EngineId("e2")});
  EXPECT_EQ(get("a"), a);
  EXPECT_EQ(get("b"), b);
  EXPECT_EQ(get("early").out, "x");
  EXPECT_EQ(state("nobody"), State::unknown);
  EXPECT_EQ(store->stats().ignored, 1u);
}

TEST_P(StoreContract, ASecondRecordOfAnIdIsIgnoredAndCounted) {
  insert(full("a"));
  TaskRecord other = full("a", kNoon + 5s);
  write({Insert{other}, Update{MsgId("a"), finished(kNoon + 9s)}});
  EXPECT_EQ(get("a").submitted, kNoon);
  EXPECT_EQ(state("a"), State::completed);  // what happened to it counts all the same
  update("nobody", finished(kNoon));
  EXPECT_EQ(store->stats().ignored, 2u);
}

TEST_P(StoreContract, OutputMayComeBeforeItsRequest) {
  update("s", Printed{Stream::out, "early"});
  EXPECT_EQ(state("s"), State::unknown);  // nobody asked for a stub
  update("s", Printed{Stream::out, "early"}, true);
  EXPECT_EQ(state("s"), State::pending);
  EXPECT_TRUE(get("s").stub());
  insert(full("a", kNoon + 1s));
  EXPECT_THAT(history(), ElementsAre("a"));
  EXPECT_THAT(ids_of(store->select(Filter()).value()), ElementsAre("a", "s"));
  EXPECT_THAT(ids_of(store->unfinished().value()), ElementsAre("a"));
  insert(full("s"));
  TaskRecord merged = full("s");
  merged.out = "early";
  EXPECT_EQ(get("s"), merged);
  EXPECT_THAT(history(), ElementsAre("s", "a"));
}

TEST_P(StoreContract, HistoryIsByTimeOfSubmission) {
  insert(full("b", kNoon + 2s));
  insert(full("c", kNoon + 3s));
  insert(full("a", kNoon + 1s));
  insert(full("a2", kNoon + 1s));
  EXPECT_THAT(history(), ElementsAre("a", "a2", "b", "c"));
}

TEST_P(StoreContract, UnfinishedTasksComeWithEverything) {
  for (int i = 0; i < 4; ++i) insert(full(fmt::format("m{}", i), kNoon + i * 1s));
  update("m1", finished(kNoon));
  update("m3", finished(kNoon, Status::error));
  EXPECT_EQ(store->unfinished().value(), (std::vector{full("m0"), full("m2", kNoon + 2s)}));
}

TEST_P(StoreContract, RemovesByFilterAndById) {
  for (int i = 1; i <= 4; ++i) insert(full(std::to_string(i), kNoon + i * 1s));
  update("2", finished(kNoon));
  update("4", finished(kNoon));
  const Filter done({{Field::completed, Op::ne, nullptr}});
  EXPECT_THAT(ids_of(store->select(done).value()), ElementsAre("2", "4"));
  EXPECT_TRUE(store->remove(std::vector{MsgId("1"), MsgId("nobody")}));
  EXPECT_TRUE(store->remove(done));
  EXPECT_THAT(history(), ElementsAre("3"));
  EXPECT_TRUE(store->remove(Filter::parse({{"metadata", {{"label", "run 1"}, {"retries", 3}}}}).value_or(Filter())));
  EXPECT_TRUE(store->remove(Filter({{Field::label, Op::eq, "run 1"}})));
  EXPECT_THAT(history(), IsEmpty());
  EXPECT_EQ(store->stats().records, 0u);
}

TEST_P(StoreContract, StatusIsKnownWhereItIsAskedFor) {
  for (const Status status : {Status::ok, Status::error, Status::aborted}) {
    const std::string id = std::to_string(static_cast<int>(status));
    insert(full(id));
    update(id, finished(kNoon, status));
    EXPECT_EQ(get(id.c_str()).status, status);
  }
}

// Every operator, so that it holds for some records and not for others.
TEST_P(StoreContract, EveryOperatorBothWays) {
  const char* labels[] = {R"("alpha")", R"("beta")", "7", "null", R"(["x", "y"])"};
  for (int i = 0; i < 5; ++i) {
    TaskRecord r = full(std::to_string(i), kNoon + i * 1h);
    r.buffers.pop_back();  // the large one: servers read all of a record for each query
    r.metadata = Blob::of(fmt::format(R"({{"label": {}, "n": {}}})", labels[i], i));
    r.engine = i % 2 == 0 ? EngineId("even") : EngineId();
    insert(r);
    if (i > 2) update(std::to_string(i), finished(kNoon + i * 1min));
  }
  using List = std::vector<std::string>;
  const std::vector<std::pair<const char*, List>> cases{
      {R"({})", {"0", "1", "2", "3", "4"}},
      {R"({"msg_id": "3"})", {"3"}},
      {R"({"msg_id": {"$eq": "9"}})", {}},
      {R"({"msg_id": {"$ne": "3"}})", {"0", "1", "2", "4"}},
      {R"({"label": "alpha"})", {"0"}},
      {R"({"label": null})", {"3"}},
      {R"({"label": {"$ne": null}})", {"0", "1", "2", "4"}},
      {R"({"label": {"$ne": "alpha"}})", {"1", "2", "3", "4"}},
      {R"({"label": 7})", {"2"}},
      {R"({"label": ["x", "y"]})", {"4"}},
      {R"({"engine_uuid": null})", {"1"}},
      {R"({"engine_uuid": "even", "label": "alpha"})", {"0"}},
      {R"({"engine_uuid": "even", "label": "beta"})", {}},
      {R"({"submitted": {"$lt": "2026-11-20T13:00:00Z"}})", {"0"}},
      {R"({"submitted": {"$lte": "2026-11-20T13:00:00Z"}})", {"0", "1"}},
      {R"({"submitted": {"$gt": "2026-11-20T15:00:00+01:00"}})", {"3", "4"}},
      {R"({"submitted": {"$gte": "2026-11-20T15:00:00+01:00"}})", {"2", "3", "4"}},
      {R"({"submitted": {"$gte": "2026-11-20T13:00:00Z", "$lt": "2026-11-20T15:00:00Z"}})", {"1", "2"}},
      {R"({"submitted": "2026-11-20T14:00:00Z"})", {"2"}},
      {R"({"submitted": {"$in": ["2026-11-20T14:00:00Z", "2026-11-20T12:00:00.000000Z"]}})", {"0", "2"}},
      {R"({"completed": null})", {"0", "1", "2"}},
      {R"({"completed": {"$ne": null}})", {"3", "4"}},
      {R"({"completed": {"$lt": "2030-01-01T00:00:00Z"}})", {"3", "4"}},
      {R"({"completed": {"$exists": true}})", {"3", "4"}},
      {R"({"completed": {"$exists": false}})", {"0", "1", "2"}},
      {R"({"msg_id": {"$in": ["1", "4", "x"]}})", {"1", "4"}},
      {R"({"msg_id": {"$in": []}})", {}},
      {R"({"msg_id": {"$nin": ["1", "4", "x"]}})", {"0", "2", "3"}},
      {R"({"msg_id": {"$nin": []}})", {"0", "1", "2", "3", "4"}},
      {R"({"engine_uuid": {"$in": [null, "odd"]}})", {"1"}},
      {R"({"engine_uuid": {"$nin": [null]}})", {"0", "2", "3", "4"}},
      {R"({"label": {"$in": ["alpha", 7]}})", {"0", "2"}},
      {R"({"label": {"$lt": "b"}})", {"0"}},
      {R"({"label": {"$gt": 6.5}})", {"2"}},
      {R"({"label": {"$glob": "?e*"}})", {"1"}},
      {R"({"label": {"$glob": "[!b]*"}})", {"0"}},
      {R"({"msg_id": {"$glob": "[1-3]"}})", {"1", "2", "3"}},
      {R"({"label": {"$all": ["alphabet", ["alpha", "z"]]}})", {"0"}},
      {R"({"label": {"$all": [["alpha"], ["z"]]}})", {}},
      {R"({"label": {"$mod": [4, 3]}})", {"2"}},
      {R"({"label": {"$mod": [4, 2]}})", {}},
      {R"({"queue": "task"})", {"0", "1", "2", "3", "4"}},
      {R"({"queue": "mux"})", {}},
      {R"({"stdout": ""})", {"0", "1", "2", "3", "4"}},
      {R"({"result_buffers": null})", {"0", "1", "2"}},
      {R"({"result_header": {"$eq": null}})", {"0", "1", "2"}},
      {R"({"result_content": {"$ne": {"status": "ok"}}})", {"0", "1", "2"}},
  };
  // {"$eq": dictionary} is how a dictionary is asked for; {"status": ...} alone would read as operators.
  for (const auto& [query, expected] : cases) EXPECT_EQ(found(query), expected) << query;
}

// Any filter finds in any store what it finds when records are looked at one by one.
TEST_P(StoreContract, FiltersMeanTheSameEverywhere) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    Rng rng(seed);
    const auto pick = [&](std::size_t n) { return static_cast<std::size_t>(rng() % n); };
    const std::vector<std::string> words{"", "a", "ab", "b", "B", "a*", "ä", "2026-11-20T12:00:00Z", "10", "9"};
    const auto word = [&] { return words[pick(words.size())]; };
    const auto date = [&] { return kNoon + std::chrono::microseconds(pick(4) * 500000); };
    ASSERT_TRUE(store->remove(Filter()));
    std::vector<TaskRecord> all;
    for (int i = 0; i < 40; ++i) {
      TaskRecord r = full(fmt::format("{}{}", word(), i), date());
      r.buffers.pop_back();
      r.metadata = Blob::of(
          json_text(pick(4) == 0 ? Json::object() : Json{{"label", pick(3) == 0 ? Json(pick(3)) : Json(word())}}));
      r.client = SessionId(word());
      r.engine = EngineId(word());
      r.queue = pick(2) == 0 ? Queue::mux : Queue::task;
      r.out = word();
      if (pick(3) == 0) r.execute_input = word();
      if (pick(2) == 0) apply(r, finished(date()));
      all.push_back(r);
      insert(r);
    }
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.submitted < b.submitted; });
    for (int i = 0; i < 200; ++i) {
      Json query = Json::object();
      for (std::size_t tests = 1 + pick(2); tests > 0; --tests) {
        const FieldInfo& field = kFields[pick(kFields.size())];
        const std::string op(kOps[pick(kOps.size())]);
        const auto value = [&]() -> Json {
          if (pick(6) == 0) return nullptr;
          if (field.kind == Kind::date) return format_date(date());
          if (field.kind == Kind::any && pick(3) == 0) return pick(3);
          return field.field == Field::msg_id ? Json(all[pick(all.size())].id.value) : Json(word());
        };
        const bool list = op == "$in" || op == "$nin" || op == "$all" || op == "$mod";
        Json argument = list ? Json::array({value(), value()}) : value();
        if (op == "$mod") argument = {2, 1};
        if (op == "$all") argument = {word(), Json::array({value(), value()})};
        if (op == "$exists") argument = pick(2) == 0;
        query[std::string(field.name)][op] = std::move(argument);
      }
      const auto filter = Filter::parse(query);
      if (!filter) continue;  // an argument of a wrong type
      std::vector<std::string> expected;
      for (const TaskRecord& r : all) {
        if (filter->matches(r)) expected.push_back(r.id.value);
      }
      EXPECT_EQ(ids_of(store->select(*filter).value()), expected) << "seed " << seed << ": " << query;
    }
  }
}

TEST_P(StoreContract, FieldsThatWereNotAskedForMayBeMissingButNoOthers) {
  TaskRecord a = full("a");
  apply(a, finished(kNoon + 2s));
  insert(a);
  for (const FieldInfo& field : kFields) {
    std::vector<TaskRecord> got;
    ASSERT_TRUE(store->visit(Filter(), FieldSet{field.field}, [&](const TaskRecord& r) { got.push_back(r); }));
    ASSERT_THAT(got, SizeIs(1));
    EXPECT_EQ(field_value(got[0], field.field), field_value(a, field.field)) << field.name;
  }
}

}  // namespace
}  // namespace camshaft::hub
