// One scheduling cycle: a task is submitted, one is dispatched, one is finished.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>

#include "core/pages.hpp"
#include "sched/scheduler.hpp"

namespace camshaft::sched {
namespace {

MsgId msg(std::int64_t n) { return MsgId(fmt::format("5f1e0c2b-9d7c4f8a1b2c3d4e5f60_4242_{}", n)); }
EngineId engine(std::int64_t n) { return EngineId(fmt::format("camshaft-py311-{:016x}", n)); }

/// range(0): engines; range(1): tasks that wait all the time.
void cycle(benchmark::State& state, Scheme scheme, std::uint32_t hwm) {
  Scheduler scheduler(Options{.hwm = hwm, .scheme = scheme}, 1);
  const ClientId client("5f1e0c2b-9d7c4f8a1b2c3d4e5f60");
  const Parcel payload(Frames{});
  std::vector<Action> actions, done;
  const bool automatic = hwm == kAutoHwm;  // engines that hand tasks back, and say how long each took
  for (std::int64_t n = 0; n < state.range(0); ++n) {
    scheduler.handle(EngineJoined{engine(n), std::nullopt, {}, automatic}, TimePoint{}, actions);
  }
  const std::optional<Duration> took =
      automatic ? std::optional<Duration>(std::chrono::microseconds(20)) : std::nullopt;

  // Tasks in flight wait here for their turn to be finished.
  std::vector<std::pair<MsgId, EngineId>> in_flight;
  std::size_t next = 0;
  const auto take = [&] {
    for (Action& action : actions) {
      if (auto* dispatch = std::get_if<Dispatch>(&action)) {
        in_flight.emplace_back(std::move(dispatch->id), std::move(dispatch->engine));
      }
    }
    actions.clear();
  };
  std::int64_t submitted = 0;
  if (state.range(1) > 0) {
    for (std::int64_t n = 0; n < state.range(0) * (automatic ? 1 : hwm) + state.range(1); ++n) {
      scheduler.handle(Submit{msg(submitted++), client, {}, payload}, TimePoint{}, actions);
    }
    take();
  }
  std::vector<MsgId> ids;  // made outside of the measured time
  while (state.KeepRunningBatch(1024)) {
    state.PauseTiming();
    ids.clear();
    for (int i = 0; i < 1024; ++i) ids.push_back(msg(submitted++));
    if (next > 100'000) {
      in_flight.erase(in_flight.begin(), in_flight.begin() + static_cast<std::ptrdiff_t>(next));
      next = 0;
    }
    state.ResumeTiming();
    for (MsgId& id : ids) {
      scheduler.handle(Submit{std::move(id), client, {}, payload}, TimePoint{}, actions);
      take();
      auto& [task, on] = in_flight[next++];
      scheduler.handle(Finished{std::move(task), std::move(on), Outcome::ok, took}, TimePoint{}, actions);
      take();
    }
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK_CAPTURE(cycle, leastload, Scheme::leastload, 1)
    ->Args({16, 0})
    ->Args({1024, 0})
    ->Args({16, 100'000})
    ->Args({1024, 100'000});
BENCHMARK_CAPTURE(cycle, leastload_hwm4, Scheme::leastload, 4)->Args({16, 0})->Args({1024, 100'000});
BENCHMARK_CAPTURE(cycle, leastload_auto, Scheme::leastload, kAutoHwm)
    ->Args({16, 0})
    ->Args({1024, 0})
    ->Args({1024, 100'000});
BENCHMARK_CAPTURE(cycle, lru, Scheme::lru, 1)->Args({1024, 0});
BENCHMARK_CAPTURE(cycle, plainrandom, Scheme::plainrandom, 1)->Args({1024, 0});
BENCHMARK_CAPTURE(cycle, twobin, Scheme::twobin, 1)->Args({1024, 0});
BENCHMARK_CAPTURE(cycle, weighted, Scheme::weighted, 1)->Args({1024, 0});
BENCHMARK_CAPTURE(cycle, pure, Scheme::pure, 0)->Args({16, 0});

/// Bytes that are allocated now.
double allocated() {
  const struct mallinfo2 now = mallinfo2();
  return static_cast<double>(now.uordblks + now.hblkhd + pages::mapped());
}

/// A layered graph, all of it submitted before the first task ends: each task is `after` three of the layer before.
/// Counts the bytes for each waiting task beyond its payload, and what is left for each once all have ended.
void graph(benchmark::State& state) {
  constexpr std::int64_t kEngines = 16, kLayer = 1000, kChunk = 1024;
  const std::int64_t tasks = state.range(0);
  const Parcel payload(Frames{});
  double waiting_bytes = 0, left_bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const double before = allocated();
    Scheduler scheduler(Options{.hwm = 1}, 1);
    std::vector<Action> actions, next;
    for (std::int64_t n = 0; n < kEngines; ++n) scheduler.handle(EngineJoined{engine(n)}, TimePoint{}, actions);
    std::vector<Submit> chunk;
    for (std::int64_t n = 0; n < tasks; n += kChunk) {
      chunk.clear();
      for (std::int64_t i = n; i < std::min(tasks, n + kChunk); ++i) {
        Requirements wanted;
        for (std::int64_t d = 0; i >= kLayer && d < 3; ++d) {
          wanted.after.ids.push_back(msg(i / kLayer * kLayer - kLayer + (i + d * 7) % kLayer));
        }
        chunk.push_back(Submit{msg(i), ClientId("5f1e0c2b-9d7c4f8a1b2c3d4e5f60"), std::move(wanted), payload});
      }
      state.ResumeTiming();
      for (Submit& submit : chunk) scheduler.handle(std::move(submit), TimePoint{}, actions);
      state.PauseTiming();
    }
    std::vector<Submit>().swap(chunk);
    waiting_bytes = allocated() - before;
    state.ResumeTiming();
    std::int64_t done = 0;
    while (!actions.empty()) {
      for (Action& action : actions) {
        auto* dispatch = std::get_if<Dispatch>(&action);
        if (dispatch == nullptr) continue;
        ++done;
        scheduler.handle(Finished{std::move(dispatch->id), std::move(dispatch->engine), Outcome::ok}, TimePoint{},
                         next);
      }
      actions.clear();
      actions.swap(next);
    }
    state.PauseTiming();
    std::vector<Action>().swap(actions);
    std::vector<Action>().swap(next);
    left_bytes = allocated() - before;
    if (done != tasks) state.SkipWithError("not every task ran");
    state.ResumeTiming();
  }
  const auto each = static_cast<double>(tasks);
  state.SetItemsProcessed(state.iterations() * tasks);
  state.counters["bytes_per_waiting_task"] = waiting_bytes / each;
  state.counters["bytes_left_per_task"] = left_bytes / each;
}
BENCHMARK(graph)->Arg(10'000)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

/// So many tasks without requirements wait and then run; counts bytes as above.
void burst(benchmark::State& state) {
  const std::int64_t tasks = state.range(0);
  const Parcel payload(Frames{});
  double waiting_bytes = 0, left_bytes = 0;
  for (auto _ : state) {
    const double before = allocated();
    Scheduler scheduler(Options{.hwm = 1}, 1);
    std::vector<Action> actions;
    for (std::int64_t n = 0; n < tasks; ++n) {
      scheduler.handle(Submit{msg(n), ClientId("5f1e0c2b-9d7c4f8a1b2c3d4e5f60"), {}, payload}, TimePoint{}, actions);
    }
    waiting_bytes = allocated() - before;
    scheduler.handle(EngineJoined{engine(0)}, TimePoint{}, actions);
    std::int64_t done = 0;
    while (!actions.empty()) {
      auto* dispatch = std::get_if<Dispatch>(&actions.back());
      if (dispatch == nullptr) {
        actions.pop_back();
        continue;
      }
      ++done;
      Finished finished{std::move(dispatch->id), std::move(dispatch->engine), Outcome::ok};
      actions.clear();
      scheduler.handle(std::move(finished), TimePoint{}, actions);
    }
    left_bytes = allocated() - before;
    if (done != tasks) state.SkipWithError("not every task ran");
  }
  const auto each = static_cast<double>(tasks);
  state.SetItemsProcessed(state.iterations() * tasks);
  state.counters["bytes_per_waiting_task"] = waiting_bytes / each;
  state.counters["bytes_left_per_task"] = left_bytes / each;
}
BENCHMARK(burst)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

void parse(benchmark::State& state, std::string_view json) {
  RequirementsParser parser;
  for (auto _ : state) benchmark::DoNotOptimize(parser.parse(json));
}
BENCHMARK_CAPTURE(parse, ours, R"({"label": null, "codec": "p5/3.11"})");
BENCHMARK_CAPTURE(parse, official,
                  R"({"label": null, "after": [], "follow": [], "timeout": 0.0, "targets": [], "retries": 0})");

}  // namespace
}  // namespace camshaft::sched
