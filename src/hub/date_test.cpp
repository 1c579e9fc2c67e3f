#include "hub/date.hpp"

#include <gtest/gtest.h>

namespace camshaft::hub {
namespace {

using namespace std::chrono_literals;

const WallTime kNoon = WallTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 20)) + 12h;

TEST(HubDate, WritesSixDigits) {
  EXPECT_EQ(date_text(kNoon), "2026-11-20T12:00:00.000000Z");
  EXPECT_EQ(date_text(kNoon + 7s + 740343us), "2026-11-20T12:00:07.740343Z");
}

struct DateCase {
  std::string_view text;
  std::optional<WallTime> time;
};
class HubDates : public testing::TestWithParam<DateCase> {};
TEST_P(HubDates, Reads) { EXPECT_EQ(read_date(GetParam().text), GetParam().time); }
INSTANTIATE_TEST_SUITE_P(
    All, HubDates,
    testing::Values(DateCase{"2026-11-20T12:00:00Z", kNoon}, DateCase{"2026-11-20T12:00:00", kNoon},
                    DateCase{"2026-11-20T12:00:00.5Z", kNoon + 500ms},
                    DateCase{"2026-11-20T12:00:00.000001+00:00", kNoon + 1us},
                    DateCase{"2026-11-20T14:00:00+02:00", kNoon}, DateCase{"2026-11-20T06:30:00-0530", kNoon},
                    DateCase{"2026-11-20T12:00:00.1234567Z", std::nullopt},
                    DateCase{"2026-11-20T12:00:00.Z", std::nullopt}, DateCase{"2026-02-30T12:00:00Z", std::nullopt},
                    DateCase{"2026-11-20T25:00:00Z", std::nullopt}, DateCase{"2026-11-20 12:00:00Z", std::nullopt},
                    DateCase{"2026-11-20T12:00:00Z ", std::nullopt}, DateCase{"2026-11-20T12:00:00+1", std::nullopt},
                    DateCase{"", std::nullopt}));

TEST(HubDate, UnifiesNestedDatesAndNothingElse) {
  auto value = nlohmann::json::parse(R"({"a": ["2026-11-20T14:00:00+02:00", "x", 3], "b": "2026"})");
  unify_dates(value);
  EXPECT_EQ(value, nlohmann::json::parse(R"({"a": ["2026-11-20T12:00:00.000000Z", "x", 3], "b": "2026"})"));
}

}  // namespace
}  // namespace camshaft::hub
