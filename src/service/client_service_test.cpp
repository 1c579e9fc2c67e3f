#include "service/client_service.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <future>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "service/client_fake_controller.hpp"

namespace camshaft::service {
namespace {

using namespace std::chrono_literals;
using client::Channel;
using client::Status;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr Duration kLong = 20s;  // never reached by a test that passes

std::unique_ptr<ClientService> connected_to(const FakeController& controller, ClientOptions options = {}) {
  static const SystemClock clock;
  static NullLog log;
  auto client = ClientService::connect(controller.connection(), clock, log, options);
  if (!client) throw std::runtime_error(client.error().message);
  return std::move(client).value();
}

Submission apply(Channel channel, std::string engine = {}) {
  Submission made;
  made.channel = channel;
  made.msg_type = "apply_request";
  made.engine = std::move(engine);
  return made;
}

std::string evalue(const Request& request) {
  return nlohmann::json::parse(request.reply().content.view()).at("evalue");
}

void ignore(FakeController&, const std::string&, const wire::Message&) {}
void echo(FakeController& controller, const std::string& channel, const wire::Message& request) {
  controller.reply(channel, request, R"({"status": "ok"})", R"({"outputs": 0})", request.parts.buffers);
}

// What a C++ program does: connect, submit, wait, look.
TEST(ClientService, BringsBackWhatAnEngineAnswers) {
  FakeController controller(echo);
  const auto client = connected_to(controller);
  EXPECT_THAT(client->engines(),
              ElementsAre(Pair(EngineNumber{0}, EngineId("engine-a")), Pair(EngineNumber{1}, EngineId("engine-b"))));
  Submission submission = apply(Channel::task);
  submission.buffers = {Blob::of("small"), Blob::of(std::string(1 << 20, 'x'))};
  const auto request = client->submit(submission);
  EXPECT_EQ(request->msg_id(), client->session() + "_" + std::to_string(getpid()) + "_1");
  ASSERT_TRUE(client->wait(std::array{request}, kLong, {.outputs = true}));
  EXPECT_EQ(request->status(), Status::ok);
  EXPECT_THAT(request->reply().buffers, ElementsAre(Blob::of("small"), Blob::of(std::string(1 << 20, 'x'))));
  EXPECT_FALSE(request->reply().date.empty());
  EXPECT_GE(request->received(), request->submitted());
}

TEST(ClientService, AddressesAnEngineByItsUuid) {
  FakeController controller([](FakeController& self, const std::string& channel, const wire::Message& request) {
    self.reply(channel, request,
               nlohmann::json({{"status", "ok"}, {"to", request.parts.identities.at(1).str()}}).dump());
  });
  const auto client = connected_to(controller);
  const auto mux = client->submit(apply(Channel::mux, "engine-b"));
  const auto control = client->submit(apply(Channel::control, "engine-a"));
  ASSERT_TRUE(client->wait(std::array{mux, control}, kLong));
  EXPECT_THAT(mux->reply().content.str(), HasSubstr("engine-b"));
  EXPECT_THAT(control->reply().content.str(), HasSubstr("engine-a"));
}

TEST(ClientService, CollectsOutputUntilIdle) {
  FakeController controller([](FakeController& self, const std::string& channel, const wire::Message& request) {
    const Blob& parent = request.parts.header;
    self.publish("stream", Blob::of(R"({"msg_id": "x", "msg_type": "y", "session": "another"})"),
                 R"({"name": "stdout", "text": "not mine"})");
    self.publish_signed("stream", parent, R"({"name": "stdout", "text": "forged"})",
                        wire::Signer::make("hmac-sha256", "another-key").value());
    self.publish("stream", parent, R"({"name": "stdout", "text": "10%\r"})");
    self.publish("stream", parent, R"({"name": "stdout", "text": "20%\n"})");
    self.reply(channel, request, R"({"status": "ok"})", R"({"engine": "engine-a"})");
    self.publish("display_data", parent, R"({"data": {}})");
    self.publish("status", parent, R"({"execution_state": "idle"})");
  });
  const auto client = connected_to(controller);
  const auto request = client->submit(apply(Channel::mux, "engine-a"));
  ASSERT_TRUE(client->wait(std::array{request}, kLong, {.outputs = true}));
  const auto output = request->output();
  EXPECT_EQ(output.out, "20%\n");
  ASSERT_EQ(output.messages.size(), 1u);
  EXPECT_EQ(output.messages[0].msg_type, "display_data");
}

TEST(ClientService, WaitsForAllOrAny) {
  std::vector<wire::Message> held;
  bool go = false;
  FakeController controller([&](FakeController& self, const std::string& channel, const wire::Message& request) {
    if (channel == "query") go = true;
    (channel == "query" ? echo(self, channel, request) : held.push_back(request));
    if (!go || held.size() < 1000) return;
    for (auto it = held.rbegin(); it != held.rend(); ++it) echo(self, "task", *it);  // the worst order for a wait
  });
  const auto client = connected_to(controller);
  std::vector<RequestPtr> requests;
  for (int i = 0; i < 1000; ++i) requests.push_back(client->submit(apply(Channel::task)));
  EXPECT_FALSE(client->wait(requests, 1ms));
  EXPECT_FALSE(client->wait(requests, 1ms, {.any = true}));
  EXPECT_EQ(client->board().pending(), 1000U);
  std::thread other([&, requests] { EXPECT_TRUE(client->wait(requests, kLong, {.any = true})); });
  requests.push_back(client->submit(apply(Channel::query)));
  EXPECT_TRUE(client->wait(requests, kLong));
  other.join();
  EXPECT_EQ(client->board().pending(), 0U);
  EXPECT_TRUE(std::all_of(requests.begin(), requests.end(), [](const auto& r) { return r->status() == Status::ok; }));
}

TEST(ClientService, ManyThreadsMaySubmitAndWait) {
  FakeController controller(echo);
  const auto client = connected_to(controller);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        std::vector<RequestPtr> requests;
        for (int i = 0; i < 20; ++i) requests.push_back(client->submit(apply(Channel::task)));
        EXPECT_TRUE(client->wait(requests, kLong));
      }
    });
  for (auto& thread : threads) thread.join();
}

TEST(ClientService, TellsAWatcherWhatIsDone) {
  FakeController controller(echo);
  const auto client = connected_to(controller);
  std::set<std::string> expected, seen;
  std::vector<RequestPtr> requests;
  for (int i = 0; i < 50; ++i) {
    requests.push_back(client->submit(apply(Channel::task)));
    client->board().watch(requests.back());
    expected.insert(requests.back()->msg_id());
  }
  while (seen.size() < expected.size()) {
    const auto done = client->board().next_watched(kLong);
    ASSERT_FALSE(done.empty());
    for (const auto& request : done) EXPECT_TRUE(seen.insert(request->msg_id()).second);
  }
  EXPECT_EQ(seen, expected);
}

TEST(ClientService, FollowsEnginesThatComeAndGo) {
  std::promise<void> arrived;
  FakeController controller([&](FakeController&, const std::string&, const wire::Message&) { arrived.set_value(); });
  const auto client = connected_to(controller);
  auto generation = client->board().generation();
  controller.on_thread([&] { controller.notify("registration_notification", R"({"id": 7, "uuid": "engine-c"})"); });
  EXPECT_NE(client->board().wait_generation(generation, kLong), generation);
  EXPECT_EQ(client->engines().count(EngineNumber{7}), 1u);

  const auto request = client->submit(apply(Channel::mux, "engine-c"));
  arrived.get_future().wait();
  controller.on_thread([&] { controller.notify("unregistration_notification", R"({"id": 7, "uuid": "engine-c"})"); });
  ASSERT_TRUE(client->wait(std::array{request}, kLong, {.outputs = true}));
  EXPECT_EQ(request->status(), Status::error);
  EXPECT_THAT(evalue(*request), HasSubstr("7"));
  EXPECT_EQ(client->engines().count(EngineNumber{7}), 0u);

  const auto late = client->submit(apply(Channel::mux, "engine-c"));
  ASSERT_TRUE(client->wait(std::array{late}, kLong));
  EXPECT_THAT(evalue(*late), HasSubstr("engine-c"));
}

TEST(ClientService, AsksAgainForEnginesOnceItsSubscriptionHasArrived) {
  // An engine registers when the client has its answer and its subscription is still on the way.
  FakeController controller([](FakeController& self, const std::string& channel, const wire::Message& request) {
    self.engines[7] = "engine-c";
    self.reply(channel, request, R"({"status": "ok"})");
    self.confirm_news(request);
  });
  const auto client = connected_to(controller);
  const auto generation = client->board().generation();
  client->submit(apply(Channel::query, ""));
  EXPECT_NE(client->board().wait_generation(generation, kLong), generation);
  while (client->engines().count(EngineNumber{7}) == 0)
    client->board().wait_generation(client->board().generation(), 10ms);
  EXPECT_EQ(client->engines().size(), 3u);
}

TEST(ClientService, NewsThatOvertakeAnAnswerStand) {
  FakeController controller([](FakeController& self, const std::string& channel, const wire::Message& request) {
    if (channel == "query") self.confirm_news(request);  // which makes the client ask again
  });
  std::atomic<int> greetings = 0;
  std::promise<void> known;
  controller.on_thread([&] {
    controller.before_greeting = [&] {
      if (++greetings != 2) return;
      controller.engines[7] = "engine-c";
      controller.notify("registration_notification", R"({"id": 7, "uuid": "engine-c"})");
      known.get_future().wait();  // the answer without it leaves later
    };
  });
  const auto client = connected_to(controller);
  client->submit(apply(Channel::query));
  while (client->engines().count(EngineNumber{7}) == 0)
    client->board().wait_generation(client->board().generation(), 10ms);
  const auto request = client->submit(apply(Channel::mux, "engine-c"));
  known.set_value();
  while (greetings < 3) std::this_thread::sleep_for(1ms);
  EXPECT_FALSE(client->wait(std::array{request}, 50ms));  // it was not given up
  EXPECT_EQ(client->engines().size(), 3u);
}

TEST(ClientService, ReleasesLargeBuffersOnceTheyAreSent) {
  FakeController controller(echo);
  const auto client = connected_to(controller);
  auto array = std::make_shared<const std::string>(1 << 20, 'x');
  Submission submission = apply(Channel::task);
  submission.buffers = {{array, std::as_bytes(std::span(array->data(), array->size()))}};
  submission.lease = array;
  array.reset();
  const auto request = client->submit(std::move(submission));
  ASSERT_TRUE(client->wait(std::array{request}, kLong));
  client->close();  // ZeroMQ may let go a little after the reply, but not after its sockets have ended
  EXPECT_TRUE(request->sent());
}

TEST(ClientService, AWrongKeyIsNamedAsTheLikelyCause) {
  FakeController controller(echo);
  auto connection = controller.connection();
  connection.key = "not-the-key";
  const SystemClock clock;
  NullLog log;
  ClientOptions options;
  options.timeout = 300ms;
  const auto client = ClientService::connect(connection, clock, log, options);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Errc::timed_out);
  EXPECT_THAT(client.error().message, HasSubstr("key"));
  EXPECT_THAT(client.error().message, HasSubstr(std::to_string(connection.registration)));
}

TEST(ClientService, AMissingControllerIsNamedWithItsAddress) {
  wire::ClientConnection connection;
  {
    FakeController gone(echo);
    connection = gone.connection();
  }
  const SystemClock clock;
  NullLog log;
  ClientOptions options;
  options.timeout = 200ms;
  const auto client = ClientService::connect(connection, clock, log, options);
  ASSERT_FALSE(client);
  EXPECT_THAT(client.error().message, HasSubstr("Is ipcontroller running"));
}

TEST(ClientService, ClosingFailsWhatIsOutstanding) {
  FakeController controller(ignore);
  const auto client = connected_to(controller);
  const auto before = client->submit(apply(Channel::task));
  client->close();
  client->close();
  const auto after = client->submit(apply(Channel::task));
  ASSERT_TRUE(client->wait(std::array{before, after}, kLong, {.outputs = true}));
  EXPECT_EQ(before->status(), Status::error);
  EXPECT_THAT(evalue(*after), HasSubstr("closed"));
  EXPECT_TRUE(client->closed());
  EXPECT_TRUE(client->board().next_watched(kLong).empty());
}

bool comes_true(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kLong;
  while (!condition() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
  return condition();
}

TEST(ClientService, ABurstLeavesThoughNobodyWaits) {
  FakeController controller(echo);
  const auto client = connected_to(controller);
  std::vector<RequestPtr> requests;
  for (int n = 0; n < 20; ++n) requests.push_back(client->submit(apply(Channel::task)));
  EXPECT_TRUE(comes_true([&] {
    return std::all_of(requests.begin(), requests.end(), [](const RequestPtr& request) { return request->done(); });
  }));
}

TEST(ClientService, WhatWasSubmittedIsSentThoughTheClientIsClosedAtOnce) {
  std::atomic<int> arrived{0};
  FakeController controller([&](FakeController&, const std::string&, const wire::Message&) { ++arrived; });
  const auto client = connected_to(controller);
  for (int n = 0; n < 20; ++n) client->submit(apply(Channel::task));
  client->close();
  EXPECT_TRUE(comes_true([&] { return arrived == 20; }));
}

TEST(ClientService, ClosesWhenTheControllerShutsDown) {
  FakeController controller(ignore);
  const auto client = connected_to(controller);
  const auto request = client->submit(apply(Channel::task));
  controller.on_thread([&] { controller.notify("shutdown_notification", R"({"status": "ok"})"); });
  ASSERT_TRUE(client->wait(std::array{request}, kLong));
  EXPECT_THAT(evalue(*request), HasSubstr("shut down"));
}

TEST(ClientService, ABrokenConnectionFailsItsRequests) {
  std::promise<void> arrived;
  FakeController controller([&](FakeController&, const std::string&, const wire::Message&) { arrived.set_value(); });
  const auto client = connected_to(controller);
  const auto request = client->submit(apply(Channel::task));
  arrived.get_future().wait();
  EXPECT_EQ(client->board().reach(), Reach::here);
  const auto generation = client->board().generation();
  controller.on_thread([&] { controller.drop("task"); });
  EXPECT_NE(client->board().wait_generation(generation, kLong), generation);
  EXPECT_NE(client->board().reach(), Reach::here);
  ASSERT_TRUE(client->wait(std::array{request}, kLong));
  EXPECT_THAT(evalue(*request), HasSubstr("broke"));
}

TEST(ClientService, RequestsOutliveTheirClient) {
  RequestPtr request;
  {
    FakeController controller(echo);
    const auto client = connected_to(controller);
    request = client->submit(apply(Channel::task));
    ASSERT_TRUE(client->wait(std::array{request}, kLong));
  }
  EXPECT_EQ(request->status(), Status::ok);
  EXPECT_FALSE(request->msg_id().empty());
  EXPECT_TRUE(request->output().out.empty());
}

}  // namespace
}  // namespace camshaft::service
