// What the original 9.2 puts on the wire (recorded by tools/record_golden.py) is read here and written back unchanged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/date.hpp"
#include "wire/connection_file.hpp"
#include "wire/message.hpp"

namespace camshaft::wire {
namespace {

struct Golden {
  std::string name;
  std::string msg_type;
  std::string direction;  // "in" = to the controller
  std::string key;
  std::string scheme;
  Frames frames;
};

std::string unhex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

const std::vector<Golden>& goldens() {
  static const std::vector<Golden> all = [] {
    std::vector<Golden> read;
    for (const auto& entry : std::filesystem::directory_iterator(CAMSHAFT_SOURCE_DIR "/tests/golden/ipp-9.2")) {
      const auto json = nlohmann::json::parse(read_file(entry.path()).value());
      Golden golden{entry.path().stem().string(), json.at("msg_type"),
                    json.at("direction"),         json.at("key"),
                    json.at("signature_scheme"),  {}};
      for (const std::string hex : json.at("frames")) golden.frames.push_back(Blob::of(unhex(hex)));
      read.push_back(std::move(golden));
    }
    std::sort(read.begin(), read.end(), [](const Golden& a, const Golden& b) { return a.name < b.name; });
    return read;
  }();
  return all;
}

TEST(Golden, EveryKindOfMessageIsThere) {
  std::set<std::string> types;
  for (const Golden& golden : goldens()) types.insert(golden.msg_type);
  EXPECT_THAT(types, testing::IsSupersetOf({"connection_request",
                                            "connection_reply",
                                            "registration_request",
                                            "registration_reply",
                                            "unregistration_request",
                                            "registration_notification",
                                            "unregistration_notification",
                                            "apply_request",
                                            "apply_reply",
                                            "execute_request",
                                            "execute_reply",
                                            "status",
                                            "stream",
                                            "error",
                                            "display_data",
                                            "abort_request",
                                            "abort_reply",
                                            "clear_request",
                                            "clear_reply",
                                            "shutdown_request",
                                            "shutdown_reply",
                                            "queue_request",
                                            "queue_reply",
                                            "result_request",
                                            "result_reply",
                                            "db_request",
                                            "db_reply",
                                            "purge_request",
                                            "purge_reply"}));
}

class EachGolden : public testing::TestWithParam<std::size_t> {
 protected:
  const Golden& golden() const { return goldens()[GetParam()]; }
  Signer signer() const { return std::move(Signer::make(golden().scheme, golden().key)).value(); }
};

TEST_P(EachGolden, IsDecodedAndWrittenBackUnchanged) {
  const auto message = decode(golden().frames, signer());
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(message->header.msg_type, golden().msg_type);
  EXPECT_EQ(message->header.version.substr(0, 2), "5.");
  EXPECT_EQ(join(message->parts), golden().frames) << "a relay forwards the bytes";

  const Parts& parts = message->parts;
  EXPECT_EQ(
      encode({parts.identities, parts.header, parts.parent, parts.metadata, parts.content, parts.buffers}, signer()),
      golden().frames)
      << "signing again gives the same";
}

TEST_P(EachGolden, HeaderAgreesWithAGeneralParser) {
  const auto parts = split(golden().frames);
  ASSERT_TRUE(parts);
  const auto header = parse_header(parts->header.view());
  ASSERT_TRUE(header);
  const auto json = nlohmann::json::parse(parts->header.view());
  EXPECT_EQ(header->msg_id.value, json["msg_id"]);
  EXPECT_EQ(header->session.value, json["session"]);
  EXPECT_EQ(header->username, json["username"]);
  EXPECT_EQ(header->date, json["date"]);
  const auto date = parse_date(header->date);
  ASSERT_TRUE(date) << header->date;
  EXPECT_EQ(format_date(*date), header->date);
  const auto parent = nlohmann::json::parse(parts->parent.view());
  const auto id = parent_id(parts->parent.view());
  EXPECT_EQ(id.has_value(), parent.contains("msg_id"));
  if (id.has_value()) {
    EXPECT_EQ(id->value, parent["msg_id"]);
  }
}

TEST_P(EachGolden, IsRefusedUnderAnotherKey) {
  const auto message = decode(golden().frames, std::move(Signer::make("hmac-sha256", "another")).value());
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().code, Errc::bad_signature);
}

INSTANTIATE_TEST_SUITE_P(Ipp92, EachGolden, testing::Range(std::size_t{0}, goldens().size()),
                         [](const testing::TestParamInfo<std::size_t>& param) {
                           std::string name = goldens()[param.param].name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace camshaft::wire
