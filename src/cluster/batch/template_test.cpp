#include "cluster/batch/template.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace camshaft::cluster::batch {
namespace {

using ::testing::HasSubstr;

const Variables kVariables = {{"n", std::int64_t{10}}, {"queue", std::string("long")}, {"nodes", std::int64_t{3}}};

std::string rendered(std::string_view text) {
  const auto out = render(text, kVariables);
  return out ? *out : "error: " + out.error().message;
}

TEST(BatchTemplate, VariablesAreReplacedAndDoubledBracesStay) {
  EXPECT_EQ(rendered("#PBS -q {queue}\n#PBS -t 1-{n}\n"), "#PBS -q long\n#PBS -t 1-10\n");
  EXPECT_EQ(rendered("echo ${{HOME}} {{}} {{n}}"), "echo ${HOME} {} {n}");
  EXPECT_EQ(rendered(""), "");
}

TEST(BatchTemplate, WholeNumbersAreReckonedAsInPython) {
  EXPECT_EQ(rendered("{n//4}"), "2");
  EXPECT_EQ(rendered("{ -n // 4 }"), "-3");
  EXPECT_EQ(rendered("{-n % 4} {n % -4}"), "2 -2");
  EXPECT_EQ(rendered("{(n + 3 - 1) // nodes * 2}"), "8");
  EXPECT_EQ(rendered("{2 ** 3 ** 2} {-2 ** 2} {2 * 3 ** 2}"), "512 -4 18");
  EXPECT_EQ(rendered("{min(n, 4, nodes)} {max(n, 4 * 5)}"), "3 20");
  EXPECT_EQ(rendered("{1 - 2 - 3}"), "-4");
}

TEST(BatchTemplate, WidthsPad) {
  EXPECT_EQ(rendered("{n:04d}|{n:4}|{-n:05}|{queue:6}|{n:d}|{queue:s}"), "0010|  10|-0010|long  |10|long");
}

TEST(BatchTemplate, MistakesNameTheirLine) {
  EXPECT_THAT(rendered("a\nb {m}"), HasSubstr("line 2 of the batch template: {m}: there is no variable 'm', only n,"));
  EXPECT_THAT(rendered("{n/4}"), HasSubstr("write //"));
  EXPECT_THAT(rendered("{n//0}"), HasSubstr("division by zero"));
  EXPECT_THAT(rendered("{queue + 1}"), HasSubstr("only numbers"));
  EXPECT_THAT(rendered("{n"), HasSubstr("a { without its }"));
  EXPECT_THAT(rendered("n}"), HasSubstr("a } without its {"));
  EXPECT_THAT(rendered("{}"), HasSubstr("missing at the end"));
  EXPECT_THAT(rendered("{(n}"), HasSubstr("a ) is missing"));
  EXPECT_THAT(rendered("{n n}"), HasSubstr("'n' is not understood"));
  EXPECT_THAT(rendered("{n:x}"), HasSubstr("no width"));
  EXPECT_THAT(rendered("{n:99999}"), HasSubstr("no width"));
  EXPECT_THAT(rendered("{9223372036854775807 + 1}"), HasSubstr("too large"));
  EXPECT_THAT(rendered("{99999999999999999999}"), HasSubstr("too large"));
  EXPECT_THAT(rendered("{2 ** 70}"), HasSubstr("exponent"));
  EXPECT_THAT(rendered("{" + std::string(100, '(') + "}"), HasSubstr("too deeply nested"));
}

}  // namespace
}  // namespace camshaft::cluster::batch
