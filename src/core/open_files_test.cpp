#include "core/open_files.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace camshaft {
namespace {

TEST(OpenFiles, AreRaisedToTheHardLimit) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit low{std::min<rlim_t>(256, before.rlim_max), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(raise_open_files(), before.rlim_max);
  rlimit now{};
  ::getrlimit(RLIMIT_NOFILE, &now);
  EXPECT_EQ(now.rlim_cur, before.rlim_max);
}

TEST(OpenFiles, TooFewAreNamedWithWhatToDo) {
  EXPECT_EQ(too_few_files("engines", 100, 9, 1024), std::nullopt);
  EXPECT_EQ(too_few_files("engines", 1000, 9, 1024),
            "1000 engines need about 9100 open files; the limit is 1024: raise it with 'ulimit -n 9100' before the "
            "start");
}

}  // namespace
}  // namespace camshaft
