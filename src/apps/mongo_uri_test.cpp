#include "apps/mongo_uri.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace camshaft::apps {
namespace {

using testing::HasSubstr;

std::string uri(std::string_view args, std::string_view kwargs = "") {
  const auto read = mongo_uri(args, kwargs);
  return read ? *read : read.error().message;
}

TEST(MongoUri, ReadsEveryWayToNameAServer) {
  EXPECT_EQ(uri(""), "mongodb://localhost/");
  EXPECT_EQ(uri("db:27018"), "mongodb://db:27018/");
  EXPECT_EQ(uri("['db', 27018]"), "mongodb://db:27018/");
  EXPECT_EQ(uri(R"(("db",27018))"), "mongodb://db:27018/");
  EXPECT_EQ(uri("['mongodb://a,b/?replicaSet=r']"), "mongodb://a,b/?replicaSet=r");
  EXPECT_EQ(uri("[]", "{'host': 'db', 'port': 3}"), "mongodb://db:3/");
}

TEST(MongoUri, PutsWhatElseIsKnownIntoTheAddress) {
  EXPECT_EQ(uri("db", "{'username': 'me', 'password': 'a@b/', 'tls': True}"), "mongodb://me:a%40b%2F@db/?tls=true");
  EXPECT_EQ(uri("mongodb://db", "{'connectTimeoutMS': 100}"), "mongodb://db/?connectTimeoutMS=100");
  EXPECT_EQ(uri("mongodb://db/?a=b", "{'tls': False}"), "mongodb://db/?a=b&tls=false");
  EXPECT_EQ(uri("db", R"({'password': 'x', "username": "it's"})"), "mongodb://it%27s:x@db/");
}

TEST(MongoUri, RefusesTheRestInOneLine) {
  for (const char* args : {"[3]", "['db', 0]", "['db', 'x']", "['db'", "a b", "['a', 1, 2]"})
    EXPECT_THAT(uri(args), HasSubstr("'--MongoDB.connection_args' expects")) << args;
  for (const char* kwargs : {"tls", "[1]", "{'tls': None}", "{'port': 'x'}", "{'a': [1]}"})
    EXPECT_THAT(uri("db", kwargs), HasSubstr("'--MongoDB.connection_kwargs' expects")) << kwargs;
  EXPECT_THAT(uri("mongodb://db", "{'port': 3}"), HasSubstr("in the address"));
}

}  // namespace
}  // namespace camshaft::apps
