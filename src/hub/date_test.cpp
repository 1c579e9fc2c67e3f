#include "hub/date.hpp"

#include <gtest/gtest.h>

namespace camshaft::hub {
namespace {

TEST(HubDate, UnifiesNestedDatesAndNothingElse) {
  auto value = nlohmann::json::parse(R"({"a": ["2026-11-20T14:00:00+02:00", "x", 3], "b": "2026"})");
  unify_dates(value);
  EXPECT_EQ(value, nlohmann::json::parse(R"({"a": ["2026-11-20T12:00:00.000000Z", "x", 3], "b": "2026"})"));
}

}  // namespace
}  // namespace camshaft::hub
