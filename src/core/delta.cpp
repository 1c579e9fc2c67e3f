#include "core/delta.hpp"

#include <cstddef>
#include <cstring>
#include <stdexcept>

#include "core/common_ends.hpp"
#include "core/varint.hpp"

namespace camshaft {
namespace {

// The size of the text; then, until there is so much of it: how many bytes of the base to copy, how many to leave out,
// how many others to put there, and these.

constexpr std::size_t kAgain = 4;         // bytes that are the same from where two texts are the same again
constexpr std::size_t kReach = 32;        // bytes that may differ in a row; a name of an engine has sixteen
constexpr std::size_t kLonger = 12;       // bytes by which one of the two may be longer
constexpr std::size_t kLeastTries = 512;  // comparisons; more for a longer text

/// Together they go to the end of a string, which has work to do for each addition.
class Numbers {
 public:
  Numbers& operator<<(std::size_t n) {
    next_ = write_varint(next_, n);
    return *this;
  }
  void flush(std::string& out) {
    out.append(bytes_, static_cast<std::size_t>(next_ - bytes_));
    next_ = bytes_;
  }

 private:
  char bytes_[4 * kVarintBytes];
  char* next_ = bytes_;
};

struct Gap {
  std::size_t base, text;  // bytes of each before they are the same again
};

/// Both begin with bytes that differ. Each comparison takes one of `tries`; without any, they are not the same again.
Gap gap_between(std::string_view base, std::string_view text, std::size_t& tries) {
  const auto again = [&](std::size_t in_base, std::size_t in_text) {
    if (tries == 0) return false;
    --tries;
    return in_base + kAgain <= base.size() && in_text + kAgain <= text.size() &&
           std::memcmp(base.data() + in_base, text.data() + in_text, kAgain) == 0;
  };
  for (std::size_t n = 1; n <= kReach; ++n)
    if (again(n, n)) return {n, n};
  for (std::size_t n = 0; n <= kReach; ++n) {
    for (std::size_t more = 1; more <= kLonger; ++more) {
      if (again(n, n + more)) return {n, n + more};
      if (again(n + more, n)) return {n + more, n};
    }
  }
  return {base.size(), text.size()};
}

std::size_t take_number(std::string_view& delta) {
  const auto number = take_varint(delta);
  if (!number) throw std::logic_error("a delta breaks off");
  return *number;
}

}  // namespace

void append_delta(std::string& out, std::string_view base, std::string_view text) {
  Numbers numbers;
  numbers << text.size();
  std::size_t tries = kLeastTries + text.size();  // so that it takes no longer where little is the same
  while (!text.empty()) {
    const std::size_t same = common_prefix(base, text);
    numbers << same;
    base.remove_prefix(same);
    text.remove_prefix(same);
    if (text.empty()) break;
    const Gap gap = gap_between(base, text, tries);
    numbers << gap.base << gap.text;
    numbers.flush(out);
    out.append(text.substr(0, gap.text));
    base.remove_prefix(gap.base);
    text.remove_prefix(gap.text);
  }
  numbers.flush(out);
}

std::string apply_delta(std::string_view base, std::string_view delta) {
  const auto next = [&](std::string_view& from, std::size_t size) {
    if (size > from.size()) throw std::logic_error("a delta does not fit its base");
    const std::string_view taken = from.substr(0, size);
    from.remove_prefix(size);
    return taken;
  };
  const std::size_t size = take_number(delta);
  std::string text;
  text.reserve(size);
  while (text.size() < size) {
    text += next(base, take_number(delta));
    if (text.size() >= size) break;
    next(base, take_number(delta));
    text += next(delta, take_number(delta));
  }
  return text;
}

}  // namespace camshaft
