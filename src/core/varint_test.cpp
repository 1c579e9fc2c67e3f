#include "core/varint.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "core/common_ends.hpp"

namespace camshaft {
namespace {

std::string written(std::uint64_t number) {
  char bytes[kVarintBytes];
  return {bytes, write_varint(bytes, number)};
}

TEST(Varint, ReadsWhatItWrites) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  for (unsigned bits = 0; bits < 64; ++bits) {
    for (const std::uint64_t number : {(std::uint64_t{1} << bits) - 1, std::uint64_t{1} << bits, kMost >> bits}) {
      const std::string bytes = written(number) + "rest";
      std::string_view left = bytes;
      EXPECT_EQ(take_varint(left), number);
      EXPECT_EQ(left, "rest");
    }
  }
  EXPECT_EQ(written(127).size(), 1u);
  EXPECT_EQ(written(128).size(), 2u);
  EXPECT_EQ(written(kMost).size(), kVarintBytes);
}

TEST(Varint, OtherBytesAreNoNumber) {
  const std::string nine(9, '\xff');
  for (const std::string& bytes : {std::string(), std::string(3, '\x80'), nine, nine + '\x02', nine + "\xff\x01",
                                   std::string("\x80\0", 2), std::string("\xff\x80\0", 3)}) {
    std::string_view left = bytes;
    EXPECT_FALSE(take_varint(left)) << bytes.size() << " bytes";
  }
}

TEST(CommonEnds, AreCountedAcrossWords) {
  for (std::size_t size = 0; size < 40; ++size) {
    const std::string text(size, 'x');
    EXPECT_EQ(common_prefix(text, text + "more"), size);
    EXPECT_EQ(common_suffix(text, "more" + text, size), size);
    for (std::size_t at = 0; at < size; ++at) {
      std::string other = text;
      other[at] = 'y';
      EXPECT_EQ(common_prefix(text, other), at);
      EXPECT_EQ(common_suffix(text, other, size), size - 1 - at);
    }
  }
}

}  // namespace
}  // namespace camshaft
