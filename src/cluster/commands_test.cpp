#include "cluster/commands.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cluster/cluster_file.hpp"

namespace camshaft::cluster {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

LocalPlan plan() {
  LocalPlan plan;
  plan.profile = {"/ip", "/ip/profile_x"};
  plan.cluster_id = "id";
  plan.controller_cmd = {"/bin/ipcontroller"};
  plan.controller_args = {"--hwm=0"};
  plan.controller_ip = "*";
  plan.engine_cmd = {"python3", "-m", "camshaft.engine"};
  plan.launcher_pid = 42;
  return plan;
}

TEST(Commands, TheControllerGetsItsAddressProfileAndLog) {
  const Command command = controller_command(plan());
  EXPECT_THAT(command.argv, ElementsAre("/bin/ipcontroller", "--ip=*", "--hwm=0"));
  EXPECT_THAT(command.environment, Contains(Pair("IPP_CLUSTER_ID", "id")));
  EXPECT_THAT(command.environment, Contains(Pair("IPP_PROFILE_DIR", "/ip/profile_x")));
  EXPECT_EQ(command.log_file, "/ip/profile_x/log/ipcontroller-id-42.log");
}

TEST(Commands, EnginesGetTheConnectionWhenThereIsOne) {
  const Command command = engine_command(plan(), "77", 3, "{}");
  EXPECT_THAT(command.argv, ElementsAre("python3", "-m", "camshaft.engine"));
  EXPECT_THAT(command.environment, Contains(Pair("IPP_CONNECTION_INFO", "{}")));
  EXPECT_EQ(command.log_file, "/ip/profile_x/log/ipengine-id-77-3.log");
  EXPECT_EQ(engine_command(plan(), "77", 3, "").environment.size(), 2U);
}

TEST(Commands, AnEmptyIdLeavesNoTraceInNames) {
  LocalPlan without = plan();
  without.cluster_id = "";
  EXPECT_EQ(controller_command(without).log_file, "/ip/profile_x/log/ipcontroller-42.log");
  EXPECT_EQ(client_connection_path(without.profile, ""), "/ip/profile_x/security/ipcontroller-client.json");
  EXPECT_EQ(engine_connection_path(without.profile, "a"), "/ip/profile_x/security/ipcontroller-a-engine.json");
  EXPECT_EQ(cluster_file_path(without.profile, ""), "/ip/profile_x/security/cluster-.json");
}

TEST(Words, AreSplitAsAShellWould) {
  EXPECT_THAT(split_words("a  'b c' \"d e\"f ''").value(), ElementsAre("a", "b c", "d ef", ""));
  EXPECT_THAT(split_words(R"(["a b", "c"])").value(), ElementsAre("a b", "c"));
  EXPECT_THAT(split_words("['a b', 'c']").value(), ElementsAre("a b", "c"));
  EXPECT_THAT(split_words("[]").value(), ElementsAre());
  EXPECT_FALSE(split_words("'a"));
  EXPECT_FALSE(split_words("[1]"));
  EXPECT_FALSE(split_words("[\"a\""));
}

TEST(ClusterFile, ReadsWhatItWrites) {
  ClusterRecord record;
  record.cluster_id = "id";
  record.profile_dir = "/ip/profile_x";
  record.controller_args = {"--hwm=0"};
  record.n = 2;
  record.supervisor_program = "ipcluster";
  record.supervisor = {7, "boot:1"};
  record.controller_class = record.engine_class = "local";
  record.controller = {{8, "boot:2"}, "/log/c"};
  record.engine_sets["77"] = {{0, {{9, "boot:3"}, "/log/0"}}, {1, {{10, "boot:4"}, "/log/1"}}};
  EXPECT_EQ(parse_cluster_record(render(record)).value(), record);
  EXPECT_EQ(record.engine_count(), 2U);
}

TEST(ClusterFile, ASetThatIsOneProcessIsWrittenAsTheOriginalWritesMpiexec) {
  ClusterRecord record;
  record.engine_class = "ssh";
  record.engine_sets["77"] = {{0, {{9, "boot:3"}, "/log/0"}}};
  record.set_sizes["77"] = 4;
  const auto file = nlohmann::json::parse(render(record));
  EXPECT_EQ(file["engines"]["class"], "mpi");
  EXPECT_EQ(file["engines"]["sets"]["77"]["pid"], 9);
  EXPECT_EQ(file["engines"]["sets"]["77"]["n"], 4);
  EXPECT_EQ(parse_cluster_record(render(record)).value(), record);
  EXPECT_EQ(record.engine_count(), 4U);
}

TEST(ClusterFile, ReadsTheOriginals) {
  const auto record = parse_cluster_record(R"({"cluster": {"cluster_id": "", "profile_dir": "/p", "n": null},
    "controller": {"class": "local", "state": {"pid": 12, "output_file": "/o"}},
    "engines": {"class": "slurm", "sets": {"1": {"n": 4, "job_id": "3"}}}})");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->controller.process, (ProcessId{12, ""}));
  EXPECT_EQ(record->engine_class, "slurm");
  EXPECT_EQ(record->engine_count(), 0U);
}

TEST(ClusterFile, RefusesWhatIsNone) {
  for (const char* text : {"", "[]", "{}", R"({"cluster": 1})", "{\"cluster\": {"}) {
    EXPECT_FALSE(parse_cluster_record(text)) << text;
  }
  EXPECT_TRUE(parse_cluster_record(R"({"cluster": {}, "controller": 3, "engines": {"sets": {"a": 1}}})"));
}

}  // namespace
}  // namespace camshaft::cluster
