// sched/schemes.hpp: the rules that choose an engine for a task. A scheme is one function and one row of kSchemes.
// Thread: pure functions; chance comes in as a generator. Owns: nothing. Errors: none.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/time.hpp"

namespace camshaft::sched {

using Load = std::uint32_t;  // tasks that an engine has and has not answered

/// Index into `candidates`: loads of the engines that may take the task, least recently used first, never empty.
using Pick = std::size_t (*)(std::span<const Load> candidates, Rng& rng);

std::size_t pick_least_load(std::span<const Load> candidates, Rng& rng);    // fewest outstanding, then least recent
std::size_t pick_lru(std::span<const Load> candidates, Rng& rng);           // least recent
std::size_t pick_plain_random(std::span<const Load> candidates, Rng& rng);  // uniform
std::size_t pick_two_bin(std::span<const Load> candidates, Rng& rng);       // two uniform picks, the less recent one
std::size_t pick_weighted(std::span<const Load> candidates, Rng& rng);      // two picks by weight, the less loaded one

enum class Scheme : std::uint8_t { leastload, lru, plainrandom, twobin, weighted };

struct SchemeRow {
  std::string_view name;  // as in --scheme=
  Scheme scheme;
  Pick pick;
};

inline constexpr std::array<SchemeRow, 5> kSchemes = {{
    {"leastload", Scheme::leastload, pick_least_load},
    {"lru", Scheme::lru, pick_lru},
    {"plainrandom", Scheme::plainrandom, pick_plain_random},
    {"twobin", Scheme::twobin, pick_two_bin},
    {"weighted", Scheme::weighted, pick_weighted},
}};

std::optional<Scheme> scheme_named(std::string_view name);
Pick pick_of(Scheme scheme);

/// The same draw everywhere: standard distributions differ between libraries.
std::size_t uniform_below(std::size_t n, Rng& rng);  // 0 .. n-1, n > 0
double uniform_unit(Rng& rng);                       // [0, 1)

/// How much more likely an engine with this load is than others, in scheme weighted.
constexpr double weight_of(Load load) { return 1.0 / (1e-6 + load); }

}  // namespace camshaft::sched
