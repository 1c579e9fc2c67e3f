#include "hub/filter.hpp"

#include <gtest/gtest.h>

#include <set>

#include "core/date.hpp"
#include "hub/date.hpp"

namespace camshaft::hub {
namespace {

using Json = nlohmann::json;

TaskRecord sample() {
  TaskRecord record;
  record.id = MsgId("abc_12");
  record.header = Blob::of_static(R"({"msg_type": "apply_request", "date": "2026-11-20T12:00:00+00:00"})");
  record.metadata = Blob::of_static(R"({"label": 7})");
  record.content = Blob::of_static("{}");
  record.submitted = parse_date("2026-11-20T12:00:00.5Z");
  record.engine = EngineId("e-1");
  record.queue = Queue::task;
  record.out = "hello\n";
  return record;
}

bool match(const std::string& query, const TaskRecord& record = sample()) {
  return Filter::parse(Json::parse(query)).value().matches(record);
}

struct OpCase {
  std::string_view op;
  std::string_view query;
  bool matches;
};
std::ostream& operator<<(std::ostream& out, const OpCase& c) { return out << c.query << " -> " << c.matches; }

const OpCase kCases[] = {
    {"$eq", R"({"msg_id": {"$eq": "abc_12"}})", true},
    {"$eq", R"({"msg_id": {"$eq": "abc"}})", false},
    {"$eq", R"({"completed": null})", true},
    {"$eq", R"({"submitted": null})", false},
    {"$eq", R"({"content": {"$eq": {}}})", true},
    {"$eq", R"({"header": {"$eq": {"date": "2026-11-20T13:00:00+01:00", "msg_type": "apply_request"}}})", true},
    {"$eq", R"({"submitted": "2026-11-20T12:00:00.500Z"})", true},
    {"$eq", R"({"submitted": "2026-11-20T12:00:00Z"})", false},
    {"$eq", R"({"buffers": null})", false},
    {"$ne", R"({"completed": {"$ne": null}})", false},
    {"$ne", R"({"submitted": {"$ne": null}})", true},
    {"$ne", R"({"engine_uuid": {"$ne": "e-2"}})", true},
    {"$ne", R"({"engine_uuid": {"$ne": "e-1"}})", false},
    {"$ne", R"({"resubmitted": {"$ne": "x"}})", true},
    {"$lt", R"({"submitted": {"$lt": "2026-11-20T12:00:01Z"}})", true},
    {"$lt", R"({"submitted": {"$lt": "2026-11-20T12:00:00.5Z"}})", false},
    {"$lt", R"({"submitted": {"$lt": "2026-11-20T12:00:00Z"}})", false},
    {"$lt", R"({"completed": {"$lt": "2030-01-01T00:00:00Z"}})", false},
    {"$lte", R"({"submitted": {"$lte": "2026-11-20T12:00:00.5Z"}})", true},
    {"$lte", R"({"submitted": {"$lte": "2026-11-20T12:00:00Z"}})", false},
    {"$gt", R"({"submitted": {"$gt": "2026-11-20T12:00:00Z"}})", true},
    {"$gt", R"({"submitted": {"$gt": "2026-11-20T12:00:00.5Z"}})", false},
    {"$gt", R"({"submitted": {"$gt": "2026-11-20T12:00:01Z"}})", false},
    {"$gt", R"({"label": {"$gt": 6.5}})", true},
    {"$gt", R"({"label": {"$gt": "6"}})", false},
    {"$gte", R"({"submitted": {"$gte": "2026-11-20T14:00:00.5+02:00"}})", true},
    {"$gte", R"({"submitted": {"$gte": "2026-11-20T12:00:01Z"}})", false},
    {"$in", R"({"msg_id": {"$in": ["x", "abc_12"]}})", true},
    {"$in", R"({"msg_id": {"$in": []}})", false},
    {"$in", R"({"completed": {"$in": [null]}})", true},
    {"$in", R"({"submitted": {"$in": ["2026-11-20T12:00:00.5+00:00"]}})", true},
    {"$nin", R"({"msg_id": {"$nin": ["x"]}})", true},
    {"$nin", R"({"msg_id": {"$nin": ["x", "abc_12"]}})", false},
    {"$all", R"({"label": {"$all": [[7, 8], [1, 7]]}})", true},
    {"$all", R"({"label": {"$all": [[7, 8], [1]]}})", false},
    {"$all", R"({"queue": {"$all": ["the task", "tasks", {"task": 1}]}})", true},
    {"$all", R"({"queue": {"$all": ["the task", {"mux": 1}]}})", false},
    {"$mod", R"({"label": {"$mod": [4, 3]}})", true},
    {"$mod", R"({"label": {"$mod": [4, 0]}})", false},
    {"$mod", R"({"label": {"$mod": [-4, -1]}})", true},
    {"$mod", R"({"label": {"$mod": [-1, 0]}})", true},
    {"$mod", R"({"label": {"$mod": [2.5, 2.0]}})", true},
    {"$exists", R"({"completed": {"$exists": false}})", true},
    {"$exists", R"({"completed": {"$exists": true}})", false},
    {"$exists", R"({"stdout": {"$exists": 1}})", true},
    {"$exists", R"({"stdout": {"$exists": null}})", false},
    {"$exists", R"({"result_buffers": {"$exists": false}})", true},
    {"$glob", R"({"msg_id": {"$glob": "abc_*"}})", true},
    {"$glob", R"({"msg_id": {"$glob": "abc"}})", false},
    {"$glob", R"({"resubmitted": {"$glob": "*"}})", false},
    {"$eq", "{}", true},
    {"$eq", "null", true},
    {"$eq", R"({"msg_id": {}})", true},
    {"$eq", R"({"msg_id": "abc_12", "queue": "task"})", true},  // several equalities, each with its own value
    {"$eq", R"({"msg_id": "abc_12", "queue": "mux"})", false},
    {"$gt", R"({"submitted": {"$gt": "2026-11-20T11:00:00Z", "$lt": "2026-11-20T13:00:00Z"}})", true},
    {"$gt", R"({"submitted": {"$gt": "2026-11-20T11:00:00Z", "$lt": "2026-11-20T12:00:00Z"}})", false},
};

class FilterOps : public testing::TestWithParam<OpCase> {};
TEST_P(FilterOps, Matches) { EXPECT_EQ(match(std::string(GetParam().query)), GetParam().matches); }
INSTANTIATE_TEST_SUITE_P(All, FilterOps, testing::ValuesIn(kCases));

TEST(FilterTable, EachOperatorIsTestedBothWays) {
  for (const std::string_view op : kOps) {
    std::set<bool> seen;
    for (const OpCase& c : kCases)
      if (c.op == op) seen.insert(c.matches);
    EXPECT_EQ(seen.size(), 2u) << op;
  }
}

TEST(Filter, RefusesWhatMakesNoSense) {
  struct Case {
    std::string_view query;
    Errc code;
  };
  for (const Case& c : {Case{R"({"nonsense": 1})", Errc::not_found},
                        {R"({"msg_id": {"$like": "x"}})", Errc::not_found},
                        {R"({"msg_id": {"x": 1}})", Errc::not_found},
                        {"[1]", Errc::bad_value},
                        {R"({"submitted": {"$lt": "yesterday"}})", Errc::bad_value},
                        {R"({"submitted": {"$gt": null}})", Errc::bad_value},
                        {R"({"submitted": 5})", Errc::bad_value},
                        {R"({"msg_id": {"$lt": 5}})", Errc::bad_value},
                        {R"({"header": {"$lt": {}}})", Errc::bad_value},
                        {R"({"msg_id": {"$in": "abc"}})", Errc::bad_value},
                        {R"({"label": {"$all": [1]}})", Errc::bad_value},
                        {R"({"label": {"$mod": [0, 1]}})", Errc::bad_value},
                        {R"({"label": {"$mod": [1]}})", Errc::bad_value},
                        {R"({"msg_id": {"$mod": [2, 1]}})", Errc::bad_value},
                        {R"({"msg_id": {"$glob": 1}})", Errc::bad_value},
                        {R"({"buffers": {"$in": []}})", Errc::bad_value}}) {
    const auto filter = Filter::parse(Json::parse(c.query));
    ASSERT_FALSE(filter.has_value()) << c.query;
    EXPECT_EQ(filter.error().code, c.code) << c.query;
  }
}

TEST(Filter, TextFieldsThatLookLikeDatesMatchThemselves) {
  TaskRecord record = sample();
  record.execute_input = "2026-11-20T12:00:00Z";
  EXPECT_TRUE(match(R"({"execute_input": "2026-11-20T12:00:00Z"})", record));
}

TEST(Filter, ALabelMayBeAnythingOrNothing) {
  TaskRecord record = sample();
  EXPECT_TRUE(match(R"({"label": 7})", record));
  record.metadata = Blob::of_static(R"({"label": {"run": 1}})");
  EXPECT_TRUE(match(R"({"label": {"$eq": {"run": 1}}})", record));
  record.metadata = Blob::of_static("{}");
  EXPECT_TRUE(match(R"({"label": null})", record));
  record.metadata = Blob::of_static("not json");
  EXPECT_TRUE(match(R"({"label": null})", record));
}

struct GlobCase {
  std::string_view pattern, text;
  bool matches;
};
class Glob : public testing::TestWithParam<GlobCase> {};
TEST_P(Glob, Matches) { EXPECT_EQ(glob_matches(GetParam().pattern, GetParam().text), GetParam().matches); }
INSTANTIATE_TEST_SUITE_P(
    All, Glob,
    testing::Values(GlobCase{"", "", true}, GlobCase{"", "a", false}, GlobCase{"*", "", true},
                    GlobCase{"*", "abc", true}, GlobCase{"a?c", "abc", true}, GlobCase{"a?c", "ac", false},
                    GlobCase{"?", "", false}, GlobCase{"*b*d", "abcbd", true}, GlobCase{"*b*d", "abcbe", false},
                    GlobCase{"a*b", "ac", false}, GlobCase{"[abc]x", "bx", true}, GlobCase{"[abc]x", "dx", false},
                    GlobCase{"[a-c]", "b", true}, GlobCase{"[a-c]", "d", false}, GlobCase{"[!a-c]", "d", true},
                    GlobCase{"[!a-c]", "b", false}, GlobCase{"[]]", "]", true}, GlobCase{"[!]]", "]", false},
                    GlobCase{"[a-]", "-", true}, GlobCase{"[ab", "[ab", true}, GlobCase{"[ab", "a", false},
                    GlobCase{"A", "a", false}, GlobCase{"*[0-9]", "x1y2", true}, GlobCase{"a.c", "abc", false}));

}  // namespace
}  // namespace camshaft::hub
