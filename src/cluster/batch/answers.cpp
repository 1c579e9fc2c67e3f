#include "cluster/batch/answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <regex>

namespace camshaft::cluster::batch {
namespace {

constexpr std::size_t kLongestLine = 2000;  // std::regex recurses once a character
constexpr std::size_t kLongestQuote = 500;

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, std::min(end, kLongestLine)));
    if (!lines.back().empty() && lines.back().back() == '\r') lines.back().pop_back();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string quoted(std::string_view printed) {
  std::string out(printed.substr(0, kLongestQuote));
  std::replace(out.begin(), out.end(), '\n', ' ');
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out.empty() ? "nothing" : "'" + out + "'";
}

/// "13-20:1" is eight elements; what is no range is one.
int elements(const std::string& range) {
  int first = 0, last = 0, step = 1;
  const std::size_t dash = range.find('-'), colon = range.find(':');
  if (dash == std::string::npos || colon == std::string::npos) return 1;
  first = std::atoi(range.c_str());
  last = std::atoi(range.c_str() + dash + 1);
  step = std::max(1, std::atoi(range.c_str() + colon + 1));
  return last < first ? 1 : (last - first) / step + 1;
}

JobState state_of(const Dialect& dialect, const std::string& word) {
  for (const auto& [pattern, state] : dialect.states) {
    if (std::regex_search(word, std::regex(pattern))) return state;
  }
  return JobState::running;
}

}  // namespace

std::string describe(const Tally& tally) {
  std::string out;
  const auto add = [&](int n, std::string_view what) {
    if (n > 0) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", n, what);
  };
  add(tally.running, "running");
  add(tally.queued, "waiting");
  add(tally.held, "held");
  add(tally.done, "ended");
  add(tally.failed, "failed");
  if (!tally.word.empty()) out += fmt::format(" ({})", tally.word);
  return out.empty() ? "none" : out;
}

Result<std::string> job_id(const Dialect& dialect, std::string_view printed) {
  const std::regex pattern(dialect.id_pattern);
  for (const std::string& line : lines_of(printed)) {
    std::smatch match;
    if (std::regex_search(line, match, pattern)) return match[static_cast<std::size_t>(dialect.id_group)].str();
  }
  return Error{Errc::bad_value, fmt::format("no job id ({}) in what {} printed: {}", dialect.id_pattern,
                                            dialect.submit.front(), quoted(printed))};
}

bool says_unknown(const Dialect& dialect, std::string_view printed) {
  if (dialect.unknown_pattern.empty()) return false;
  const std::regex pattern(dialect.unknown_pattern);
  const auto lines = lines_of(printed);
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return std::regex_search(line, pattern); });
}

Result<std::map<std::string, Tally>> job_states(const Dialect& dialect, const std::vector<std::string>& ids,
                                                std::string_view printed, int exit_code) {
  std::map<std::string, Tally> out;
  std::map<std::string, JobState> known;
  const std::regex row(dialect.row_pattern);
  for (const std::string& line : lines_of(printed)) {
    std::smatch match;
    if (!std::regex_search(line, match, row)) continue;
    const bool names_job = match.size() > 2;
    const std::string id = names_job ? match[1].str() : ids.front();
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) continue;
    const std::string word = match[names_job ? 2 : 1].str();
    auto [state, fresh] = known.try_emplace(word, JobState::running);
    if (fresh) state->second = state_of(dialect, word);
    const int n = match.size() > 3 ? elements(match[3].str()) : 1;
    Tally& tally = out[id];
    switch (state->second) {
      case JobState::queued:
        tally.queued += n;
        break;
      case JobState::held:
        tally.held += n;
        tally.word = word;
        break;
      case JobState::running:
        tally.running += n;
        break;
      case JobState::done:
        tally.done += n;
        break;
      case JobState::failed:
        tally.failed += n;
        tally.word = word;
        break;
    }
  }
  if (exit_code != 0 && out.empty() && !says_unknown(dialect, printed)) {
    return Error{Errc::bad_value,
                 fmt::format("{} failed with exit code {}: {}", dialect.status.front(), exit_code, quoted(printed))};
  }
  return out;
}

}  // namespace camshaft::cluster::batch
