#include "hub/date.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstddef>

namespace camshaft::hub {
namespace {

/// Takes fixed-width numbers and literals off the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool literal(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool number(std::size_t width, int& out) {
    if (rest_.size() < width) return false;
    int value = 0;
    for (std::size_t i = 0; i < width; ++i) {
      if (!digit(rest_[i])) return false;
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(width);
    out = value;
    return true;
  }
  /// One to six digits after the point, as microseconds.
  bool fraction(int& micros) {
    std::size_t width = 0;
    micros = 0;
    for (; width < rest_.size() && digit(rest_[width]); ++width) {
      if (width == 6) return false;  // peers do not read longer fractions as dates either
      micros = micros * 10 + (rest_[width] - '0');
    }
    if (width == 0) return false;
    for (std::size_t i = width; i < 6; ++i) micros *= 10;
    rest_.remove_prefix(width);
    return true;
  }
  bool done() const { return rest_.empty(); }

 private:
  static bool digit(char c) { return c >= '0' && c <= '9'; }
  std::string_view rest_;
};

}  // namespace

std::string date_text(WallTime time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

std::optional<WallTime> read_date(std::string_view text) {
  using namespace std::chrono;
  Scanner in(text);
  int y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0, micros = 0;
  if (!(in.number(4, y) && in.literal('-') && in.number(2, mo) && in.literal('-') && in.number(2, d) &&
        in.literal('T') && in.number(2, h) && in.literal(':') && in.number(2, mi) && in.literal(':') &&
        in.number(2, s)))
    return std::nullopt;
  if (in.literal('.') && !in.fraction(micros)) return std::nullopt;

  minutes offset{0};
  if (!in.done() && !in.literal('Z')) {
    const bool east = in.literal('+');
    int oh = 0, om = 0;
    if ((!east && !in.literal('-')) || !in.number(2, oh)) return std::nullopt;
    in.literal(':');
    if (!in.number(2, om)) return std::nullopt;
    offset = (east ? 1 : -1) * (hours(oh) + minutes(om));
  }
  const year_month_day date(year(y), month(static_cast<unsigned>(mo)), day(static_cast<unsigned>(d)));
  if (!in.done() || !date.ok() || h > 23 || mi > 59 || s > 60) return std::nullopt;
  return WallTime(sys_days(date)) + hours(h) + minutes(mi) + seconds(s) + microseconds(micros) - offset;
}

void unify_dates(nlohmann::json& value) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    // The shape first: most strings are not dates, and may be long.
    if (text.size() < 19 || text.size() > 32 || text[10] != 'T') return;
    if (const auto date = read_date(text)) value = date_text(*date);
  } else if (value.is_structured()) {
    for (auto& item : value) unify_dates(item);
  }
}

}  // namespace camshaft::hub
