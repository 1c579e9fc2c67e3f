// core/flat_json.hpp: the members of a JSON object without nesting, escapes or fractions, such as the headers that we
// and the original write. A general parser takes several times as long for them. Thread: pure functions. Owns: nothing:
// what is visited points into the text. Errors: false for any other text, be it JSON or not: ask a general parser.
#pragma once
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace camshaft {

/// A string (its text without quotes), an integer, or one of true, false and null, as they stand in the JSON.
struct FlatValue {
  enum class Kind : std::uint8_t { string, integer, literal };
  Kind kind;
  std::string_view text;

  std::optional<std::string_view> string() const { return kind == Kind::string ? std::optional(text) : std::nullopt; }
  /// nullopt for what is no integer, or too large a one.
  template <class Integer>
  std::optional<Integer> integer() const {
    Integer number{};
    if (kind != Kind::integer) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
  }
  std::optional<bool> boolean() const {
    return kind == Kind::literal && text != "null" ? std::optional(text == "true") : std::nullopt;
  }
};

namespace flat_json {

// The quote that ends the string of plain ASCII at `at`, or null.
inline const char* end_of_string(const char* at, const char* end) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHighs = 0x8080808080808080;
  const auto any_zero = [](std::uint64_t word) { return (word - kOnes) & ~word & kHighs; };
  for (; end - at >= 8; at += 8) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    const std::uint64_t control = (word - kOnes * 0x20) & ~word & kHighs;
    if (((word & kHighs) | control | any_zero(word ^ kOnes * '"') | any_zero(word ^ kOnes * '\\')) != 0) break;
  }
  for (; at != end; ++at) {
    const auto c = static_cast<unsigned char>(*at);
    if (c == '"') return at;
    if (c < 0x20 || c >= 0x80 || c == '\\') return nullptr;
  }
  return nullptr;
}

inline bool is_integer(std::string_view text) {
  if (!text.empty() && text[0] == '-') text.remove_prefix(1);
  if (text.empty() || (text[0] == '0' && text.size() > 1)) return false;
  return text.find_first_not_of("0123456789") == text.npos;
}

}  // namespace flat_json

/// Calls `visit(key, FlatValue)` for each member in turn. False unless `json` is one such object, with no white space
/// but single or repeated spaces; then members may have been visited all the same.
template <class Visit>
bool read_flat(std::string_view json, Visit visit) {
  const char* at = json.data();
  const char* const end = at + json.size();
  const auto skip = [&] {
    while (at != end && *at == ' ') ++at;
  };
  const auto take = [&](char wanted) {
    skip();
    return at != end && *at == wanted && (++at, true);
  };
  const auto string = [&](std::string_view& text) {
    if (!take('"')) return false;
    const char* const quote = flat_json::end_of_string(at, end);
    if (quote == nullptr) return false;
    text = {at, static_cast<std::size_t>(quote - at)};
    at = quote + 1;
    return true;
  };
  if (!take('{')) return false;
  if (!take('}')) {
    do {
      std::string_view key;
      if (!string(key) || !take(':')) return false;
      skip();
      if (at == end) return false;
      FlatValue value{FlatValue::Kind::string, {}};
      if (*at == '"') {
        if (!string(value.text)) return false;
      } else {
        const char* const start = at;
        while (at != end && *at != ',' && *at != '}' && *at != ' ') ++at;
        value.text = {start, static_cast<std::size_t>(at - start)};
        value.kind = flat_json::is_integer(value.text) ? FlatValue::Kind::integer : FlatValue::Kind::literal;
        if (value.kind == FlatValue::Kind::literal && value.text != "true" && value.text != "false" &&
            value.text != "null")
          return false;
      }
      visit(key, value);
    } while (take(','));
    if (!take('}')) return false;
  }
  skip();
  return at == end;
}

}  // namespace camshaft
