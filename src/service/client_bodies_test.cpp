#include "service/client_bodies.hpp"

#include <gtest/gtest.h>

namespace camshaft::service {
namespace {

const Blob kFunction = Blob::of(std::string(10'000, 'f'));
const Blob kArguments = Blob::of("arguments");

wire::Parts task_of(const Blob& function) {
  wire::Parts task;
  task.metadata = Blob::of(R"({"codec": "p5/3.11"})");
  task.buffers = {function, kArguments};
  return task;
}

wire::Parts sent(ClientBodies& bodies, const Blob& function) {
  wire::Parts task = task_of(function);
  bodies.shorten(task);
  return task;
}

TEST(ClientBodies, AFunctionLeavesWithItsFirstTask) {
  ClientBodies bodies;
  bodies.controller_reads(true);
  const wire::Parts first = sent(bodies, kFunction), second = sent(bodies, kFunction);
  EXPECT_EQ(first.buffers[0], kFunction);
  EXPECT_TRUE(second.buffers[0].empty());
  EXPECT_EQ(second.buffers[1], kArguments);
  EXPECT_EQ(wire::body_of(first.metadata.view()), wire::digest_of(kFunction));
  EXPECT_EQ(second.metadata, first.metadata);
  const Blob equal = Blob::of(kFunction.str());  // pickled anew
  EXPECT_TRUE(sent(bodies, equal).buffers[0].empty());
  const Blob other = Blob::of(std::string(10'000, 'g'));
  EXPECT_EQ(sent(bodies, other).buffers[0], other);
  EXPECT_TRUE(sent(bodies, kFunction).buffers[0].empty());
}

TEST(ClientBodies, EqualFunctionsAreHeldOnce) {
  ClientBodies bodies;
  Blob first = kFunction, again = Blob::of(kFunction.str()), small = Blob::of("small");
  bodies.share(first);
  bodies.share(again);
  EXPECT_EQ(again.bytes.data(), kFunction.bytes.data());
  const auto* before = small.bytes.data();
  bodies.share(small);
  EXPECT_EQ(small.bytes.data(), before);
}

TEST(ClientBodies, NothingIsLeftOutForThoseWhoDoNotReadIt) {
  ClientBodies bodies;
  for (int i = 0; i < 2; ++i) EXPECT_EQ(sent(bodies, kFunction), task_of(kFunction));
}

TEST(ClientBodies, SmallFunctionsTravelWithTheirTasks) {
  ClientBodies bodies;
  bodies.controller_reads(true);
  const Blob small = Blob::of("small");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(sent(bodies, small), task_of(small));
}

TEST(ClientBodies, AfterABreakFunctionsAreSentAgain) {
  ClientBodies bodies;
  bodies.controller_reads(true);
  sent(bodies, kFunction);
  bodies.broke();
  EXPECT_EQ(sent(bodies, kFunction).buffers[0], kFunction);
  EXPECT_TRUE(sent(bodies, kFunction).buffers[0].empty());
}

TEST(ClientBodies, AControllerThatAsksGetsTheBody) {
  ClientBodies bodies;
  bodies.controller_reads(true);
  sent(bodies, kFunction);
  wire::Parts question;
  question.metadata = Blob::of(wire::with_body("{}", wire::digest_of(kFunction)));
  const wire::Parts answer = bodies.answer(question);
  ASSERT_EQ(answer.buffers.size(), 1U);
  EXPECT_EQ(answer.buffers[0], kFunction);
  EXPECT_EQ(wire::body_of(answer.metadata.view()), wire::digest_of(kFunction));
  question.metadata = Blob::of(wire::with_body("{}", "unknown"));
  EXPECT_TRUE(bodies.answer(question).buffers.empty());
}

}  // namespace
}  // namespace camshaft::service
