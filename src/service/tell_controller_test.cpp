#include "service/tell_controller.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "service/client_fake_controller.hpp"

namespace camshaft::service {
namespace {

using nlohmann::json;
using testing::IsEmpty;

/// The engines' file of a controller that a test pretends to be.
std::string file_of(const FakeController& controller) {
  wire::EngineConnection connection;
  connection.key = controller.connection().key;
  for (int* port : {&connection.registration, &connection.control, &connection.mux, &connection.task, &connection.iopub,
                    &connection.hb_ping, &connection.hb_pong}) {
    *port = controller.connection().registration;
  }
  connection.broadcast = {connection.registration};
  return wire::render(connection);
}

struct Heard {
  std::vector<std::pair<std::string, json>> messages;
  FakeController controller{[this](FakeController&, const std::string&, const wire::Message& message) {
    messages.emplace_back(message.header.msg_type, json::parse(message.parts.content.view()));
  }};
};

const EngineEnd kEnd{"engine-b", 4711, "exit code 3"};
constexpr Duration kLong = std::chrono::seconds(30);

TEST(TellController, IsOverOnceTheMessageHasArrived) {
  Heard heard;
  heard.controller.original = false;
  EXPECT_EQ(tell_end({file_of(heard.controller)}, kEnd, kLong), Told::told);
  EXPECT_EQ(tell_signal({file_of(heard.controller)}, "7", SIGUSR1, kLong), Told::told);
  heard.controller.on_thread([&] {
    ASSERT_EQ(heard.messages.size(), 2u);
    EXPECT_EQ(heard.messages[0].first, "camshaft_engine_exit");
    EXPECT_EQ(heard.messages[0].second["pid"], 4711);
    EXPECT_EQ(heard.messages[0].second["reason"], "exit code 3");
    EXPECT_EQ(heard.messages[1].first, "camshaft_engine_signal");
    EXPECT_EQ(heard.messages[1].second, (json{{"set", "7"}, {"sig", SIGUSR1}}));
  });
}

TEST(TellController, AnOriginalIsToldNothingAndAnUnknownEngineIsNoNews) {
  Heard heard;
  EXPECT_EQ(tell_end({file_of(heard.controller)}, kEnd, kLong), Told::original);
  heard.controller.original = false;
  EXPECT_EQ(tell_end({file_of(heard.controller)}, {"somebody", 1, ""}, kLong), Told::unknown);
  heard.controller.on_thread([&] { EXPECT_THAT(heard.messages, IsEmpty()); });
}

TEST(TellController, NobodyIsWaitedForForEver) {
  std::string file;
  {
    const Heard gone;
    file = file_of(gone.controller);
  }
  EXPECT_EQ(tell_end({file}, kEnd, std::chrono::milliseconds(50)), Told::nobody);
  EXPECT_EQ(tell_end({"no file"}, kEnd, kLong), Told::nobody);
}

}  // namespace
}  // namespace camshaft::service
