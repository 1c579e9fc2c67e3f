#include "sched/schemes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sched/requirements.hpp"

namespace camshaft::sched {
namespace {

std::size_t draw_by_weight(std::span<const Load> candidates, Rng& rng) {
  double total = 0;
  for (Load load : candidates) total += weight_of(load);
  double left = uniform_unit(rng) * total;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    left -= weight_of(candidates[i]);
    if (left < 0) return i;
  }
  return candidates.size() - 1;  // rounding
}

}  // namespace

std::size_t uniform_below(std::size_t n, Rng& rng) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::size_t>((Wide{rng()} * n) >> 64);
}

double uniform_unit(Rng& rng) { return static_cast<double>(rng() >> 11) * 0x1.0p-53; }

std::size_t pick_least_load(std::span<const Load> candidates, Rng&) {
  return static_cast<std::size_t>(std::min_element(candidates.begin(), candidates.end()) - candidates.begin());
}

std::size_t pick_lru(std::span<const Load>, Rng&) { return 0; }

std::size_t pick_plain_random(std::span<const Load> candidates, Rng& rng) {
  return uniform_below(candidates.size(), rng);
}

std::size_t pick_two_bin(std::span<const Load> candidates, Rng& rng) {
  const std::size_t first = uniform_below(candidates.size(), rng);
  return std::min(first, uniform_below(candidates.size(), rng));
}

std::size_t pick_weighted(std::span<const Load> candidates, Rng& rng) {
  const std::size_t x = draw_by_weight(candidates, rng);
  const std::size_t y = draw_by_weight(candidates, rng);
  return candidates[y] < candidates[x] ? y : x;
}

std::size_t pick_pure(std::span<const Load> candidates, Rng&) {
  const auto idle = std::find(candidates.begin(), candidates.end(), Load{0});
  return idle == candidates.end() ? 0 : static_cast<std::size_t>(idle - candidates.begin());
}

std::optional<std::string> refused_by_pure(const Requirements& wanted) {
  const char* key = !wanted.after.ids.empty()        ? "after"
                    : !wanted.follow.ids.empty()     ? "follow"
                    : !wanted.targets.empty()        ? "targets"
                    : wanted.timeout != Duration{}   ? "timeout"
                    : wanted.retries > 0             ? "retries"
                    : wanted.priority != 0           ? "priority"
                    : !wanted.resources.empty()      ? "resources"
                    : !wanted.where.empty()          ? "where"
                    : wanted.time_limit > Duration{} ? "time_limit"
                                                     : nullptr;
  if (key == nullptr) return std::nullopt;
  return fmt::format(
      "the controller's task scheme 'pure' knows no '{}': start the controller with another --scheme, or leave it out",
      key);
}

std::optional<Scheme> scheme_named(std::string_view name) {
  for (const SchemeRow& row : kSchemes) {
    if (row.name == name) return row.scheme;
  }
  return std::nullopt;
}

Pick pick_of(Scheme scheme) {
  return std::find_if(kSchemes.begin(), kSchemes.end(), [&](const SchemeRow& row) { return row.scheme == scheme; })
      ->pick;
}

}  // namespace camshaft::sched
