#include "apps/controller_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace camshaft::apps {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Variables = std::map<std::string, std::string>;

cluster::Environment from(Variables variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

Result<ControllerOptions> parse(std::vector<const char*> arguments, Variables variables = {{"HOME", "/home/ada"}}) {
  return parse_controller_options(arguments, from(std::move(variables)));
}

std::string error(std::vector<const char*> arguments, Variables variables = {{"HOME", "/home/ada"}}) {
  auto options = parse(std::move(arguments), std::move(variables));
  return options ? "accepted" : options.error().message;
}

TEST(ControllerOptions, DefaultsAreThoseOfTheOriginal) {
  auto options = parse({});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->profile.dir, "/home/ada/.ipython/profile_default");
  EXPECT_EQ(options->profile.label(), "default");
  EXPECT_EQ(options->engine_ip, "127.0.0.1");
  EXPECT_EQ(options->ping_ms, 3000);
  EXPECT_EQ(options->max_misses, 10);
  EXPECT_EQ(options->hwm, service::kAutoHwm);
  EXPECT_EQ(options->scheme, "leastload");
  EXPECT_EQ(options->registration_timeout(), 30);
  EXPECT_EQ(options->key, std::nullopt);
  EXPECT_EQ(options->records.kind, service::RecordOptions::Kind::memory);
  EXPECT_FALSE(options->reuse);
  EXPECT_THAT(options->notices, IsEmpty());
}

TEST(ControllerOptions, TakesAliasesAndTraits) {
  auto options =
      parse({"--profile=mpi", "--cluster-id", "night", "--ip=*", "--IPController.engine_ip=10.0.0.1", "--location=head",
             "--ping=100", "--hwm=0", "--scheme=lru", "--restore", "--nodb", "--enginessh=a@b", "--ports=10101-10103",
             "--port=10100", "--log-level=DEBUG", "--log-to-file", "--HeartMonitor.max_heartmonitor_misses=3"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->profile.dir, "/home/ada/.ipython/profile_mpi");
  EXPECT_EQ(options->cluster_id, "night");
  EXPECT_EQ(options->engine_ip, "10.0.0.1");
  EXPECT_EQ(options->client_ip, "*");
  EXPECT_EQ(options->location, "head");
  EXPECT_EQ(options->hwm, 0);
  EXPECT_EQ(options->max_misses, 3);
  EXPECT_TRUE(options->reuse && options->restore && options->log_to_file);
  EXPECT_EQ(options->records.kind, service::RecordOptions::Kind::none);
  EXPECT_EQ(options->engine_ssh, "a@b");
  EXPECT_EQ(options->client_ssh, "");
  EXPECT_EQ(options->registration_port, 10100);
  EXPECT_EQ(options->ports.size(), 3U);
  EXPECT_EQ(options->log_level, Level::debug);
}

TEST(ControllerOptions, TakesWhatTheOriginalLauncherPasses) {
  const Variables variables = {{"IPP_CLUSTER_ID", "1700-abcd"},
                               {"IPP_PROFILE_DIR", "/data/profile_x"},
                               {"IPP_SESSION_KEY", "secret"},
                               {"IPYTHONDIR", "/data"}};
  auto options = parse({"--ip=127.0.0.1", "--location=node7"}, variables);
  ASSERT_TRUE(options);
  EXPECT_EQ(options->cluster_id, "1700-abcd");
  EXPECT_EQ(options->profile.dir, "/data/profile_x");
  EXPECT_EQ(options->profile.label(), "x");
  EXPECT_EQ(options->key, "secret");
  EXPECT_EQ(parse({"--cluster-id=mine"}, variables)->cluster_id, "mine");
  EXPECT_EQ(parse({"--profile-dir=/else/where"}, variables)->profile.dir, "/else/where");
}

TEST(ControllerOptions, KeysComeFromTheCommandLineFirst) {
  const Variables variables = {{"HOME", "/h"}, {"IPP_SESSION_KEY", "secret"}};
  EXPECT_EQ(parse({"--no-secure"}, variables)->key, "");
  EXPECT_EQ(parse({"--Session.key=mine"}, variables)->key, "mine");
  EXPECT_EQ(parse({"--Session.key=mine", "--secure"}, {{"HOME", "/h"}})->key, std::nullopt);
}

TEST(ControllerOptions, ReadsTheKeyFile) {
  const auto path = std::filesystem::temp_directory_path() / ("camshaft_key_" + std::to_string(::getpid()));
  std::ofstream(path) << "abc\n";
  const std::string option = "--keyfile=" + path.string();
  auto options = parse({option.c_str()}, {{"HOME", "/h"}, {"IPP_SESSION_KEY", "secret"}});
  ASSERT_TRUE(options);
  EXPECT_EQ(read_session_key(*options).value(), "abc");
  std::filesystem::remove(path);
  auto failed = read_session_key(*options);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr(path.string()));
}

TEST(ControllerOptions, SaysWhatItCannotDo) {
  EXPECT_EQ(error({"--sqlitedb"}), "accepted");
  EXPECT_EQ(error({"--IPController.db_class=ipyparallel.controller.mongodb.MongoDB"}), "accepted");
  EXPECT_EQ(parse({"--mongodb", "--MongoDB.connection_args=['db', 1234]"})->records.mongo.uri, "mongodb://db:1234/");
  EXPECT_THAT(error({"--mongodb", "--MongoDB.connection_args=[3]"}), HasSubstr("--MongoDB.connection_args"));
  EXPECT_THAT(error({"--db_class=Oracle"}), HasSubstr("unknown option"));
  EXPECT_THAT(error({"--IPController.db_class=Oracle"}), HasSubstr("MongoDB or NoDB"));
  EXPECT_EQ(error({"--IPController.db_class=ipyparallel.controller.dictdb.DictDB"}), "accepted");
  EXPECT_EQ(parse({"--transport=ipc"})->engine_ip, "ipc://");
  EXPECT_EQ(parse({"--transport=ipc", "--ip=/run/mine"})->client_ip, "ipc:///run/mine");
  EXPECT_EQ(parse({"--transport=tcp"})->client_ip, "127.0.0.1");
  EXPECT_THAT(error({"--IPController.client_transport=ipc"}), HasSubstr("one transport"));
  EXPECT_THAT(parse({"--usethreads"})->notices.size(), 1U);
  EXPECT_THAT(parse({"--log-url=tcp://x"})->log_url, "tcp://x");
}

TEST(ControllerOptions, EncryptsWithAPairOfKeys) {
  const auto keys = net::new_curve_keys().value();
  EXPECT_FALSE(parse({})->curve);
  const auto made = parse({"--IPController.enable_curve=True"});
  ASSERT_TRUE(made && made->curve);
  EXPECT_EQ(made->key, "");  // not signed
  const auto given = parse({"--Session.key=k"}, {{"HOME", "/h"},
                                                 {"IPP_ENABLE_CURVE", "1"},
                                                 {"IPP_CURVE_SECRETKEY", keys.secret_key},
                                                 {"IPP_CURVE_PUBLICKEY", keys.public_key}});
  ASSERT_TRUE(given);
  EXPECT_EQ(given->curve, keys);
  EXPECT_EQ(given->key, "k");
  EXPECT_THAT(error({"--IPController.enable_curve=True", "--IPController.curve_secretkey=x"}), HasSubstr("Z85"));
  const std::string other = "--IPController.curve_publickey=" + std::string(40, 'a');
  EXPECT_THAT(error({"--IPController.enable_curve=True", other.c_str()}), HasSubstr("not that of"));
}

TEST(ControllerOptions, RefusesWhatIsWrongInOneLine) {
  EXPECT_EQ(error({"--pig=3"}), "unknown option '--pig'; did you mean '--ping'?");
  EXPECT_EQ(error({"--hmw=3"}), "unknown option '--hmw'; did you mean '--hwm'?");
  EXPECT_EQ(error({"--HeartMonitor.perod=3"}),
            "unknown option '--HeartMonitor.perod'; did you mean '--HeartMonitor.period'?");
  EXPECT_THAT(error({"stray"}), HasSubstr("'stray' is not an option"));
  EXPECT_THAT(error({"--hwm=-1"}), HasSubstr("auto or a number"));
  EXPECT_THAT(error({"--hwm=many"}), HasSubstr("auto or a number"));
  EXPECT_EQ(parse({"--hwm=7"})->hwm, 7);
  EXPECT_EQ(parse({"--hwm=auto"})->hwm, service::kAutoHwm);
  EXPECT_THAT(error({"--cluster-id=../x"}), HasSubstr("cannot be part of a file name"));
  EXPECT_THAT(error({"--profile=a/b"}), HasSubstr("--profile-dir"));
  EXPECT_THAT(error({}, {}), HasSubstr("HOME"));
}

TEST(ControllerOptions, HelpAsksToPrintAndStop) {
  EXPECT_THAT(parse({"--help"})->text, HasSubstr("--scheme"));
  EXPECT_THAT(parse({"--help-all"})->text, HasSubstr("--TaskScheduler.hwm"));
}

}  // namespace
}  // namespace camshaft::apps
