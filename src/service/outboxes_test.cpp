#include "service/outboxes.hpp"

#include <gtest/gtest.h>

namespace camshaft::service {
namespace {

struct OutboxesTest : testing::Test {
  wire::Signer signer = wire::Signer::make("hmac-sha256", "key").value();
  std::vector<std::pair<std::string, wire::Message>> sent;
  Outboxes outboxes{{[] { return Blob::of_static(R"({"msg_id":"e","msg_type":"batch_request"})"); },
                     [this]() -> const wire::Signer& { return signer; },
                     [this](const std::string& peer, Frames frames) {
                       auto message = wire::decode(std::move(frames), signer);
                       ASSERT_TRUE(message) << message.error().message;
                       EXPECT_EQ(message->parts.identities.at(0).view(), peer);
                       sent.emplace_back(peer, std::move(*message));
                     }}};

  static wire::Parts message(const std::string& id, std::size_t size = 1) {
    wire::Parts parts;
    parts.header = Blob::of(R"({"msg_id":")" + id + R"(","msg_type":"apply_request"})");
    parts.parent = parts.metadata = parts.content = Blob::of_static("{}");
    parts.buffers = {Blob::of(std::string(size, 'x'))};
    return parts;
  }
  std::vector<std::string> ids_sent() {
    std::vector<std::string> ids;
    for (auto& [peer, one] : std::exchange(sent, {})) {
      if (one.header.msg_type != wire::kBatchRequest) {
        ids.push_back(peer + ":" + one.header.msg_id.value);
        continue;
      }
      std::string together = peer + ":";
      const auto items = wire::read_batch(one.parts.content);
      for (const wire::Parts& item : items.value())
        together += " " + wire::parse_header(item.header.view()).value().msg_id.value;
      ids.push_back(together);
    }
    return ids;
  }
};
using Ids = std::vector<std::string>;

TEST_F(OutboxesTest, PeersThatDoNotReadBatchesGetEachMessageAtOnce) {
  outboxes.add("a", message("1"));
  EXPECT_EQ(ids_sent(), (Ids{"a:1"}));
  outboxes.flush();
  EXPECT_EQ(ids_sent(), Ids{});
}

TEST_F(OutboxesTest, OthersGetThoseOfARoundTogether) {
  outboxes.learn("a");
  outboxes.learn("b");
  for (const char* id : {"1", "2", "3"}) outboxes.add("a", message(id));
  outboxes.add("b", message("4"));
  EXPECT_EQ(ids_sent(), Ids{});
  outboxes.flush();
  EXPECT_EQ(ids_sent(), (Ids{"a: 1 2 3", "b:4"}));  // one alone travels as ever
  outboxes.flush();
  EXPECT_EQ(ids_sent(), Ids{});
}

TEST_F(OutboxesTest, ALargeMessageTravelsAloneAndInOrder) {
  outboxes.learn("a");
  outboxes.add("a", message("1"));
  outboxes.add("a", message("2", wire::kBatchedBytes));
  outboxes.add("a", message("3"));
  outboxes.flush();
  EXPECT_EQ(ids_sent(), (Ids{"a:1", "a:2", "a:3"}));
}

TEST_F(OutboxesTest, AFullEnvelopeLeavesAtOnce) {
  outboxes.learn("a");
  for (std::size_t n = 0; n < wire::kBatchMessages + 1; ++n) outboxes.add("a", message(std::to_string(n)));
  EXPECT_EQ(sent.size(), 1u);
  outboxes.flush();
  EXPECT_EQ(sent.size(), 2u);
}

TEST_F(OutboxesTest, APeerThatGetsVeryMuchInARoundIsRememberedOnce) {
  outboxes.learn("a");
  for (std::size_t n = 0; n < 10 * wire::kBatchMessages; ++n) outboxes.add("a", message(std::to_string(n)));
  EXPECT_EQ(outboxes.waiting(), 1u);
  outboxes.add("a", message("last"));
  sent.clear();
  outboxes.flush();
  EXPECT_EQ(ids_sent(), (Ids{"a:last"}));
  EXPECT_EQ(outboxes.waiting(), 0u);
  outboxes.add("a", message("next"));
  outboxes.flush();
  EXPECT_EQ(ids_sent(), (Ids{"a:next"}));
}

TEST_F(OutboxesTest, WhatWaitsForAForgottenPeerIsDropped) {
  outboxes.learn("a");
  outboxes.add("a", message("1"));
  outboxes.forget("a");
  outboxes.flush();
  EXPECT_EQ(ids_sent(), Ids{});
}

}  // namespace
}  // namespace camshaft::service
