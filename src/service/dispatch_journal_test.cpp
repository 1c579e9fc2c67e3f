#include "service/dispatch_journal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <memory>

namespace camshaft::service {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

const EngineId e0("e0"), e1("e1");
const MsgId a("a"), b("b"), c("c");

struct DispatchJournalTest : ::testing::Test {
  DispatchJournalTest() {
    std::string name = (std::filesystem::temp_directory_path() / "camshaft-journal-XXXXXX").string();
    folder = ::mkdtemp(name.data());
  }
  ~DispatchJournalTest() override { std::filesystem::remove_all(folder); }

  std::unique_ptr<DispatchJournal> open(bool go_on, const std::string& boot = "boot", std::size_t entries = 1 << 16) {
    return std::make_unique<DispatchJournal>(
        DispatchJournal::Options{.stem = folder / "dispatched", .entries = entries, .boot = boot}, go_on, clock, log);
  }
  /// What was sent to others than these engines.
  static auto sent(const DispatchJournal& journal, const std::set<EngineId>& except) {
    const std::vector<MsgId> ids{a, b, c};
    return journal.sent_elsewhere(ids, except);
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
  }
  FakeClock clock;
  NullLog log;
  std::filesystem::path folder;
};

TEST_F(DispatchJournalTest, TheNextControllerKnowsWhatWasSentWhere) {
  {
    const auto journal = open(false);
    journal->sent(a, e0);
    journal->sent(b, e1);
    EXPECT_THAT(sent(*journal, {e1}), Optional(UnorderedElementsAre(Pair(a, 1))));
  }
  const auto second = open(true);
  EXPECT_THAT(sent(*second, {e1}), Optional(UnorderedElementsAre(Pair(a, 1))));
  second->sent(c, e0);
  const auto third = open(true);
  EXPECT_THAT(sent(*third, {e1}), Optional(UnorderedElementsAre(Pair(a, 1), Pair(c, 1))));
  EXPECT_THAT(sent(*third, {}), Optional(UnorderedElementsAre(Pair(a, 1), Pair(b, 1), Pair(c, 1))));
  EXPECT_THAT(sent(*third, {e0, e1}), Optional(IsEmpty()));
}

TEST_F(DispatchJournalTest, WhatWasHandedBackIsNotThere) {
  const auto journal = open(false);
  journal->sent(a, e0);
  journal->sent(a, e1);
  journal->handed_back(a, e0);
  EXPECT_THAT(sent(*journal, {e1}), Optional(IsEmpty()));
  EXPECT_THAT(sent(*journal, {}), Optional(UnorderedElementsAre(Pair(a, 1))));
  journal->sent(a, e0);
  EXPECT_THAT(sent(*journal, {e1}), Optional(UnorderedElementsAre(Pair(a, 1))));
  EXPECT_THAT(sent(*journal, {}), Optional(UnorderedElementsAre(Pair(a, 2))));
}

TEST_F(DispatchJournalTest, AFreshControllerBeginsAnew) {
  open(false)->sent(a, e0);
  EXPECT_THAT(sent(*open(false), {e1}), Optional(IsEmpty()));
  EXPECT_EQ(files(), 1u);
}

TEST_F(DispatchJournalTest, WithoutTheForerunnersFilesNothingIsKnownForAWhile) {
  const auto journal = open(true);
  journal->sent(a, e0);
  EXPECT_EQ(sent(*journal, {e1}), std::nullopt);
  EXPECT_EQ(sent(*open(true), {e1}), std::nullopt) << "nor does the next one";
  clock.advance(11min);
  EXPECT_THAT(sent(*open(true), {e1}), Optional(UnorderedElementsAre(Pair(a, 1))));
}

TEST_F(DispatchJournalTest, AfterALossOfPowerNothingIsBelieved) {
  open(false, "boot")->sent(a, e0);
  EXPECT_EQ(sent(*open(true, "another"), {e1}), std::nullopt);
}

TEST_F(DispatchJournalTest, AFileOfSomethingElseIsNotBelieved) {
  std::ofstream(folder / "dispatched-7") << "text";
  EXPECT_EQ(sent(*open(true), {e1}), std::nullopt);
}

TEST_F(DispatchJournalTest, OldEntriesLeaveButNotWhatIsInFlight) {
  const auto journal = open(false);
  journal->use([](const auto& tell) { tell(a, e0); });
  journal->sent(a, e0);
  journal->sent(b, e0);
  for (int n = 0; n < 4 * (1 << 16); ++n) journal->sent(MsgId("n" + std::to_string(n)), e1);
  journal->sent(c, e0);
  EXPECT_THAT(sent(*journal, {e1}), Optional(UnorderedElementsAre(Pair(a, 1), Pair(c, 1))));
  EXPECT_EQ(files(), 2u);
}

TEST_F(DispatchJournalTest, FilesOfEarlierControllersStayUntilNobodyAsks) {
  open(false)->sent(b, e0);
  const auto journal = open(true);
  const auto fill = [&] {
    for (int n = 0; n < 4 * (1 << 16); ++n) journal->sent(MsgId("n" + std::to_string(n)), e1);
  };
  fill();
  EXPECT_THAT(sent(*journal, {e1}), Optional(UnorderedElementsAre(Pair(b, 1))));
  EXPECT_EQ(files(), 3u);
  clock.advance(11min);
  fill();
  EXPECT_THAT(sent(*journal, {e1}), Optional(IsEmpty()));
  EXPECT_EQ(files(), 2u);
}

TEST_F(DispatchJournalTest, AFolderThatIsNotThereIsNoHarm) {
  DispatchJournal journal({.stem = folder / "nowhere" / "dispatched", .boot = "boot"}, false, clock, log);
  journal.sent(a, e0);
  EXPECT_EQ(sent(journal, {e1}), std::nullopt);
}

}  // namespace
}  // namespace camshaft::service
