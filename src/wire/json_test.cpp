#include "wire/json.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace camshaft::wire {
namespace {

TEST(Quote, IsReadBackByAParser) {
  std::string all;
  for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
  for (const std::string& text : {std::string(), std::string("plain"), all, std::string("a\"b\\c\n\r\t\0d", 11),
                                  std::string("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80")})
    EXPECT_EQ(nlohmann::json::parse(quote(text)).get<std::string>(), text);
}

TEST(ErrorContent, HasWhatAClientReads) {
  const auto content = nlohmann::json::parse(error_content("EngineError", "engine \"0\"\ndied"));
  EXPECT_EQ(content["status"], "error");
  EXPECT_EQ(content["ename"], "EngineError");
  EXPECT_EQ(content["evalue"], "engine \"0\"\ndied");
  EXPECT_EQ(content["traceback"], nlohmann::json({"EngineError: engine \"0\"\ndied"}));
  EXPECT_EQ(content["engine_info"], nlohmann::json::object());
}

}  // namespace
}  // namespace camshaft::wire
