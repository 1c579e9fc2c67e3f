#include "wire/message.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace camshaft::wire {
namespace {

constexpr const char* kHeader =
    R"({"msg_id": "s_1_0", "msg_type": "apply_request", "username": "u", "session": "s", "date": "2026-01-02T03:04:05.000006Z", "version": "5.3"})";

Signer signer() { return std::move(Signer::make("hmac-sha256", "key")).value(); }

Outgoing outgoing() {
  return {.identities = {Blob::of("client"), Blob::of("")},
          .header = Blob::of(kHeader),
          .content = Blob::of(R"({"a": 1})"),
          .buffers = {Blob::of("one"), Blob::of(""), Blob::of("<IDS|MSG>")}};
}

Frames text_frames(std::initializer_list<const char*> texts) {
  Frames frames;
  for (const char* text : texts) frames.push_back(Blob::of(text));
  return frames;
}

TEST(Encode, LaysFramesOutAndDecodeReadsThem) {
  const Frames frames = encode(outgoing(), signer());
  ASSERT_EQ(frames.size(), 2 + 6 + 3U);
  EXPECT_EQ(frames[2].view(), kDelimiter);
  EXPECT_EQ(frames[5].view(), "{}");

  const auto message = decode(frames, signer());
  ASSERT_TRUE(message) << message.error().message;
  const Header expected{MsgId("s_1_0"), "apply_request", SessionId("s"), "u", "2026-01-02T03:04:05.000006Z", "5.3"};
  EXPECT_EQ(message->header, expected);
  EXPECT_EQ(message->parts.identities, text_frames({"client", ""}));
  EXPECT_EQ(message->parts.content.view(), R"({"a": 1})");
  EXPECT_EQ(message->parts.buffers, text_frames({"one", "", "<IDS|MSG>"}));
  EXPECT_EQ(join(message->parts), frames);
}

TEST(Decode, SharesTheBytesInsteadOfCopying) {
  Outgoing big = outgoing();
  big.buffers = {Blob::of(std::string(1 << 20, 'x'))};
  const auto* bytes = big.buffers[0].bytes.data();
  const auto message = decode(encode(std::move(big), signer()), signer());
  ASSERT_TRUE(message);
  EXPECT_EQ(message->parts.buffers.at(0).bytes.data(), bytes);
}

TEST(Decode, BuffersAreNotSigned) {
  Frames frames = encode(outgoing(), signer());
  frames.back() = Blob::of("changed on the way");
  EXPECT_TRUE(decode(frames, signer()));
}

TEST(Split, NeedsTheDelimiterAndFiveFrames) {
  EXPECT_EQ(split({}).error().code, Errc::truncated);
  EXPECT_EQ(split(text_frames({"a", "b", "c", "d", "e", "f", "g"})).error().code, Errc::truncated);
  Frames frames = encode({.header = Blob::of(kHeader)}, signer());
  while (frames.size() > 1) {
    frames.pop_back();
    const auto parts = split(frames);
    ASSERT_FALSE(parts) << frames.size();
    EXPECT_EQ(parts.error().code, Errc::truncated);
  }
}

TEST(Decode, RefusesEverySingleFlippedByteOfTheSignedFrames) {
  const Frames good = encode(outgoing(), signer());
  for (std::size_t frame = 3; frame < 8; ++frame) {
    for (std::size_t i = 0; i < good[frame].size(); ++i) {
      Frames forged = good;
      std::string text = good[frame].str();
      text[i] ^= 1;
      forged[frame] = Blob::of(text);
      const auto message = decode(forged, signer());
      ASSERT_FALSE(message);
      ASSERT_EQ(message.error().code, Errc::bad_signature) << "verified before anything is parsed";
    }
  }
}

TEST(Decode, SaysWhetherTheSignatureIsMissingOrWrong) {
  const auto unsigned_message = decode(encode(outgoing(), Signer::off()), signer());
  ASSERT_FALSE(unsigned_message);
  EXPECT_EQ(unsigned_message.error().code, Errc::bad_signature);
  EXPECT_THAT(unsigned_message.error().message, testing::HasSubstr("not signed"));
  const auto other_key = decode(encode(outgoing(), std::move(Signer::make("hmac-sha256", "x")).value()), signer());
  ASSERT_FALSE(other_key);
  EXPECT_THAT(other_key.error().message, testing::HasSubstr("another key"));
}

TEST(Decode, WithoutAKeyTakesAnySignature) {
  EXPECT_TRUE(decode(encode(outgoing(), Signer::off()), Signer::off()));
  EXPECT_TRUE(decode(encode(outgoing(), signer()), Signer::off()));
}

TEST(Decode, AWellSignedMessageWithABadHeaderIsBadJson) {
  for (const char* header : {"", "{", "[]", "null", "{}", "\"text\"", R"({"msg_id": "a"})", R"({"msg_type": "a"})",
                             R"({"msg_id": "", "msg_type": "a"})", R"({"msg_id": 1, "msg_type": "a"})",
                             R"({"msg_id": "a", "msg_type": null})", R"({"msg_id": "a", "msg_type": "b")",
                             R"({"msg_id": "a" "msg_type": "b"})", "{\"msg_id\": \"a\", \"msg_type\": \"\\x\"}"}) {
    Outgoing message = outgoing();
    message.header = Blob::of(header);
    const auto decoded = decode(encode(std::move(message), signer()), signer());
    ASSERT_FALSE(decoded) << header;
    EXPECT_EQ(decoded.error().code, Errc::bad_json) << header;
  }
}

TEST(ParseHeader, ToleratesUnknownAndMissingFieldsAndAnyOrder) {
  const auto header = parse_header(
      R"( {"subshell_id": null, "deep": [{"msg_id": "inner"}], "msg_type":"\u0061pply", "version": 5, "msg_id" : "i\u00e4\n"} )");
  ASSERT_TRUE(header);
  EXPECT_EQ(header->msg_type, "apply");
  EXPECT_EQ(header->msg_id.value, "i\xc3\xa4\n");
  EXPECT_EQ(header->version, "");
  EXPECT_EQ(header->session.value, "");
}

TEST(ParseHeader, RefusesWhatFollowsTheObject) {
  EXPECT_FALSE(parse_header(R"({"msg_id": "a", "msg_type": "b"} {})"));
  EXPECT_FALSE(parse_header(R"({"msg_id": "a", "msg_type": "b"}x)"));
}

TEST(ParentId, IsThereOnlyWhenTheParentIs) {
  EXPECT_EQ(parent_id(kHeader), MsgId("s_1_0"));
  EXPECT_EQ(parent_id("{}"), std::nullopt);
  EXPECT_EQ(parent_id(""), std::nullopt);
  EXPECT_EQ(parent_id("{ }"), std::nullopt);
  EXPECT_EQ(parent_id("null"), std::nullopt);
}

TEST(MakeHeader, IsJsonThatWeAndOthersRead) {
  const WallTime date(std::chrono::microseconds(1795170247740343));
  const std::string text = make_header(MsgId("s_1_2"), "apply_request", SessionId("s"), "J\"\\\xc3\xbc", date);
  const auto header = parse_header(text);
  ASSERT_TRUE(header);
  const Header expected{MsgId("s_1_2"), "apply_request", SessionId("s"), "J\"\\\xc3\xbc", "2026-11-20T10:24:07.740343Z",
                        "5.3"};
  EXPECT_EQ(*header, expected);
  EXPECT_EQ(nlohmann::json::parse(text)["username"], "J\"\\\xc3\xbc");
}

TEST(MsgIds, CountUpAndAreUsableInsidePythonNames) {
  MsgIdSource source(SessionId("0badcafe-01"), 42);
  EXPECT_EQ(source.next(), MsgId("0badcafe-01_42_0"));
  EXPECT_EQ(source.next(), MsgId("0badcafe-01_42_1"));
}

TEST(HexId, HasTheUsualShape) {
  EXPECT_EQ(hex_id({0x0b, 0xad, 0xca, 0xfe, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0, 1, 2, 255}),
            "0badcafe-0123456789abcdef000102ff");
}

}  // namespace
}  // namespace camshaft::wire
