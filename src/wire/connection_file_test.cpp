#include "wire/connection_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace camshaft::wire {
namespace {

using nlohmann::json;
using testing::HasSubstr;

ClientConnection client() {
  ClientConnection c;
  c.key = "0badcafe-0123456789abcdef01234567";
  c.location = "node7";
  c.registration = 10101;
  c.control = 10110;
  c.mux = 10111;
  c.task = 10112;
  c.iopub = 10113;
  c.notification = 10114;
  c.broadcast = 10115;
  return c;
}

EngineConnection engine() {
  EngineConnection c;
  c.key = "0badcafe-0123456789abcdef01234567";
  c.location = "node7";
  c.registration = 10101;
  c.control = 10102;
  c.mux = 10103;
  c.task = 10104;
  c.iopub = 10105;
  c.hb_ping = 10106;
  c.hb_pong = 10107;
  c.broadcast = {10108, 10109};
  return c;
}

std::vector<std::string> keys(const json& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object.items()) names.push_back(name);
  return names;
}

// A folder that goes away with the test.
class ConnectionFile : public testing::Test {
 protected:
  ConnectionFile() {
    std::string pattern = testing::TempDir() + "/camshaft-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~ConnectionFile() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST(Render, HasTheKeysOfTheOriginalAndIsReadBack) {
  EXPECT_THAT(keys(json::parse(render(client()))),
              testing::UnorderedElementsAre("ssh", "interface", "registration", "control", "mux", "task", "task_scheme",
                                            "iopub", "notification", "broadcast", "key", "curve_serverkey", "location",
                                            "pack", "unpack", "signature_scheme"));
  EXPECT_THAT(keys(json::parse(render(engine()))),
              testing::UnorderedElementsAre("ssh", "interface", "registration", "control", "mux", "task", "iopub",
                                            "hb_ping", "hb_pong", "broadcast", "key", "curve_serverkey", "location",
                                            "pack", "unpack", "signature_scheme"));
  EXPECT_EQ(parse_client_connection(render(client())).value(), client());
  EXPECT_EQ(parse_engine_connection(render(engine())).value(), engine());
  const json object = json::parse(render(client()));
  EXPECT_EQ(object["pack"], "json");
  EXPECT_EQ(object["unpack"], "json");
  EXPECT_TRUE(object["curve_serverkey"].is_null());
  EXPECT_EQ(object["registration"], 10101);
  EXPECT_EQ(render(client()).substr(0, 4), "{\n  ");
  EXPECT_EQ(render(client()).back(), '}') << "no newline at the end, as in the original";
}

TEST(Render, KeepsACurveKeyAndSurvivesAHostNameThatIsNotUtf8) {
  ClientConnection c = client();
  c.curve_serverkey = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
  EXPECT_EQ(parse_client_connection(render(c)).value(), c);
  c.location = "caf\xe9";
  EXPECT_TRUE(parse_client_connection(render(c)));
}

TEST(Parse, ReadsAFileOfTheOriginal) {
  const auto c = parse_client_connection(R"({"ssh": "", "interface": "tcp://127.0.0.1", "registration": 10101,
    "control": 10110, "mux": 10111, "task": 10112, "task_scheme": "leastload", "iopub": 10113, "notification": 10114,
    "broadcast": 10115, "key": "0badcafe-0123456789abcdef01234567", "curve_serverkey": null, "location": "node7",
    "pack": "orjson", "unpack": "orjson", "signature_scheme": "hmac-sha256", "future": {"key": [1]}})");
  ASSERT_TRUE(c) << c.error().message;
  EXPECT_EQ(*c, client());
}

// Every required key: without it, and with a value of the wrong type, the error names it.
template <class Parse>
void check_required(const json& good, const std::vector<std::string>& required, Parse parse) {
  ASSERT_TRUE(parse(good.dump()));
  for (const std::string& key : required) {
    json without = good;
    without.erase(key);
    const auto missing = parse(without.dump());
    ASSERT_FALSE(missing) << key;
    EXPECT_THAT(missing.error().message, HasSubstr("'" + key + "'"));
    EXPECT_EQ(missing.error().message.find('\n'), std::string::npos);
    json wrong = good;
    wrong[key] = json::object();
    const auto mistyped = parse(wrong.dump());
    ASSERT_FALSE(mistyped) << key;
    EXPECT_THAT(mistyped.error().message, HasSubstr("'" + key + "'"));
  }
}

TEST(Parse, NamesTheMissingKey) {
  check_required(json::parse(render(client())),
                 {"task_scheme", "interface", "control", "task", "mux", "iopub", "notification", "registration",
                  "broadcast", "pack", "unpack", "signature_scheme"},
                 parse_client_connection);
  check_required(json::parse(render(engine())),
                 {"interface", "registration", "mux", "task", "control", "iopub", "hb_ping", "hb_pong", "broadcast",
                  "signature_scheme", "pack", "unpack"},
                 parse_engine_connection);
}

TEST(Parse, ReadsTolerantlyWhatTheOriginalReadsTolerantly) {
  json object = json::parse(render(engine()));
  for (const char* key : {"key", "ssh", "curve_serverkey"}) object.erase(key);
  const auto c = parse_engine_connection(object.dump());
  ASSERT_TRUE(c);
  EXPECT_EQ(c->key, "");
  object = json::parse(render(client()));
  object["location"] = nullptr;
  EXPECT_EQ(parse_client_connection(object.dump()).value().location, "");
}

TEST(Parse, RefusesPortsThatAreNone) {
  for (const json& port : {json(0), json(-1), json(65536), json(1.5), json("10101"), json(true), json(nullptr),
                           json(18446744073709551615ULL)}) {
    json object = json::parse(render(client()));
    object["mux"] = port;
    const auto c = parse_client_connection(object.dump());
    ASSERT_FALSE(c) << port;
    EXPECT_THAT(c.error().message, HasSubstr("'mux'"));
  }
  for (const json& ports : {json(10108), json::array(), json::array({1, "2"}), json::array({0})}) {
    json object = json::parse(render(engine()));
    object["broadcast"] = ports;
    EXPECT_FALSE(parse_engine_connection(object.dump())) << ports;
  }
}

TEST(Parse, EveryHalfWrittenFileIsRefusedInOneLine) {
  const std::string whole = render(client());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto c = parse_client_connection(std::string_view(whole).substr(0, size));
    ASSERT_FALSE(c) << size;
    ASSERT_EQ(c.error().code, Errc::bad_json);
    ASSERT_EQ(c.error().message.find('\n'), std::string::npos);
  }
}

TEST(Parse, RefusesOtherPackersAndInterfaces) {
  json object = json::parse(render(client()));
  object["pack"] = "pickle";
  EXPECT_THAT(parse_client_connection(object.dump()).error().message, HasSubstr("'pickle'"));
  for (const char* interface : {"", "127.0.0.1", "tcp:/x", "tcp://a://b"}) {
    object = json::parse(render(client()));
    object["interface"] = interface;
    EXPECT_FALSE(parse_client_connection(object.dump())) << interface;
  }
}

TEST(Url, ReplacesWildcardsAsReadersDo) {
  ConnectionCommon c;
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  EXPECT_EQ(url(c, 5), "tcp://127.0.0.1:5");
  c.interface = "tcp://10.1.2.3";
  c.location = "192.0.2.7";
  EXPECT_EQ(url(c, 5), "tcp://10.1.2.3:5") << "an address is used as it is";
  c.interface = "ipc:///tmp/x";
  EXPECT_EQ(url(c, 5), "ipc:///tmp/x:5");
  for (const char* wildcard : {"tcp://*", "tcp://0.0.0.0"}) {
    c.interface = wildcard;
    c.location = "";
    EXPECT_EQ(url(c, 5), "tcp://127.0.0.1:5");
    c.location = host;
    EXPECT_EQ(url(c, 5), "tcp://127.0.0.1:5");
    c.location = "127.0.0.1";
    EXPECT_EQ(url(c, 5), "tcp://127.0.0.1:5");
    c.location = "192.0.2.7";  // nobody's address (RFC 5737)
    EXPECT_EQ(url(c, 5), "tcp://192.0.2.7:5");
  }
}

TEST(FileNames, CarryTheClusterId) {
  EXPECT_EQ(client_file("/s", ""), "/s/ipcontroller-client.json");
  EXPECT_EQ(engine_file("/s", ""), "/s/ipcontroller-engine.json");
  EXPECT_EQ(client_file("/s", "mine"), "/s/ipcontroller-mine-client.json");
  EXPECT_EQ(engine_file("/s", "mine"), "/s/ipcontroller-mine-engine.json");
}

TEST(ConnectionFiles, TheOtherSidesFileIsToldByName) {
  const auto as_client = parse_client_connection(render(engine()));
  ASSERT_FALSE(as_client);
  EXPECT_THAT(as_client.error().message, HasSubstr("name ends in -client.json"));
  const auto as_engine = parse_engine_connection(render(client()));
  ASSERT_FALSE(as_engine);
  EXPECT_THAT(as_engine.error().message, HasSubstr("name ends in -engine.json"));
}

TEST_F(ConnectionFile, IsPrivateAndReplacedWhole) {
  const auto path = folder_ / "ipcontroller-client.json";
  std::ofstream(path) << "an older and much longer text";
  chmod(path.c_str(), 0644);
  ASSERT_TRUE(write_private_file(path, "{}"));
  EXPECT_EQ(read_file(path).value(), "{}");
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1) << "no temporary file is left";
}

TEST_F(ConnectionFile, FailuresNameThePathAndTheReason) {
  const auto missing = read_file(folder_ / "nothing.json");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_THAT(missing.error().message, testing::AllOf(HasSubstr("nothing.json"), HasSubstr("No such file")));
  EXPECT_FALSE(read_file(folder_)) << "a folder is not a file";
  const auto unwritten = write_private_file(folder_ / "no" / "such" / "file.json", "{}");
  ASSERT_FALSE(unwritten);
  EXPECT_THAT(unwritten.error().message, testing::AllOf(HasSubstr("file.json"), HasSubstr("No such file")));
}

TEST_F(ConnectionFile, AnEmptyFileIsReadAndRefusedByTheParser) {
  const auto path = folder_ / "empty.json";
  std::ofstream(path).close();
  const auto text = read_file(path);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_THAT(parse_client_connection(*text).error().message, HasSubstr("empty"));
}

}  // namespace
}  // namespace camshaft::wire
