#include "net/curve.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "net/socket.hpp"

namespace camshaft::net {
namespace {

using namespace std::chrono_literals;

TEST(Curve, ASecretKeyKnowsItsPublicOne) {
  const auto keys = new_curve_keys();
  ASSERT_TRUE(keys) << keys.error().message;
  EXPECT_EQ(curve_keys_of(keys->secret_key).value(), *keys);
  EXPECT_EQ(curve_of_server(*keys).server_key, keys->public_key);
  EXPECT_THAT(curve_keys_of("short").error().message, testing::HasSubstr("40 characters"));
  EXPECT_THAT(curve_of_client(std::string(40, ' ')).error().message, testing::HasSubstr("public key"));
}

/// What a dealer of `context` says to `server`, if it comes within half a second.
std::optional<std::string> say(Context& context, Socket& server) {
  Socket client(context, {.type = SocketType::dealer, .connect = {"tcp://127.0.0.1:" + std::to_string(server.port())}});
  client.send({Blob::of_static("hello")});
  for (int i = 0; i < 250; ++i, std::this_thread::sleep_for(2ms))
    if (auto frames = server.receive()) return frames->back().str();
  return std::nullopt;
}

TEST(Curve, OnlyWhoKnowsTheServersKeyIsHeard) {
  const CurveKeys keys = new_curve_keys().value();
  Context ours, knows, guesses, plain;
  ours.encrypt(curve_of_server(keys));
  knows.encrypt(curve_of_client(keys.public_key).value());
  guesses.encrypt(curve_of_client(new_curve_keys()->public_key).value());
  Socket server(ours, {.type = SocketType::router, .bind = {"tcp://127.0.0.1:*"}});
  EXPECT_EQ(say(knows, server), "hello");
  EXPECT_EQ(say(ours, server), "hello");
  EXPECT_EQ(say(guesses, server), std::nullopt);
  EXPECT_EQ(say(plain, server), std::nullopt);
}

}  // namespace
}  // namespace camshaft::net
