#include "service/engine_keeper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <vector>

#include "service/client_fake_controller.hpp"

namespace camshaft::service {
namespace {

using nlohmann::json;
using testing::HasSubstr;
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

EngineEnd end_of(const std::string& connection, const std::string& uuid) {
  EngineEnd end;
  end.connection = connection;
  end.uuid = uuid;
  end.pid = 4711;
  end.how = "exit code 3";
  return end;
}

TEST(EngineKeeper, SaysInWordsHowAnEngineEnded) {
  const EngineKeeper keeper(0);
  EXPECT_EQ(keeper.how({3, 0}), "exit code 3");
  EXPECT_THAT(keeper.how({0, SIGKILL}), HasSubstr("killed by signal 9 (Killed)"));
}

TEST(EngineKeeper, StartsAnEngineAgainAsOftenAsItMay) {
  EngineKeeper never(0);
  never.started();
  EXPECT_EQ(never.again(), std::nullopt);
  EngineKeeper twice(2);
  twice.started();
  EXPECT_EQ(twice.again(), Duration::zero());
  twice.started();
  EXPECT_GT(twice.again().value(), Duration::zero());
  EXPECT_EQ(twice.again(), std::nullopt);
}

TEST(EngineKeeper, TellsTheControllerOnceItIsSureThatTheMessageHasArrived) {
  Heard heard;
  heard.controller.original = false;
  EXPECT_EQ(tell_end(end_of(file_of(heard.controller), "engine-b"), std::chrono::seconds(30)), Told::listed);
  heard.controller.on_thread([] {});
  ASSERT_EQ(heard.messages.size(), 1u);
  EXPECT_EQ(heard.messages[0].first, "camshaft_engine_exit");
  EXPECT_EQ(heard.messages[0].second["pid"], 4711);
  EXPECT_EQ(heard.messages[0].second["reason"], "exit code 3");
}

TEST(EngineKeeper, AnOriginalIsToldNothingAndAnUnknownEngineIsNoNews) {
  Heard heard;
  EXPECT_EQ(tell_end(end_of(file_of(heard.controller), "engine-b"), std::chrono::seconds(30)), Told::listed);
  heard.controller.original = false;
  EXPECT_EQ(tell_end(end_of(file_of(heard.controller), "somebody"), std::chrono::seconds(30)), Told::unknown);
  heard.controller.on_thread([&] { EXPECT_THAT(heard.messages, IsEmpty()); });
}

TEST(EngineKeeper, NobodyIsWaitedForForEver) {
  std::string file;
  {
    const Heard gone;
    file = file_of(gone.controller);
  }
  EXPECT_EQ(tell_end(end_of(file, "engine-b"), std::chrono::milliseconds(50)), Told::nobody);
  EXPECT_EQ(tell_end(end_of("no file", "engine-b"), std::chrono::seconds(30)), Told::nobody);
}

}  // namespace
}  // namespace camshaft::service
