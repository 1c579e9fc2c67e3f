// sched/schemes.hpp: the rules that choose an engine for a task. A scheme is one function and one row of kSchemes.
// Thread: pure functions; chance comes in as a generator. Owns: nothing. Errors: none.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
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
std::size_t pick_pure(std::span<const Load> candidates, Rng& rng);          // in turn: idle ones, if there are any

/// What a scheme made by a user sees of the engines that may take the task: parallel, least recently used first, never
/// empty. The values last for the call.
struct Candidates {
  std::span<const Load> loads;
  std::span<const std::uint64_t> counts;   // tasks that each was ever given
  std::span<const std::uint32_t> engines;  // a number of each that stays its own while it is here
};
/// A scheme made by a user: an index into the candidates. One that is out of range counts as 0.
using Chooser = std::function<std::size_t(const Candidates&, Rng&)>;

enum class Scheme : std::uint8_t { leastload, lru, plainrandom, twobin, weighted, pure, custom };

struct SchemeRow {
  std::string_view name;  // as in --scheme=
  Scheme scheme;
  Pick pick;
};

/// All but `custom`, which has no function of ours.
inline constexpr std::array<SchemeRow, 6> kSchemes = {{
    {"leastload", Scheme::leastload, pick_least_load},
    {"lru", Scheme::lru, pick_lru},
    {"plainrandom", Scheme::plainrandom, pick_plain_random},
    {"twobin", Scheme::twobin, pick_two_bin},
    {"weighted", Scheme::weighted, pick_weighted},
    {"pure", Scheme::pure, pick_pure},
}};

std::optional<Scheme> scheme_named(std::string_view name);
Pick pick_of(Scheme scheme);  // of a row of kSchemes

struct Requirements;
/// Why scheme `pure`, which only hands tasks out in turn, refuses what a task asks for; nothing when it does not.
std::optional<std::string> refused_by_pure(const Requirements& wanted);

/// The same draw everywhere: standard distributions differ between libraries.
std::size_t uniform_below(std::size_t n, Rng& rng);  // 0 .. n-1, n > 0
double uniform_unit(Rng& rng);                       // [0, 1)

/// How much more likely an engine with this load is than others, in scheme weighted.
constexpr double weight_of(Load load) { return 1.0 / (1e-6 + load); }

}  // namespace camshaft::sched
