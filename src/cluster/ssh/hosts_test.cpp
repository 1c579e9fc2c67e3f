#include "cluster/ssh/hosts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace camshaft::cluster::ssh {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

TetherSpec spec(nlohmann::json options, int n = 8) {
  TetherSpec spec;
  spec.n = n;
  spec.cluster_id = "id";
  spec.profile_dir = "/home/me/.ipython/profile_x";
  spec.launcher = {"ssh", std::move(options)};
  spec.argv = {"/here/python", "-m", "camshaft.engine", "--debug"};
  spec.program_words = 3;
  spec.environment = {{"IPP_CLUSTER_ID", "id"}, {"IPP_PROFILE_DIR", "/home/me/x"}, {"IPP_CONNECTION_INFO", "{}"}};
  return spec;
}

TEST(Ssh, ReadsAddresses) {
  EXPECT_EQ(parse_address("node").value(), (Address{"", "node", 0}));
  EXPECT_EQ(parse_address("me@node:2222").value(), (Address{"me", "node", 2222}));
  EXPECT_EQ(parse_address("[::1]:22").value(), (Address{"", "::1", 22}));
  EXPECT_EQ(parse_address("me@fe80::1").value(), (Address{"me", "fe80::1", 0}));
  for (const char* wrong :
       {"", "@node", "node:", "node:x", "node:0", "node:65536", "[::1", "[::1]22", "-oProxy=x", "-x@node", "me@"}) {
    EXPECT_FALSE(parse_address(wrong)) << wrong;
  }
}

TEST(Ssh, EveryFormOfAHostIsUnderstood) {
  const auto hosts = hosts_of(spec({{"ssh_args", {"-tt", "-F", "config"}},
                                    {"engines",
                                     {{"a", 2},
                                      {"b:33", {{"n", 3}, {"engine_args", {"--x"}}, {"remote_python", "/opt/p"}}},
                                      {"c", {1, {"--y"}}}}}}),
                              "/home/me")
                         .value();
  ASSERT_EQ(hosts.size(), 3U);
  EXPECT_EQ(hosts[0].n, 2);
  EXPECT_THAT(hosts[0].ssh, Not(Contains("-tt")));
  EXPECT_THAT(hosts[0].ssh, Contains("-F"));
  EXPECT_THAT(hosts[0].argv, ElementsAre("python3", "-m", "camshaft.engine", "--debug"));
  EXPECT_EQ(hosts[0].profile_dir, ".ipython/profile_x");
  EXPECT_THAT(hosts[0].environment, Contains(Pair("IPP_CONNECTION_INFO", "{}")));
  EXPECT_EQ(hosts[1].n, 3);
  EXPECT_THAT(hosts[1].ssh, Contains("33"));
  EXPECT_THAT(hosts[1].ssh.back(), HasSubstr("'/opt/p' -u -c"));
  EXPECT_THAT(hosts[1].argv, ElementsAre("/opt/p", "-m", "camshaft.engine", "--debug", "--x"));
  EXPECT_THAT(hosts[2].argv, ElementsAre("python3", "-m", "camshaft.engine", "--debug", "--y"));
}

TEST(Ssh, NoMoreEnginesThanWanted) {
  const nlohmann::json options = {{"engines", {{"a", 2}, {"b", 3}, {"c", 1}}}};
  const auto hosts = hosts_of(spec(options, 4), "").value();
  ASSERT_EQ(hosts.size(), 2U);
  EXPECT_EQ(hosts[1].n, 2);
  EXPECT_EQ(engines_asked_for({"ssh", options}), 6);
  EXPECT_EQ(engines_asked_for({"ssh"}), 0);
  EXPECT_EQ(engines_asked_for({"mpi", options}), 0);
}

TEST(Ssh, MistakesAreNamed) {
  EXPECT_THAT(hosts_of(spec(nlohmann::json::object()), "").error().message, HasSubstr("the option engines"));
  EXPECT_THAT(hosts_of(spec({{"engines", {{"a", 0}}}}), "").error().message, HasSubstr("engines on a"));
  EXPECT_THAT(hosts_of(spec({{"engines", {{"a:b", 1}}}}), "").error().message, HasSubstr("[user@]host[:port]"));
  TetherSpec proxy = spec(nlohmann::json::object());
  proxy.launcher.name = "sshproxy";
  EXPECT_THAT(hosts_of(proxy, "").error().message, HasSubstr("the option hostname"));
}

TEST(Ssh, AProxyRunsIpclusterThere) {
  TetherSpec proxy =
      spec({{"hostname", "me@login"}, {"ipcluster_cmd", {"ipcluster"}}, {"ipcluster_args", {"--debug"}}});
  proxy.launcher.name = "sshproxy";
  const Host host = hosts_of(proxy, "").value().front();
  EXPECT_THAT(host.argv, ElementsAre("ipcluster", "engines", "-n", "8", "--cluster-id=id", "--debug"));
  EXPECT_EQ(host.n, 1);
  EXPECT_TRUE(host.needs_files);
}

TEST(Ssh, AControllerListensWhereItCanBeReachedAndItsFilesComeBack) {
  TetherSpec controller = spec({{"hostname", "login"}});
  controller.role = Role::controller;
  controller.argv = {"/here/ipcontroller", "--hwm=0"};
  controller.program_words = 1;
  const Host host = hosts_of(controller, "").value().front();
  EXPECT_THAT(host.argv, ElementsAre("python3", "-m", "camshaft.controller", "--hwm=0", "--ip=*"));
  EXPECT_THAT(opening(host, {}), HasSubstr(R"("fetch":["ipcontroller-id-client.json","ipcontroller-id-engine.json"])"));
  controller.argv.emplace_back("--ip=10.0.0.1");
  EXPECT_THAT(hosts_of(controller, "").value().front().argv, Not(Contains("--ip=*")));
}

TEST(Ssh, TheGuardComesFirstInALineOfItsOwn) {
  const Host host = hosts_of(spec({{"hostname", "a"}}), "").value().front();
  const std::string text = opening(host, {{"f", "t"}});
  const std::size_t end = text.find('\n');
  EXPECT_EQ(nlohmann::json::parse(text.substr(0, end)), guard_program());
  EXPECT_EQ(nlohmann::json::parse(text.substr(end))["files"], nlohmann::json::parse(R"([["f", "t"]])"));
}

TEST(Ssh, FailuresGetOneLineThatSaysWhatToDo) {
  const Host host = hosts_of(spec({{"hostname", "node"}}), "").value().front();
  const auto line = [&](int code, const char* text) { return explain(host, code, text); };
  EXPECT_EQ(line(255, "banner\nme@node: Permission denied (publickey).\r\n"),
            "no engines on node: me@node: Permission denied (publickey).; ssh must get in without a password: "
            "ssh-copy-id node, or an agent");
  EXPECT_THAT(line(255, "Host key verification failed."), HasSubstr("connect once by hand: ssh node"));
  EXPECT_THAT(line(255, "ssh: Could not resolve hostname node"), HasSubstr("is the name right?"));
  EXPECT_THAT(line(255, "connect to host node port 22: Connection refused"), HasSubstr("does sshd run there"));
  EXPECT_THAT(line(255, "connect to host node port 22: Connection timed out"), HasSubstr("firewall"));
  EXPECT_THAT(line(127, "bash: python3: command not found"), HasSubstr("remote_python"));
  EXPECT_THAT(line(1, ""), HasSubstr("ssh ended with 1"));
}

using nlohmann::json;

TEST(Ssh, FilesAreCopiedWithTheConnectionOfTheirHost) {
  const auto hosts = hosts_of(
      spec({{"ssh_args", {"-tt", "-F", "config", "-p", "22", "-oProxyJump=j", "-N"}},
            {"user", "me"},
            {"to_send", json::array({json::array({"a.txt", "~/data/it's/a.txt"}), json::array({"b", "b"})})},
            {"engines", {{"node:33", {{"n", 1}, {"to_fetch", json::array({json::array({"out/x", "/here/x"})})}}}}}}),
      "/home/me");
  ASSERT_TRUE(hosts);
  const Host& host = hosts->front();
  const auto send = sending(host);
  ASSERT_EQ(send.size(), 3U);
  EXPECT_EQ(send[0].front(), "ssh");
  EXPECT_EQ(send[0].back(), "mkdir -p -- 'data/it'\\''s'");
  EXPECT_THAT(send[1], ElementsAre("scp", "-F", "config", "-P", "22", "-o", "ProxyJump=j", "-o", "BatchMode=yes", "-o",
                                   "ConnectTimeout=20", "-P", "33", "a.txt", "me@node:data/it's/a.txt"));
  EXPECT_EQ(send[2].back(), "me@node:b");
  const auto fetch = fetching(host);
  ASSERT_EQ(fetch.size(), 1U);
  EXPECT_EQ(fetch[0][fetch[0].size() - 2], "me@node:out/x");
  EXPECT_EQ(fetch[0].back(), "/here/x");
}

TEST(Ssh, TheCopyingProgramIsTheUsersChoice) {
  const auto hosts = hosts_of(spec({{"scp_cmd", {"my-scp", "-r"}},
                                    {"scp_args", {"-l", "100"}},
                                    {"ssh_args", {"-F", "config"}},
                                    {"hostname", "fe80::1"},
                                    {"to_fetch", json::array({json::array({"x", "y"})})}}),
                              "/home/me");
  ASSERT_TRUE(hosts);
  EXPECT_THAT(fetching(hosts->front()).front(), ElementsAre("my-scp", "-r", "-l", "100", "-o", "BatchMode=yes", "-o",
                                                            "ConnectTimeout=20", "[fe80::1]:x", "y"));
  EXPECT_TRUE(sending(hosts->front()).empty());
}

TEST(Ssh, FilesToCopyArePairs) {
  for (const nlohmann::json& wrong :
       {nlohmann::json("a"), nlohmann::json::array({"a"}), nlohmann::json::array({nlohmann::json::array({"a", 1})}),
        nlohmann::json::array({nlohmann::json::array({"a", ""})})}) {
    const auto hosts = hosts_of(spec({{"hostname", "node"}, {"to_send", wrong}}), "/home/me");
    ASSERT_FALSE(hosts) << wrong;
    EXPECT_THAT(hosts.error().message, HasSubstr("to_send: a list of pairs"));
  }
}

}  // namespace
}  // namespace camshaft::cluster::ssh
