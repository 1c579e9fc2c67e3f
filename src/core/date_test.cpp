#include "core/date.hpp"

#include <gtest/gtest.h>

namespace camshaft {
namespace {

using std::chrono::microseconds;

WallTime at(std::int64_t micros) { return WallTime(microseconds(micros)); }

// Values from Python: datetime.fromisoformat(text).timestamp() * 1e6.
struct DateCase {
  const char* text;
  std::int64_t micros;
};
class Read : public testing::TestWithParam<DateCase> {};
TEST_P(Read, AsPythonDoes) {
  const auto time = parse_date(GetParam().text);
  ASSERT_TRUE(time) << GetParam().text;
  EXPECT_EQ(time->time_since_epoch().count(), GetParam().micros) << GetParam().text;
}
INSTANTIATE_TEST_SUITE_P(All, Read,
                         testing::Values(DateCase{"1970-01-01T00:00:00Z", 0},  //
                                         DateCase{"1969-12-31T23:59:59.999999Z", -1},
                                         DateCase{"2026-11-20T10:24:07.740343Z", 1795170247740343},
                                         DateCase{"2026-11-20T10:24:07.740343", 1795170247740343},
                                         DateCase{"2026-11-20T12:24:07.740343+02:00", 1795170247740343},
                                         DateCase{"2026-11-20T04:54:07.740343-0530", 1795170247740343},
                                         DateCase{"2026-11-20T10:24:07Z", 1795170247000000},
                                         DateCase{"2026-11-20T10:24:07.7Z", 1795170247700000},
                                         DateCase{"2026-11-20T10:24:07.000006+00:00", 1795170247000006},
                                         DateCase{"2024-02-29T00:00:00Z", 1709164800000000},
                                         DateCase{"0001-01-01T00:00:00Z", -62135596800000000},
                                         DateCase{"9999-12-31T23:59:59.999999Z", 253402300799999999}));

class NotADate : public testing::TestWithParam<const char*> {};
TEST_P(NotADate, IsNotRead) { EXPECT_FALSE(parse_date(GetParam())) << GetParam(); }
INSTANTIATE_TEST_SUITE_P(
    All, NotADate,
    testing::Values("", "now", "2026-11-20", "2026-11-20 10:24:07", "2026-11-20T10:24", "2026-11-20T10:24:07.",
                    "2026-11-20T10:24:07.1234567Z", "2026-11-20T10:24:07.740343z", "2026-11-20T10:24:07ZZ",
                    "2026-11-20T10:24:07+2:00", "2026-11-20T10:24:07+02:0", "2026-11-20T10:24:07+02:000",
                    "2026-11-20T10:24:07+24:00", "2026-11-20T10:24:07+02:60", "2026-13-20T10:24:07Z",
                    "2026-00-20T10:24:07Z", "2026-02-29T10:24:07Z", "2026-11-31T10:24:07Z", "2026-11-20T24:00:00Z",
                    "2026-11-20T10:60:07Z", "2026-11-20T10:24:60Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00",
                    "9999-12-31T23:59:59-00:01", "-026-11-20T10:24:07Z", "2026-11-20T10:24:07Z ",
                    " 2026-11-20T10:24:07Z", "+026-11-20T10:24:07Z"));

TEST(FormatDate, LeavesOutAnEmptyFraction) {
  EXPECT_EQ(format_date(at(1795170247740343)), "2026-11-20T10:24:07.740343Z");
  EXPECT_EQ(format_date(at(1795170247000006)), "2026-11-20T10:24:07.000006Z");
  EXPECT_EQ(format_date(at(1795170247000000)), "2026-11-20T10:24:07Z");
  EXPECT_EQ(format_date(at(0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_date(at(-1)), "1969-12-31T23:59:59.999999Z");
}

TEST(FormatDate, IsReadBackAsTheSameTime) {
  for (std::int64_t micros = -62135596800000000; micros <= 253402300799999999; micros += 99999999999977) {
    const auto back = parse_date(format_date(at(micros)));
    ASSERT_TRUE(back);
    ASSERT_EQ(back->time_since_epoch().count(), micros);
  }
}

TEST(Write, SortableDatesHaveSixDigitsAlways) {
  EXPECT_EQ(format_sortable_date(at(0)), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(format_sortable_date(at(1795170247740343)), "2026-11-20T10:24:07.740343Z");
}

}  // namespace
}  // namespace camshaft
