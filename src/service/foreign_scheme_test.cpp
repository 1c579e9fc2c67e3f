// Schemes from shared libraries: what is said when they are not there, and what the guard lets through.
#include "service/foreign_scheme.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace camshaft::service {
namespace {

class LinesLog final : public Log {
 public:
  bool enabled(Level) const override { return true; }
  void write(Level, std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

std::size_t call(const sched::Chooser& chooser) {
  const std::vector<sched::Load> loads = {3, 1};
  const std::vector<std::uint64_t> counts = {7, 8};
  const std::vector<std::uint32_t> engines = {4, 2};
  Rng rng(1);
  return chooser({loads, counts, engines}, rng);
}

TEST(ForeignScheme, TellsFunctionsFromNames) {
  EXPECT_TRUE(names_function("./libmine.so:mine"));
  EXPECT_FALSE(names_function("lru"));
}

TEST(ForeignScheme, NamesTheLibraryThatIsMissing) {
  const auto loaded = load_scheme("./no-such-library.so:mine");
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().message.find("no-such-library.so"), std::string::npos);
  EXPECT_EQ(loaded.error().message.find('\n'), std::string::npos);
}

TEST(ForeignScheme, NamesTheFunctionThatIsMissing) {
  const auto loaded = load_scheme("libc.so.6:camshaft_has_no_such_function");
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().message.find("no function 'camshaft_has_no_such_function'"), std::string::npos);
}

TEST(ForeignScheme, RefusesHalfAName) {
  for (const char* name : {":mine", "./libmine.so:", "mine"}) {
    const auto loaded = load_scheme(name);
    ASSERT_FALSE(loaded) << name;
    EXPECT_EQ(loaded.error().code, Errc::bad_value);
  }
}

TEST(ForeignScheme, TheGuardPassesGoodAnswersOn) {
  LinesLog log;
  EXPECT_EQ(call(guarded([](const sched::Candidates&, Rng&) { return std::size_t{1}; }, "mine", log)), 1u);
  EXPECT_TRUE(log.lines.empty());
}

TEST(ForeignScheme, TheGuardSaysOnceThatAnIndexIsOutOfRange) {
  LinesLog log;
  const sched::Chooser chooser = guarded([](const sched::Candidates&, Rng&) { return std::size_t{2}; }, "mine", log);
  EXPECT_EQ(call(chooser), 0u);
  EXPECT_EQ(call(chooser), 0u);
  ASSERT_EQ(log.lines.size(), 1u);
  EXPECT_NE(log.lines[0].find("scheme 'mine' answered 2 where there are 2 engines"), std::string::npos) << log.lines[0];
}

TEST(ForeignScheme, TheGuardSaysThatASchemeFails) {
  LinesLog log;
  const auto broken = [](const sched::Candidates&, Rng&) -> std::size_t { throw std::runtime_error("ValueError: no"); };
  EXPECT_EQ(call(guarded(broken, "mine", log)), 0u);
  ASSERT_EQ(log.lines.size(), 1u);
  EXPECT_NE(log.lines[0].find("failed: ValueError: no"), std::string::npos);
}

}  // namespace
}  // namespace camshaft::service
