#include "wire/batch.hpp"

#include <gtest/gtest.h>

#include <string>

namespace camshaft::wire {
namespace {

Parts message(int n, std::string metadata = "{}", std::vector<Blob> buffers = {}) {
  Parts parts;
  parts.identities = {Blob::of("client-1")};
  parts.header = Blob::of(R"({"msg_id":"session_12_)" + std::to_string(n) + R"(","msg_type":"apply_request"})");
  parts.parent = Blob::of_static("{}");
  parts.metadata = Blob::of(std::move(metadata));
  parts.content = Blob::of_static("{}");
  parts.buffers = std::move(buffers);
  return parts;
}

std::vector<Parts> through(const std::vector<Parts>& messages) {
  return read_batch(Blob::of(write_batch(messages))).value();
}

TEST(Batch, GivesBackWhatWasWritten) {
  std::vector<Parts> messages;
  for (int n = 95; n < 105; ++n)
    messages.push_back(
        message(n, R"({"codec":"p5/3.11"})", {Blob::of("function"), Blob::of("n=" + std::to_string(n))}));
  messages.push_back(message(7));                                   // fewer buffers
  messages.push_back(message(8, "{}", {Blob::of(std::string())}));  // an empty one
  messages.back().identities.clear();
  messages.push_back(message(8, "", {Blob::of("aaaa"), Blob::of("aa")}));
  messages.push_back(message(8, "aa", {Blob::of("aa"), Blob::of("aaaa")}));  // prefix and suffix may not overlap
  EXPECT_EQ(through(messages), messages);
  EXPECT_EQ(through({}), std::vector<Parts>{});
}

TEST(Batch, SignaturesStayOutside) {
  Parts signed_one = message(1);
  signed_one.signature = Blob::of("0123");
  const auto read = through({signed_one});
  EXPECT_TRUE(read.at(0).signature.empty());
  EXPECT_EQ(read.at(0).header, signed_one.header);
}

TEST(Batch, RepeatedPartsCostNextToNothingAndShareTheirBytes) {
  std::vector<Parts> messages;
  for (int n = 100; n < 164; ++n) messages.push_back(message(n, "{}", {Blob::of(std::string(1000, 'f'))}));
  EXPECT_LT(write_batch(messages).size(), 1200 + 64 * 32);
  const auto read = through(messages);
  EXPECT_EQ(read[0].buffers[0].bytes.data(), read[63].buffers[0].bytes.data());
}

TEST(Batch, RefusesWhatEndsEarlyOrContradictsItself) {
  const std::string whole = write_batch({message(1, "{}", {Blob::of("x")}), message(2)});
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(read_batch(Blob::of(whole.substr(0, size)))) << size;
  EXPECT_FALSE(read_batch(Blob::of(whole + "x")));
  EXPECT_FALSE(read_batch(Blob::of("\xff\xff\xff\xff\xff\xff")));                  // too many messages
  EXPECT_FALSE(read_batch(Blob::of(std::string("\x01\xff\xff\xff\x7f\0\0", 7))));  // too many bytes
  EXPECT_FALSE(read_batch(Blob::of(std::string("\x01\x04\0\0\x05\0\0", 7))));      // a prefix of nothing
  EXPECT_FALSE(
      read_batch(Blob::of(std::string("\x01\x09\0\0"
                                      "\0\0\0\0\0\0\0\0\0\0\0\0",
                                      16))));  // fewer bytes than said
}

TEST(Batch, OnlySmallMessagesFit) {
  EXPECT_TRUE(fits_batch(message(1)));
  EXPECT_FALSE(fits_batch(message(1, "{}", {Blob::of(std::string(kBatchedBytes, 'x'))})));
  EXPECT_FALSE(fits_batch(message(1, "{}", std::vector<Blob>(100))));
}

TEST(Batch, OneMessageLeavesAsItselfAndSeveralInAnEnvelope) {
  const Signer signer = Signer::make("hmac-sha256", "key").value();
  int headers = 0;
  const auto header = [&] {
    ++headers;
    return Blob::of(make_header(MsgId("e"), kBatchRequest, SessionId("s"), "me", WallTime{}));
  };
  Batch batch;
  batch.add(message(1));
  const auto alone = decode(batch.take({Blob::of("engine")}, header, signer), signer);
  ASSERT_TRUE(alone);
  EXPECT_EQ(headers, 0);
  EXPECT_EQ(alone->header.msg_id.value, "session_12_1");
  EXPECT_EQ(alone->parts.identities, (std::vector<Blob>{Blob::of("engine"), Blob::of("client-1")}));
  EXPECT_TRUE(batch.empty());

  batch.add(message(1));
  batch.add(message(2));
  const auto envelope = decode(batch.take({Blob::of("engine")}, header, signer), signer);
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->header.msg_type, kBatchRequest);
  EXPECT_EQ(read_batch(envelope->parts.content).value(), (std::vector<Parts>{message(1), message(2)}));
  EXPECT_TRUE(batch.empty());

  while (!batch.full()) batch.add(message(3));
  EXPECT_EQ(read_batch(decode(batch.take({}, header, signer), signer)->parts.content)->size(), kBatchMessages);
}

TEST(Batch, AForeignKeyDoesNotOpenTheEnvelope) {
  Batch batch;
  batch.add(message(1));
  batch.add(message(2));
  const Frames frames = batch.take(
      {}, [] { return Blob::of_static(R"({"msg_id":"e","msg_type":"batch_request"})"); },
      Signer::make("hmac-sha256", "key").value());
  EXPECT_EQ(decode(frames, Signer::make("hmac-sha256", "another").value()).error().code, Errc::bad_signature);
}

}  // namespace
}  // namespace camshaft::wire
