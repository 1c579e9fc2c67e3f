#include "core/date.hpp"

namespace camshaft {

namespace {

namespace chr = std::chrono;

// Reads `count` digits at the front of `text` and steps over them.
std::optional<int> digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = 10 * value + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool skip(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// The fraction in microseconds, 0 when there is none.
std::optional<int> fraction(std::string_view& text) {
  if (!skip(text, '.')) return 0;
  int value = 0;
  int count = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    if (++count > 6) return std::nullopt;
    value = 10 * value + (text.front() - '0');
    text.remove_prefix(1);
  }
  if (count == 0) return std::nullopt;
  for (; count < 6; ++count) value *= 10;
  return value;
}

// Minutes east of UTC; everything that is left must be the zone.
std::optional<int> zone(std::string_view text) {
  if (text.empty() || text == "Z") return 0;
  const int sign = text.front() == '-' ? -1 : 1;
  if (!skip(text, '+') && !skip(text, '-')) return std::nullopt;
  const auto hours = digits(text, 2);
  skip(text, ':');
  const auto minutes = digits(text, 2);
  if (!hours || !minutes || *hours > 23 || *minutes > 59 || !text.empty()) return std::nullopt;
  return sign * (60 * *hours + *minutes);
}

}  // namespace

namespace {

// Writes `value` with `width` digits; dates are written twice for each message, so this avoids a general formatter.
char* put(char* at, long value, int width) {
  for (int i = width - 1; i >= 0; --i, value /= 10) at[i] = static_cast<char>('0' + value % 10);
  return at + width;
}

char* write(char* at, WallTime time, bool always_fraction) {
  const auto day = chr::floor<chr::days>(time);
  const chr::year_month_day date{day};
  const auto of_day = time - day;
  const long seconds = chr::duration_cast<chr::seconds>(of_day).count();
  const long micros = (of_day % chr::seconds(1)).count();
  at = put(at, static_cast<int>(date.year()), 4);
  *at++ = '-';
  at = put(at, static_cast<unsigned>(date.month()), 2);
  *at++ = '-';
  at = put(at, static_cast<unsigned>(date.day()), 2);
  *at++ = 'T';
  at = put(at, seconds / 3600, 2);
  *at++ = ':';
  at = put(at, seconds / 60 % 60, 2);
  *at++ = ':';
  at = put(at, seconds % 60, 2);
  if (always_fraction || micros != 0) {
    *at++ = '.';
    at = put(at, micros, 6);
  }
  *at++ = 'Z';
  return at;
}

std::string format(WallTime time, bool always_fraction) {
  char text[kSortableDate];
  return std::string(text, write(text, time, always_fraction));
}

}  // namespace

std::string format_date(WallTime time) { return format(time, false); }

std::string format_sortable_date(WallTime time) { return format(time, true); }

char* write_sortable_date(char* at, WallTime time) { return write(at, time, true); }

std::optional<WallTime> parse_date(std::string_view text) {
  const auto year = digits(text, 4);
  if (!year || !skip(text, '-')) return std::nullopt;
  const auto month = digits(text, 2);
  if (!month || !skip(text, '-')) return std::nullopt;
  const auto day = digits(text, 2);
  if (!day || !skip(text, 'T')) return std::nullopt;
  const auto hour = digits(text, 2);
  if (!hour || !skip(text, ':')) return std::nullopt;
  const auto minute = digits(text, 2);
  if (!minute || !skip(text, ':')) return std::nullopt;
  const auto second = digits(text, 2);
  if (!second) return std::nullopt;
  const auto micros = fraction(text);
  if (!micros) return std::nullopt;
  const auto offset = zone(text);
  if (!offset) return std::nullopt;
  const chr::year_month_day date{chr::year{*year}, chr::month{static_cast<unsigned>(*month)},
                                 chr::day{static_cast<unsigned>(*day)}};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  const WallTime time = WallTime(chr::sys_days(date).time_since_epoch()) + chr::hours(*hour) +
                        chr::minutes(*minute - *offset) + chr::seconds(*second) + chr::microseconds(*micros);
  // Python's dates end here, and so does the text that format_date can write.
  const chr::year year_in_utc = chr::year_month_day{chr::floor<chr::days>(time)}.year();
  if (year_in_utc < chr::year{1} || year_in_utc > chr::year{9999}) return std::nullopt;
  return time;
}

}  // namespace camshaft
