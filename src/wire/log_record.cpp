#include "wire/log_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace camshaft::wire {
namespace {

// The first of a level is how it is written.
constexpr std::array<std::pair<std::string_view, Level>, 7> kLevels = {{{"DEBUG", Level::debug},
                                                                        {"INFO", Level::info},
                                                                        {"WARNING", Level::warning},
                                                                        {"ERROR", Level::error},
                                                                        {"WARN", Level::warning},
                                                                        {"CRITICAL", Level::error},
                                                                        {"FATAL", Level::error}}};

std::optional<Level> level_named(std::string_view word) {
  for (const auto& [name, level] : kLevels)
    if (name == word) return level;
  return std::nullopt;
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    const auto code = static_cast<unsigned char>(c);
    if ((code < 0x20 && c != '\n' && c != '\t') || code == 0x7f) c = '?';
  }
  return out;
}

}  // namespace

Frames encode_log(const LogRecord& record) {
  std::string_view name;
  for (const auto& [candidate, level] : kLevels) {
    if (level != record.level) continue;
    name = candidate;
    break;
  }
  return {Blob::of(fmt::format("{}.{}", record.source, name)), Blob::of(record.text + "\n")};
}

Result<LogRecord> decode_log(const Frames& frames) {
  if (frames.size() != 2) return Error{Errc::truncated, fmt::format("{} frames in place of two", frames.size())};
  if (frames[0].empty()) return Error{Errc::truncated, "no topic"};
  LogRecord record;
  bool found = false;
  for (std::string_view rest = frames[0].view(); !rest.empty();) {
    const std::size_t end = std::min(rest.find('.'), rest.size());
    const std::string_view word = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (const auto level = level_named(word); level && !found) {
      record.level = *level;
      found = true;
    } else {
      record.source += (record.source.empty() ? "" : ".") + printable(word);
    }
  }
  std::string_view text = frames[1].view();
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  record.text = printable(text);
  return record;
}

}  // namespace camshaft::wire
