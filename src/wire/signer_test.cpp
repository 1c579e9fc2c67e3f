#include "wire/signer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace camshaft::wire {
namespace {

constexpr std::string_view kKey = "0badcafe-0123456789abcdef01234567";
constexpr std::array<std::string_view, 4> kParts = {
    R"({"msg_id":"s_1_0","msg_type":"connection_request","username":"u","session":"s","date":"2026-01-02T03:04:05.000006Z","version":"5.3"})",
    "{}", "{}", "{}"};

TEST(Signer, SignsAsTheOriginalDoes) {
  const auto signer = Signer::make("hmac-sha256", kKey);
  ASSERT_TRUE(signer);
  EXPECT_EQ(signer->sign(kParts), "4d3b55cdcaa43fa944d520f8750d7ef0b2486b7ee136b5e5d6c4a98bbd80645d");
}

TEST(Signer, GivesTheSameAgainBecauseNoStateIsLeft) {
  const auto signer = Signer::make("hmac-sha256", kKey);
  ASSERT_TRUE(signer);
  const std::string first = signer->sign(kParts);
  EXPECT_NE(signer->sign({"{}", "{}", "{}", "{}"}), first);
  EXPECT_EQ(signer->sign(kParts), first);
  EXPECT_EQ(signer->clone().sign(kParts), first);
}

// Digests made with Python: hmac.new(key, b"abcd", getattr(hashlib, name)).hexdigest(), where the parts are a b c d.
struct Scheme {
  const char* name;
  std::string_view key;
  const char* digest;
};
class Schemes : public testing::TestWithParam<Scheme> {};
TEST_P(Schemes, AgreeWithPython) {
  const auto signer = Signer::make(GetParam().name, GetParam().key);
  ASSERT_TRUE(signer) << GetParam().name;
  EXPECT_EQ(signer->sign({"a", "b", "c", "d"}), GetParam().digest);
}
const std::string kLongText(300, 'k');
const std::string_view kLong = kLongText;
INSTANTIATE_TEST_SUITE_P(
    All, Schemes,
    testing::Values(
        Scheme{"hmac-md5", kKey, "d9db9f43a7c208b059aed4155105566c"},
        Scheme{"hmac-sha1", kKey, "2495eaf8e272f3a8e06360afe72e5a2a23288a1f"},
        Scheme{"hmac-sha224", kKey, "0e578572b47afd489e11c8973722ce90838eca44d003a17825003c4f"},
        Scheme{"hmac-sha256", kKey, "897a066977a15f6fc558499442b50823b0b1bd465b3c5708c4863a0f62a28328"},
        Scheme{"hmac-sha256", kLong.substr(0, 64), "9fa0d50155943f93385a0c48384919d5dbfba1b7f862da00f0f482fcc41f0355"},
        Scheme{"hmac-sha256", kLong.substr(0, 65), "de80a4f8e05a47556355e307ee8287d9c892c14676accece44b8685578bcda87"},
        Scheme{"hmac-sha256", kLong.substr(0, 128), "9c2bd3f8f71dbb3c53f901895710fb97d780ee73ac20eb63ccdba5502133200d"},
        Scheme{"hmac-sha256", kLong.substr(0, 129), "fcdcefe0a8c4824e603a2d79932e1bc74936244d3b2aaac6054efcf378524f5e"},
        Scheme{"hmac-sha256", kLong.substr(0, 300), "d2717e1c1f8ebdcafe9462b73ab2527014c42ce1ca84be57798f98f26b6c9d9e"},
        Scheme{"hmac-sha384", kKey,
               "ad841f69ec13939f212de135cc4c5a250ced3714e60df8360475f792adff535c595416cc4316f202b448c45257a92e5d"},
        Scheme{"hmac-sha512", kKey,
               "157bd5133727ee3c8d96dbc415964082d08a487bec31b177e153a8dad3de6cf7a986c1ae565668af78d35e98aceed0cdcb14ed9"
               "7c21569d2684aa737027cc0e9"},
        Scheme{"hmac-sha512", kLong.substr(0, 64),
               "952c82af4954f0571617ffdb1e567a0599523134491912d3b1cd5d521a002c4f0a2a767634e95df8254d319f4031c73955ca51c"
               "21b7b3e9b9e48ce65fb88a0c3"},
        Scheme{"hmac-sha512", kLong.substr(0, 65),
               "38152e4ba8c7387ed7a345b77668d607b997fbd571fbebf5b3b98b9089f6b0a91230d0f469616758e7cff89ca160c50b75cd51d"
               "a6f52ddf0b5e4c6affce84bfa"},
        Scheme{"hmac-sha512", kLong.substr(0, 128),
               "b576e89f09d0a01fd749ad5eacf9903fa0c90d360d1307c1ba55b9ba7a1b8732a5229822a7e78aa2d3a255fcdde108f59812b0a"
               "4dc0161a81a208e7547b74652"},
        Scheme{"hmac-sha512", kLong.substr(0, 129),
               "287f84aec9562069cdd4b9e04ca9e52fe25f369e9d38d019035e0fa1ed1bd09fb6c3b91611efc413bd323d06d3cd2dbd2c40764"
               "edb144bf56dadeb637e8eb669"},
        Scheme{"hmac-sha512", kLong.substr(0, 300),
               "2c0d8be31895a6b1475bb9debaa897722690e30334a71ab9f2ec09846cad1916c9e3298d8c915f540fb580c4316c7750212926f"
               "87114b4813ccf066a75742908"},
        Scheme{"hmac-sha3_224", kKey, "44f4858080b64bc555b6db4641c358fda5528fecba589fc8b30a30d0"},
        Scheme{"hmac-sha3_256", kKey, "90c4a219edcef8fe22754349015463df504dc2983f9e36ac16bd41567a33dc69"},
        Scheme{"hmac-sha3_384", kKey,
               "81e5872e35ff7cce5fd004a90644e7ff0c481e83195eb1a500df631fad6fec6ed7a070c7824297f04a8236e68b756fbf"},
        Scheme{"hmac-sha3_512", kKey,
               "ee88bf64a842f2a63a2282df1e7a27cf6768140b777a36f478736ef7efe26917508ac9991930a62f7454c99e39ae26594760541"
               "93c807576efe53c2cc5f29aed"},
        Scheme{"hmac-blake2b", kKey,
               "024d88e0a2307708c0b7124062120b5d3d88b52e69be31cbbd1522f395295a921b7d4c1b635cacaaec11e03cbbb57ba45737b96"
               "14951d83fdfae2b9d726925fa"},
        Scheme{"hmac-blake2s", kKey, "5efbdd6f03a76575beb14d044855a01621c1518148999c71e24880b97e1d603a"}));

TEST(Signer, VerifiesOnlyTheExactSignature) {
  const auto signer = Signer::make("hmac-sha256", kKey);
  ASSERT_TRUE(signer);
  std::string signature = signer->sign(kParts);
  EXPECT_TRUE(signer->verifies(kParts, signature));
  EXPECT_FALSE(signer->verifies(kParts, ""));
  EXPECT_FALSE(signer->verifies(kParts, std::string_view(signature).substr(0, 63)));
  EXPECT_FALSE(signer->verifies(kParts, signature + "0"));
  EXPECT_FALSE(signer->verifies({kParts[0], "{}", "{}", "{ }"}, signature));
  EXPECT_FALSE(Signer::make("hmac-sha256", "another key")->verifies(kParts, signature));
  signature[10] = signature[10] == '0' ? '1' : '0';
  EXPECT_FALSE(signer->verifies(kParts, signature));
}

TEST(Signer, AnEmptyKeyTurnsSigningOff) {
  const auto signer = Signer::make("hmac-sha256", "");
  ASSERT_TRUE(signer);
  EXPECT_FALSE(signer->enabled());
  EXPECT_EQ(signer->sign(kParts), "");
  EXPECT_TRUE(signer->verifies(kParts, ""));
  EXPECT_TRUE(signer->verifies(kParts, "whatever a peer with a key sends"));
  EXPECT_FALSE(Signer::off().clone().enabled());
}

TEST(Signer, UnknownSchemesAreNamedInTheError) {
  for (const char* scheme : {"", "sha256", "hmac-", "hmac-nonsense", "HMAC-sha256", "hmac-sha256 "}) {
    const auto signer = Signer::make(scheme, kKey);
    ASSERT_FALSE(signer) << scheme;
    EXPECT_EQ(signer.error().code, Errc::bad_value);
    EXPECT_THAT(signer.error().message, testing::HasSubstr("'" + std::string(scheme) + "'"));
  }
  EXPECT_FALSE(Signer::make("hmac-nonsense", "")) << "a bad scheme is bad even when signing is off";
}

}  // namespace
}  // namespace camshaft::wire
