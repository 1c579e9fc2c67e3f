#include "service/task_bodies.hpp"

#include <gtest/gtest.h>

namespace camshaft::service {
namespace {

const Blob kFunction = Blob::of(std::string(10'000, 'f')), kOther = Blob::of(std::string(10'000, 'g'));
const ClientId kClient("client"), kNeighbour("neighbour");
const EngineId kEngine("engine");

wire::Message task(const std::string& id, const std::string& named, Blob function, const ClientId& client = kClient) {
  wire::Message made;
  made.header.msg_id = MsgId(id);
  made.header.msg_type = "apply_request";
  made.parts.identities = {Blob::of(client.value)};
  made.parts.metadata = Blob::of(named.empty() ? "{}" : wire::with_body("{}", named));
  made.parts.buffers = {std::move(function), Blob::of("arguments")};
  return made;
}

wire::Message here(const std::string& digest, std::vector<Blob> buffers) {
  wire::Message made = task("answer", digest, {});
  made.header.msg_type = wire::kBodyHere;
  made.parts.buffers = std::move(buffers);
  return made;
}

std::vector<std::string> ids(const std::vector<wire::Message>& messages) {
  std::vector<std::string> found;
  for (const auto& message : messages) found.push_back(message.header.msg_id.value);
  return found;
}

using Ids = std::vector<std::string>;

struct TaskBodiesTest : testing::Test {
  std::vector<std::pair<ClientId, std::string>> asked;
  TaskBodies bodies{[this](const ClientId& client, const std::string& digest) { asked.emplace_back(client, digest); }};
  const std::string function = wire::digest_of(kFunction), other = wire::digest_of(kOther);
};

TEST_F(TaskBodiesTest, WhatIsSmallOrHasNoBuffersPasses) {
  EXPECT_FALSE(bodies.concerns(task("a", "", Blob::of("small"))));
  wire::Message none = task("a", "", {});
  none.parts.buffers.clear();
  EXPECT_FALSE(bodies.concerns(none));
  EXPECT_EQ(ids(bodies.take(task("b", "", Blob{})).tasks), Ids{"b"});  // empty because its sender wanted it so
  EXPECT_TRUE(asked.empty());
}

TEST_F(TaskBodiesTest, TasksAreMadeWhole) {
  ASSERT_TRUE(bodies.concerns(task("a", function, kFunction)));
  EXPECT_EQ(ids(bodies.take(task("a", function, kFunction)).tasks), Ids{"a"});
  for (const ClientId& client : {kClient, kNeighbour}) {
    const auto ready = bodies.take(task("b", function, Blob{}, client));
    ASSERT_EQ(ids(ready.tasks), Ids{"b"});
    EXPECT_EQ(ready.tasks[0].parts.buffers[0], kFunction);
    EXPECT_EQ(ready.tasks[0].parts.buffers[1].view(), "arguments");
  }
}

TEST_F(TaskBodiesTest, AMissingBodyIsAskedForAndNobodyOvertakes) {
  EXPECT_TRUE(bodies.take(task("a", function, Blob{})).tasks.empty());
  EXPECT_TRUE(bodies.take(task("b", "", Blob::of("small"))).tasks.empty());
  EXPECT_TRUE(bodies.take(task("c", other, Blob{})).tasks.empty());
  EXPECT_EQ(asked, (std::vector{std::pair(kClient, function)}));
  EXPECT_EQ(ids(bodies.take(task("d", "", Blob::of("small"), kNeighbour)).tasks), Ids{"d"});
  EXPECT_EQ(ids(bodies.take(here(function, {kFunction})).tasks), (Ids{"a", "b"}));
  EXPECT_EQ(asked.back(), std::pair(kClient, other));
  EXPECT_TRUE(bodies.take(here(function, {kFunction})).tasks.empty());
  EXPECT_EQ(ids(bodies.take(here(other, {kOther})).tasks), Ids{"c"});
  EXPECT_FALSE(bodies.concerns(task("e", "", Blob::of("small"))));
}

TEST_F(TaskBodiesTest, AClientThatHasNotGotItLosesThatTaskAlone) {
  bodies.take(task("a", function, Blob{}));
  bodies.take(task("b", "", Blob::of("small")));
  const auto ready = bodies.take(here(function, {}));
  EXPECT_EQ(ids(ready.lost), Ids{"a"});
  EXPECT_EQ(ids(ready.tasks), Ids{"b"});
}

TEST_F(TaskBodiesTest, ATaskSentAgainWithItsBodyFreesThoseThatWait) {
  bodies.take(task("a", function, Blob{}));
  EXPECT_EQ(ids(bodies.take(task("a", function, kFunction)).tasks), (Ids{"a", "a"}));
}

TEST_F(TaskBodiesTest, AWrongNameIsNotBelieved) {
  EXPECT_EQ(ids(bodies.take(task("a", other, kFunction)).tasks), Ids{"a"});
  EXPECT_TRUE(bodies.take(task("b", other, Blob{})).tasks.empty());
  EXPECT_EQ(asked, (std::vector{std::pair(kClient, other)}));
  const auto ready = bodies.take(here(other, {kFunction}));
  EXPECT_EQ(ids(ready.lost), Ids{"b"});
}

TEST_F(TaskBodiesTest, AnEngineGetsABodyOnce) {
  const wire::Message whole = task("a", function, kFunction);
  const auto sent = [&] {
    wire::Parts parts = whole.parts;
    bodies.shorten(kEngine, parts);
    return parts.buffers[0];
  };
  EXPECT_EQ(sent(), kFunction);  // not known to read them
  EXPECT_EQ(sent(), kFunction);
  bodies.engine_joined(kEngine, true);
  EXPECT_EQ(sent(), kFunction);
  EXPECT_TRUE(sent().empty());
  bodies.engine_lacks(kEngine);
  EXPECT_EQ(sent(), kFunction);
  EXPECT_TRUE(sent().empty());
  bodies.engine_joined(kEngine, true);  // another process, perhaps
  EXPECT_EQ(sent(), kFunction);
  bodies.engine_left(kEngine);
  EXPECT_EQ(sent(), kFunction);
  EXPECT_EQ(sent(), kFunction);
}

TEST_F(TaskBodiesTest, TasksWithoutANameAndSmallOnesStayWhole) {
  bodies.engine_joined(kEngine, true);
  for (const wire::Message& message : {task("a", "", kFunction), task("b", function, Blob::of("small"))}) {
    for (int i = 0; i < 2; ++i) {
      wire::Parts parts = message.parts;
      bodies.shorten(kEngine, parts);
      EXPECT_EQ(parts, message.parts);
    }
  }
}

}  // namespace
}  // namespace camshaft::service
