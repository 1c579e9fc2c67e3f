#include "cluster/batch/dialect.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <regex>

namespace camshaft::cluster::batch {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Dialect changed(std::string_view name, const json& options) {
  return with_options(*find_dialect(name), options).value();
}
std::string refused(std::string_view name, const json& options) {
  const auto out = with_options(*find_dialect(name), options);
  return out ? "" : out.error().message;
}

TEST(Dialects, EverySystemCanBeAskedAndCancelledInBulk) {
  for (const Dialect& d : dialects()) {
    SCOPED_TRACE(d.name);
    EXPECT_EQ(find_dialect(d.name), &d);
    EXPECT_NE(d.layouts.find(d.layout), d.layouts.end());
    EXPECT_THAT(d.controller_file, Not(IsEmpty()));
    EXPECT_NO_THROW(std::regex(d.id_pattern));
    EXPECT_NO_THROW(std::regex(d.row_pattern));
    for (const auto& [pattern, state] : d.states) EXPECT_NO_THROW(std::regex{pattern});
    if (d.name == "batch") continue;
    EXPECT_THAT(d.submit, Not(IsEmpty()));
    EXPECT_THAT(d.cancel, Not(IsEmpty()));
    EXPECT_THAT(d.status, Not(IsEmpty()));
  }
  EXPECT_EQ(find_dialect("cray"), nullptr);
}

TEST(Dialects, CommandsAreFilledIn) {
  const Dialect& slurm = *find_dialect("slurm");
  EXPECT_THAT(expand(slurm.cancel, {"7", "8"}), ElementsAre("scancel", "7", "8"));
  EXPECT_THAT(expand(slurm.signal_tasks, {"7"}, SIGUSR1), ElementsAre("scancel", "-s", "10", "7"));
  EXPECT_EQ(expand(slurm.status, {"7", "8"}).back(), "7,8");
  EXPECT_THAT(expand(find_dialect("sge")->status, {"7"}, 0, "ada"), ElementsAre("qstat", "-u", "ada"));
}

TEST(Dialects, OptionsReplaceCommandsAndPatterns) {
  const Dialect d = changed("pbs", {{"submit_command", {"ssh", "head", "qsub"}},
                                    {"delete_command", json::array({"mydel"})},
                                    {"signal_command", json::array({"mysig"})},
                                    {"status_command", {"mystat", "-j", "{ids,}"}},
                                    {"job_id_regexp", "job (\\d+)"},
                                    {"job_id_regexp_group", 1},
                                    {"layout", "jobs"}});
  EXPECT_THAT(d.submit, ElementsAre("ssh", "head", "qsub", "{script}"));
  EXPECT_THAT(expand(d.cancel, {"1"}), ElementsAre("mydel", "1"));
  EXPECT_THAT(expand(d.signal, {"1", "2"}, 2), ElementsAre("mysig", "2", "1", "2"));
  EXPECT_THAT(expand(d.status, {"1", "2"}), ElementsAre("mystat", "-j", "1,2"));
  EXPECT_EQ(d.id_group, 1);
  EXPECT_EQ(d.layout, Layout::jobs);
  EXPECT_THAT(changed("lsf", {{"submit_command", json::array({"mysub"})}}).submit, ElementsAre("mysub"));
}

TEST(Dialects, WindowsHpcAsksItsHeadNode) {
  const Dialect d = changed("winhpc", {{"scheduler", "HEADNODE"}, {"job_cmd", "/opt/job"}});
  EXPECT_THAT(d.submit, ElementsAre("/opt/job", "submit", "/jobfile:{script}", "/scheduler:HEADNODE"));
  EXPECT_THAT(expand(d.cancel, {"9"}), ElementsAre("/opt/job", "cancel", "9", "/scheduler:HEADNODE"));
  EXPECT_THAT(expand(changed("winhpc", json::object()).cancel, {"9"}), ElementsAre("job", "cancel", "9"));
}

TEST(Dialects, WhatDoesNotFitIsNamed) {
  EXPECT_THAT(refused("slurm", {{"layout", "heap"}}),
              HasSubstr("layout=\"heap\": Slurm knows array, allocation, jobs"));
  EXPECT_THAT(refused("htcondor", {{"layout", "allocation"}}), HasSubstr("HTCondor knows array, jobs"));
  EXPECT_THAT(refused("pbs", {{"job_id_regexp", "("}}), HasSubstr("no regular expression"));
  EXPECT_THAT(refused("pbs", {{"job_id_regexp_group", 3}}), HasSubstr("groups"));
  EXPECT_THAT(refused("pbs", {{"submit_command", 3}}), HasSubstr("submit_command=3 is not a list of words"));
  EXPECT_THAT(refused("batch", json::object()), HasSubstr("submit_command"));
}

}  // namespace
}  // namespace camshaft::cluster::batch
