#include "hub/error.hpp"

#include <gtest/gtest.h>

namespace camshaft::hub {
namespace {

TEST(HubError, QuotesAsPythonDoes) {
  EXPECT_EQ(py_repr("a"), "'a'");
  EXPECT_EQ(py_repr("it's"), "\"it's\"");
  EXPECT_EQ(py_repr("it's \"b\""), "'it\\'s \"b\"'");
  EXPECT_EQ(py_repr("a\\b\n\x01"), "'a\\\\b\\n\\x01'");
}

TEST(HubError, NamesTheClassesThatUsersKnow) {
  EXPECT_EQ(py_error({Errc::not_found, "x"}), (PyError{"KeyError", "'x'"}));
  EXPECT_EQ(py_error({Errc::unavailable, "x"}), (PyError{"NoData", "'x'"}));
  EXPECT_EQ(py_error({Errc::bad_value, "x"}), (PyError{"TypeError", "x"}));
  EXPECT_EQ(py_error({Errc::timed_out, "x"}), (PyError{"RuntimeError", "x"}));
}

TEST(HubError, ContentHasEveryKeyThatClientsRead) {
  EXPECT_EQ(error_content({"KeyError", "'x'"}), nlohmann::json::parse(R"({"status": "error", "ename": "KeyError",
    "evalue": "'x'", "traceback": ["controller: KeyError: 'x'"], "engine_info": {}})"));
}

TEST(HubError, TextThatIsNotUtf8DoesNotThrow) { EXPECT_EQ(json_text("a\xff"), "\"a\xEF\xBF\xBD\""); }

}  // namespace
}  // namespace camshaft::hub
