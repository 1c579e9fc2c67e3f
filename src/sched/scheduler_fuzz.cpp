// Bytes choose the options and the events; scheduler and model must agree and the invariants must hold.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "sched/testing/driver.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::size_t at = 0;
  const auto below = [&](std::size_t n) { return at < size ? static_cast<unsigned>(data[at++] % n) : 0u; };
  const auto options = camshaft::sched::testing::options_of(below(48));
  camshaft::sched::testing::Driver driver(options, below(7), below);
  while (at < size) {
    const std::string difference = driver.step();
    if (difference.empty()) continue;
    std::fprintf(stderr, "%s\n", difference.c_str());
    std::abort();
  }
  return 0;
}
