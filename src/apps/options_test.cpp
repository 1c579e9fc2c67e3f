#include "apps/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace camshaft::apps {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

struct Table : ::testing::Test {
  Table() : table("tool", "tool: does things") {
    table.text({"ip", "Thing.ip"}, ip, "address");
    table.integer({"n", "Thing.n"}, n, 1, std::numeric_limits<int>::max(), "how many");
    table.integer({"ping", "Heart.period"}, ping, 1, 60000, "milliseconds");
    table.real({"delay"}, delay, 0, "seconds");
    table.boolean({"log-to-file", "Thing.log_to_file"}, to_file, "file");
    table.choice({"scheme"}, scheme, {"lru", "pure"}, "how");
    table.level({"log-level"}, level);
    table.ports({"ports"}, ports, "pool");
    table.flag(
        {"nodb"}, [this] { nodb = true; }, "nothing kept");
  }
  Result<Parsed> parse(std::vector<const char*> arguments) { return table.parse(arguments); }
  std::string error(std::vector<const char*> arguments) {
    auto parsed = table.parse(arguments);
    return parsed ? "accepted" : parsed.error().message;
  }

  std::string ip, scheme = "lru";
  int n = 0, ping = 3000;
  double delay = 1;
  bool to_file = false, nodb = false;
  Level level = Level::info;
  std::vector<int> ports;
  OptionTable table;
};

TEST_F(Table, TakesEverySpellingOfAValue) {
  for (auto arguments : std::vector<std::vector<const char*>>{
           {"--n=4"}, {"--n", "4"}, {"-n", "4"}, {"-n=4"}, {"-n4"}, {"--Thing.n=4"}, {"--Thing.n", "4"}}) {
    n = 0;
    ASSERT_TRUE(parse(arguments)) << arguments[0];
    EXPECT_EQ(n, 4) << arguments[0];
  }
}

TEST_F(Table, TakesBooleansAsFlagsAndAsValues) {
  ASSERT_TRUE(parse({"--log-to-file"}));
  EXPECT_TRUE(to_file);
  ASSERT_TRUE(parse({"--log-to-file=False"}));
  EXPECT_FALSE(to_file);
  ASSERT_TRUE(parse({"--Thing.log_to_file", "True"}));
  EXPECT_TRUE(to_file);
  ASSERT_TRUE(parse({"--log_to_file=0"}));
  EXPECT_FALSE(to_file);
  ASSERT_TRUE(parse({"--nodb"}));
  EXPECT_TRUE(nodb);
}

TEST_F(Table, TakesEmptyAndDashedValuesAfterEquals) {
  ip = "x";
  ASSERT_TRUE(parse({"--ip="}));
  EXPECT_EQ(ip, "");
  ASSERT_TRUE(parse({"--ip=--odd=--"}));
  EXPECT_EQ(ip, "--odd=--");
}

TEST_F(Table, TakesPortsLevelsAndNumbers) {
  ASSERT_TRUE(parse({"--ports=10101-10103,10108", "--ports=[7, 8]", "--log-level=30", "--delay", "0.5"}));
  EXPECT_THAT(ports, ElementsAre(10101, 10102, 10103, 10108, 7, 8));
  EXPECT_EQ(level, Level::warning);
  EXPECT_EQ(delay, 0.5);
  ASSERT_TRUE(parse({"--log-level=debug"}));
  EXPECT_EQ(level, Level::debug);
}

TEST_F(Table, KeepsPositionalsAndWhatFollowsTheDashes) {
  auto parsed = parse({"start", "-n", "2", "now", "--", "--hwm=3", "x"});
  ASSERT_TRUE(parsed);
  EXPECT_THAT(parsed->positional, ElementsAre("start", "now"));
  EXPECT_THAT(parsed->after_dashes, ElementsAre("--hwm=3", "x"));
}

TEST_F(Table, NamesTheNearestOptionForATypo) {
  EXPECT_EQ(error({"--pign=3"}), "unknown option '--pign'; did you mean '--ping'?");
  EXPECT_EQ(error({"--schema", "lru"}), "unknown option '--schema'; did you mean '--scheme'?");
  EXPECT_EQ(error({"--thing.IP=1"}), "unknown option '--thing.IP'; did you mean '--Thing.ip'?");
  EXPECT_EQ(error({"--hepl"}), "unknown option '--hepl'; did you mean '--help'?");
  EXPECT_THAT(error({"--completely-different-thing"}), HasSubstr("--help-all"));
  EXPECT_THAT(error({"-x"}), HasSubstr("unknown option '-x'"));
  EXPECT_THAT(error({"-ping"}), HasSubstr("did you mean '--ping'"));
}

TEST_F(Table, SaysWhatAValueShouldBe) {
  EXPECT_EQ(error({"--ping=fast"}), "option '--ping' expects a whole number from 1 to 60000, but got 'fast'");
  EXPECT_EQ(error({"--ping=0"}), "option '--ping' expects a whole number from 1 to 60000, but got '0'");
  EXPECT_EQ(error({"-n", "x"}), "option '-n' expects a whole number, at least 1, but got 'x'");
  EXPECT_EQ(error({"-n"}), "option '-n' needs a value: a whole number, at least 1");
  EXPECT_EQ(error({"--ip", "--nodb"}), "option '--ip' needs a value: a text");
  EXPECT_EQ(error({"--scheme=best"}), "option '--scheme' expects one of lru, pure, but got 'best'");
  EXPECT_EQ(error({"--nodb=1"}), "option '--nodb' takes no value, but got '1'");
  EXPECT_EQ(error({"--log-to-file=maybe"}), "option '--log-to-file' expects True or False, but got 'maybe'");
  EXPECT_THAT(error({"--delay=-1"}), HasSubstr("at least 0"));
  EXPECT_THAT(error({"--delay=nan"}), HasSubstr("at least 0"));
  EXPECT_THAT(error({"--ports=70000"}), HasSubstr("'--ports' expects ports"));
  EXPECT_THAT(error({"--n=99999999999"}), HasSubstr("'--n' expects"));
}

TEST_F(Table, HelpHidesTraitsUnlessAskedForAll) {
  EXPECT_THAT(parse({"--help"})->text, HasSubstr("--ip"));
  EXPECT_THAT(parse({"-h"})->text, Not(HasSubstr("--Thing.ip")));
  EXPECT_THAT(parse({"--help-all"})->text, HasSubstr("--Thing.ip"));
  EXPECT_EQ(parse({"--version"})->text, CAMSHAFT_VERSION "\n");
}

TEST(EditDistance, CountsSwapsAsOne) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("ping", "pign"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(Ports, RefusesWhatIsNotAPort) {
  for (const char* text : {"x", "1-", "-2", "5-3", "0", "65536", "1,,2", ","}) EXPECT_FALSE(parse_ports(text)) << text;
  EXPECT_TRUE(parse_ports("")->empty());
  EXPECT_THAT(*parse_ports("1, 5-6"), ElementsAre(1, 5, 6));
}

}  // namespace
}  // namespace camshaft::apps
