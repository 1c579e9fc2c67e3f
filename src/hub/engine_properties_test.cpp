#include "hub/engine_properties.hpp"

#include <gtest/gtest.h>

namespace camshaft::hub {
namespace {

using Json = nlohmann::json;
const EngineId e0("e0"), e1("e1");

TEST(EngineProperties, S3_73_KeepsWhatAnEngineDeclaresAndWhatIsChanged) {
  EngineProperties properties;
  EXPECT_TRUE(properties.declare(e0, Json{{"cores", 4}, {"rack", 1}}));
  EXPECT_TRUE(properties.change(e0, Json{{"rack", 2}, {"cores", nullptr}, {"gpu", Json{{"name", "x"}}}}));
  EXPECT_EQ(properties.of(e0), (Json{{"rack", 2}, {"gpu", {{"name", "x"}}}}));
  EXPECT_EQ(properties.of(e1), Json::object());
}

TEST(EngineProperties, AnEngineThatSaysNothingKeepsWhatItHas) {
  EngineProperties properties;
  properties.change(e0, Json{{"rack", 2}});
  EXPECT_FALSE(properties.declare(e0, nullptr));
  EXPECT_EQ(properties.of(e0), (Json{{"rack", 2}}));
  properties.forget(e0);
  EXPECT_EQ(properties.of(e0), Json::object());
}

TEST(EngineProperties, TheVersionGrowsWithWhatIsDifferent) {
  EngineProperties properties;
  EXPECT_TRUE(properties.declare(e0, Json{{"cores", 4}}));
  const auto version = properties.version();
  EXPECT_FALSE(properties.declare(e0, Json{{"cores", 4}}));
  EXPECT_FALSE(properties.change(e0, Json{{"none", nullptr}}));
  EXPECT_FALSE(properties.change(e0, Json::array({1})));
  EXPECT_EQ(properties.version(), version);
  EXPECT_TRUE(properties.change(e0, Json{{"cores", 5}}));
  EXPECT_GT(properties.version(), version);
}

}  // namespace
}  // namespace camshaft::hub
