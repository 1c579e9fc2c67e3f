#include "net/socket.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <zmq.h>

#include <atomic>
#include <thread>

#include "net/loop.hpp"

namespace camshaft::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr auto kDeadline = seconds(20);

// Asks again until there is an answer or the deadline has passed; waits a little in between.
template <class Ask>
auto eventually(Ask ask) -> decltype(ask()) {
  const auto deadline = std::chrono::steady_clock::now() + kDeadline;
  for (;;) {
    auto answer = ask();
    if (answer || std::chrono::steady_clock::now() > deadline) return answer;
    poll(nullptr, 0, 1);
  }
}

Frames frames(std::initializer_list<const char*> texts) {
  Frames out;
  for (const char* text : texts) out.push_back(Blob::of(text));
  return out;
}

std::string tcp(const Socket& socket) { return "tcp://127.0.0.1:" + std::to_string(socket.port()); }

SocketOptions bound(SocketType type) { return {.type = type, .bind = {"tcp://127.0.0.1:*"}}; }

SocketOptions connected(SocketType type, const Socket& to, std::string identity = "") {
  return {.type = type, .identity = std::move(identity), .connect = {tcp(to)}, .linger = seconds(5)};
}

TEST(Socket, WildcardPortsAreFreeOnes) {
  Context context;
  Socket socket(context, {.type = SocketType::router, .bind = {"tcp://127.0.0.1:*", "tcp://127.0.0.1:*"}});
  EXPECT_GT(socket.port(0), 0);
  EXPECT_GT(socket.port(1), 0);
  EXPECT_NE(socket.port(0), socket.port(1));
}

TEST(Socket, BadAddressesThrowAndSayWhich) {
  Context context;
  const auto message = [&](const SocketOptions& options) -> std::string {
    try {
      Socket socket(context, options);
      return "nothing was thrown";
    } catch (const NetError& error) {
      return error.what();
    }
  };
  Socket first(context, bound(SocketType::router));
  EXPECT_THAT(message({.type = SocketType::router, .bind = {tcp(first)}}),
              testing::AllOf(HasSubstr(tcp(first)), HasSubstr("in use")));
  EXPECT_THAT(message({.type = SocketType::router, .bind = {"nonsense"}}), HasSubstr("nonsense"));
  EXPECT_THAT(message({.type = SocketType::dealer, .connect = {"tcp://127.0.0.1"}}), HasSubstr("tcp://127.0.0.1"));
  EXPECT_THAT(message({.type = SocketType::dealer, .identity = std::string(300, 'x')}), HasSubstr("identity"));
  EXPECT_THAT(message({.type = SocketType::router, .bind = {"nonsense"}, .monitor = true}), HasSubstr("nonsense"));
}

TEST(Socket, FramesArriveAsTheyWereSentEmptyAndManyToo) {
  Context context;
  Socket router(context, bound(SocketType::router));
  Socket dealer(context, connected(SocketType::dealer, router, "peer"));
  Frames sent = frames({"", "a", ""});
  for (int i = 0; i < 100; ++i) sent.push_back(Blob::of(std::string(static_cast<std::size_t>(i) * 7, 'x')));
  sent.push_back({});
  ASSERT_EQ(dealer.send(sent), Sent::ok);
  auto received = eventually([&] { return router.receive(); });
  ASSERT_TRUE(received);
  EXPECT_EQ(received->front().view(), "peer");
  received->erase(received->begin());
  EXPECT_EQ(*received, sent);
  EXPECT_EQ(router.receive(), std::nullopt);
}

TEST(Socket, AMandatoryRouterNamesUnknownPeers) {
  Context context;
  SocketOptions options = bound(SocketType::router);
  options.mandatory = true;
  Socket router(context, options);
  EXPECT_EQ(router.send(frames({"nobody", "hello"})), Sent::no_such_peer);
  Socket dealer(context, connected(SocketType::dealer, router, "peer"));
  EXPECT_TRUE(eventually([&] { return router.send(frames({"peer", "hello"})) == Sent::ok; }));
  EXPECT_EQ(router.send(frames({"nobody", "hello"})), Sent::no_such_peer) << "one refusal spoils nothing";
  EXPECT_EQ(router.send(frames({"peer", "again"})), Sent::ok);
  EXPECT_EQ(eventually([&] { return dealer.receive(); }), frames({"hello"}));
  EXPECT_EQ(eventually([&] { return dealer.receive(); }), frames({"again"}));
}

TEST(Socket, ARouterWithoutMandatoryDropsForUnknownPeers) {
  Context context;
  Socket router(context, bound(SocketType::router));
  EXPECT_EQ(router.send(frames({"nobody", "hello"})), Sent::ok);
}

TEST(Socket, AFullQueueWouldBlockAndNothingOfTheMessageIsSent) {
  Context context;
  Socket push(context, {.type = SocketType::push, .bind = {"inproc://full"}, .hwm = 1});
  EXPECT_EQ(push.send(frames({"a", "b"})), Sent::would_block) << "nobody is there";
  Socket pull(context, {.type = SocketType::pull, .connect = {"inproc://full"}, .hwm = 1});
  ASSERT_TRUE(eventually([&] { return push.send(frames({"a", "b"})) == Sent::ok; }));
  int sent = 1;
  while (sent < 100 && push.send(frames({"a", "b"})) == Sent::ok) ++sent;
  EXPECT_LT(sent, 100);
  for (int i = 0; i < sent; ++i) EXPECT_EQ(eventually([&] { return pull.receive(); }), frames({"a", "b"}));
  EXPECT_EQ(pull.receive(), std::nullopt);
}

TEST(Socket, ANewcomerWithHandoverReplacesTheOldConnection) {
  Context context;
  SocketOptions options = bound(SocketType::router);
  options.mandatory = true;
  options.handover = true;
  Socket router(context, options);
  Socket old(context, connected(SocketType::dealer, router, "same"));
  ASSERT_EQ(old.send(frames({"old"})), Sent::ok);
  ASSERT_TRUE(eventually([&] { return router.receive(); }));
  Socket newcomer(context, connected(SocketType::dealer, router, "same"));
  ASSERT_EQ(newcomer.send(frames({"new"})), Sent::ok);
  EXPECT_EQ(eventually([&] { return router.receive(); }), frames({"same", "new"}));
  ASSERT_EQ(router.send(frames({"same", "for the newcomer"})), Sent::ok);
  EXPECT_EQ(eventually([&] { return newcomer.receive(); }), frames({"for the newcomer"}));
}

// Counts how often an owner was let go.
Blob counted(std::string text, std::atomic<int>& released) {
  auto* kept = new std::string(std::move(text));
  std::shared_ptr<const void> owner(kept, [&released](const std::string* gone) {
    delete gone;
    ++released;
  });
  return {owner, std::as_bytes(std::span(kept->data(), kept->size()))};
}

TEST(Socket, BigFramesTravelByReferenceAndTheirOwnerIsLetGoOnce) {
  constexpr std::size_t kSize = 16 << 20;
  std::atomic<int> released{0};
  Context context;
  Socket pull(context, {.type = SocketType::pull, .bind = {"inproc://big"}});
  Socket push(context, {.type = SocketType::push, .connect = {"inproc://big"}});
  std::string text(kSize, 'x');
  text.back() = 'y';
  Blob blob = counted(std::move(text), released);
  const std::byte* address = blob.bytes.data();
  ASSERT_EQ(push.send({Blob::of("head"), blob}), Sent::ok);
  blob = {};
  EXPECT_EQ(released, 0) << "the message keeps the bytes alive";
  auto received = eventually([&] { return pull.receive(); });
  ASSERT_TRUE(received);
  EXPECT_EQ(received->at(1).bytes.data(), address) << "within a process not one byte is copied";
  const Blob kept = received->at(1);
  received.reset();
  EXPECT_EQ(released, 0) << "one blob keeps its message alive";
  EXPECT_EQ(kept.view().back(), 'y');
}

TEST(Socket, BigFramesCrossTcpWholeAndAreReleasedAfterwards) {
  constexpr std::size_t kSize = 32 << 20;
  std::atomic<int> released{0};
  {
    Context context;
    Socket router(context, bound(SocketType::router));
    Socket dealer(context, connected(SocketType::dealer, router, "peer"));
    std::string text(kSize, '\0');
    for (std::size_t i = 0; i < kSize; i += 4096) text[i] = static_cast<char>(i >> 12);
    const std::string expected = text;
    ASSERT_EQ(dealer.send({counted(std::move(text), released)}), Sent::ok);
    const auto received = eventually([&] { return router.receive(); });
    ASSERT_TRUE(received);
    EXPECT_TRUE(received->at(1).view() == expected);
    EXPECT_TRUE(eventually([&] { return released == 1; })) << "sent, so the sender may change its buffer again";
  }
  EXPECT_EQ(released, 1);
}

TEST(Socket, ARefusedBigFrameIsReleased) {
  std::atomic<int> released{0};
  Context context;
  SocketOptions options = bound(SocketType::router);
  options.mandatory = true;
  Socket router(context, options);
  EXPECT_EQ(router.send({Blob::of("nobody"), counted(std::string(1 << 20, 'x'), released)}), Sent::no_such_peer);
  EXPECT_EQ(released, 1);
}

TEST(Socket, ReceivedFramesOutliveTheirSocketAndTheMessageCanBeSentOn) {
  Context context;
  std::optional<Frames> kept;
  {
    Socket pull(context, {.type = SocketType::pull, .bind = {"inproc://on"}});
    Socket push(context, {.type = SocketType::push, .connect = {"inproc://on"}});
    ASSERT_EQ(push.send({Blob::of("small"), Blob::of(std::string(100000, 'b'))}), Sent::ok);
    kept = eventually([&] { return pull.receive(); });
  }
  ASSERT_TRUE(kept);
  Socket pull(context, {.type = SocketType::pull, .bind = {"inproc://on2"}});
  Socket push(context, {.type = SocketType::push, .connect = {"inproc://on2"}});
  ASSERT_EQ(push.send(*kept), Sent::ok);
  const auto again = eventually([&] { return pull.receive(); });
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, *kept);
  EXPECT_EQ(again->at(1).bytes.data(), kept->at(1).bytes.data()) << "a relay passes on the same bytes";
}

TEST(Socket, TellsWhichConnectionAMessageCameByAndWhichOneEnded) {
  Context context;
  SocketOptions options = bound(SocketType::router);
  options.monitor = true;
  Socket router(context, options);
  auto stays = std::make_unique<Socket>(context, connected(SocketType::dealer, router, "stays"));
  auto leaves = std::make_unique<Socket>(context, connected(SocketType::dealer, router, "leaves"));
  std::map<std::string, int> descriptors;
  for (Socket* socket : {stays.get(), leaves.get()}) {
    ASSERT_EQ(socket->send(frames({"hello"})), Sent::ok);
    // Polling makes a ROUTER look ahead, which changes what it says of the first frame.
    zmq_pollitem_t item{router.handle(), 0, ZMQ_POLLIN, 0};
    ASSERT_EQ(zmq_poll(&item, 1, 60000), 1);
    const auto received = router.receive_with_descriptor();
    ASSERT_TRUE(received);
    EXPECT_GE(received->descriptor, 0);
    descriptors[received->frames.front().str()] = received->descriptor;
  }
  ASSERT_EQ(descriptors.size(), 2U);
  EXPECT_NE(descriptors["stays"], descriptors["leaves"]);
  int handshakes = 0;
  while (auto event = router.next_event()) handshakes += event->kind == SocketEvent::Kind::handshaken ? 1 : 0;
  EXPECT_EQ(handshakes, 2);

  leaves.reset();
  const auto event = eventually([&] { return router.next_event(); });
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, SocketEvent::Kind::disconnected);
  EXPECT_EQ(event->descriptor, descriptors["leaves"]);
}

TEST(Socket, AConnectingSocketHearsOfItsConnectionToo) {
  Context context;
  auto router = std::make_unique<Socket>(context, bound(SocketType::router));
  SocketOptions options = connected(SocketType::dealer, *router);
  options.monitor = true;
  Socket dealer(context, options);
  std::vector<SocketEvent::Kind> kinds;
  const auto heard = [&](SocketEvent::Kind kind) {
    return eventually([&] {
      while (auto event = dealer.next_event()) kinds.push_back(event->kind);
      return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
    });
  };
  EXPECT_TRUE(heard(SocketEvent::Kind::connected));
  EXPECT_TRUE(heard(SocketEvent::Kind::handshaken));
  router.reset();
  EXPECT_TRUE(heard(SocketEvent::Kind::disconnected));
}

TEST(Socket, SubscribersHearOnlyTheirTopicOrEverything) {
  Context context;
  Socket xpub(context, bound(SocketType::xpub));
  SocketOptions options = connected(SocketType::sub, xpub);
  options.subscribe_all = true;
  Socket all(context, options);
  EXPECT_EQ(eventually([&] { return xpub.receive(); }), (Frames{Blob::of(std::string("\x01", 1))}));
  ASSERT_EQ(xpub.send(frames({"topic", "text"})), Sent::ok);
  EXPECT_EQ(eventually([&] { return all.receive(); }), frames({"topic", "text"}));
}

TEST(Socket, ContextsEndAtOnceWithoutLingerWhateverIsQueued) {
  Context context;
  Socket dealer(context, {.type = SocketType::dealer, .connect = {"tcp://127.0.0.1:1"}});
  ASSERT_EQ(dealer.send(frames({"never delivered"})), Sent::ok);
}

}  // namespace
}  // namespace camshaft::net
