#include "service/client_resume.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace camshaft::service {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Submission call(const Blob& function, std::string arguments, std::string metadata = "{}") {
  Submission made;
  made.msg_type = "apply_request";
  made.metadata = Blob::of(std::move(metadata));
  made.buffers = {function, Blob::of(std::move(arguments))};
  return made;
}

void expect_again(ClientResume& resume, std::uint64_t seq, const Submission& sent) {
  const auto again = resume.again(seq, 0);
  ASSERT_TRUE(again) << seq;
  EXPECT_EQ(again->channel, sent.channel);
  EXPECT_EQ(again->msg_type, sent.msg_type);
  EXPECT_EQ(again->engine, sent.engine);
  EXPECT_EQ(again->content, sent.content);
  EXPECT_EQ(again->metadata, sent.metadata);
  EXPECT_EQ(again->buffers, sent.buffers);
}

TEST(ClientResume, GivesEachRequestBackAsItWas) {
  const Blob function = Blob::of("function"), other = Blob::of("function two");
  Submission without = call(function, "");
  without.buffers.clear();
  Submission direct = call(function, "1");
  direct.channel = client::Channel::mux;
  direct.engine = "camshaft-1";
  Submission three = call(function, "1");
  three.buffers.push_back(Blob::of("out of band"));
  const std::vector<Submission> sent = {call(function, "1"),
                                        call(function, "2"),
                                        call(other, "2"),
                                        call(function, ""),
                                        call(function, "3", R"({"retries": 1})"),
                                        without,
                                        without,
                                        direct,
                                        three,
                                        call(function, "4")};
  ClientResume resume;
  for (std::uint64_t seq = 0; seq < sent.size(); ++seq) resume.keep(seq, sent[seq]);
  EXPECT_EQ(resume.kept(), sent.size());
  for (std::uint64_t seq = 0; seq < sent.size(); ++seq) expect_again(resume, seq, sent[seq]);
  resume.forget(1);
  EXPECT_FALSE(resume.again(1, 0));
  expect_again(resume, 0, sent[0]);
}

TEST(ClientResume, DoesNotKeepLargeBuffers) {
  ClientResume resume;
  const auto lease = std::make_shared<int>();
  Submission large = call(Blob::of("function"), "1");
  large.lease = lease;
  resume.keep(1, large);
  EXPECT_EQ(resume.kept(), 0u);
}

TEST(ClientResume, AnAnswerSaysNothingAboutARequestThatWasSentAgainSinceItWasAsked) {
  client::ClientCore core("session_");
  ClientResume resume;
  const Submission submission;
  std::vector<client::Action> actions;
  core.handle(client::Submitted{client::Seq{1}, submission.channel, "apply_request", {}, {}}, TimePoint{}, actions);
  resume.keep(1, submission);
  const MsgId id("session_1");
  const wire::Fates never_seen{.unknown = {id}};

  EXPECT_THAT(resume.decide(never_seen, 1, core).again, ElementsAre(id));
  ASSERT_TRUE(resume.again(1, 2)) << "a second question has been asked meanwhile";
  EXPECT_THAT(resume.decide(never_seen, 2, core).again, IsEmpty()) << "it would run twice";
  EXPECT_THAT(resume.decide({.doubtful = {id}}, 2, core).failed, IsEmpty());
  EXPECT_THAT(resume.decide(never_seen, 3, core).again, ElementsAre(id)) << "lost once more";
  EXPECT_THAT(resume.decide({.doubtful = {id}}, 3, core).failed, SizeIs(1));
  resume.forget(1);
  EXPECT_FALSE(resume.again(1, 3));
}

}  // namespace
}  // namespace camshaft::service
