// One scheduling cycle: a task is submitted, one is dispatched, one is finished.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "sched/scheduler.hpp"

namespace camshaft::sched {
namespace {

MsgId msg(std::int64_t n) { return MsgId(fmt::format("5f1e0c2b-9d7c4f8a1b2c3d4e5f60_4242_{}", n)); }
EngineId engine(std::int64_t n) { return EngineId(fmt::format("camshaft-py311-{:016x}", n)); }

/// range(0): engines; range(1): tasks that wait all the time.
void cycle(benchmark::State& state, Scheme scheme, std::uint32_t hwm) {
  Scheduler scheduler(Options{.hwm = hwm, .scheme = scheme}, 1);
  const ClientId client("5f1e0c2b-9d7c4f8a1b2c3d4e5f60");
  const Payload payload = std::make_shared<const Frames>();
  std::vector<Action> actions, done;
  for (std::int64_t n = 0; n < state.range(0); ++n) scheduler.handle(EngineJoined{engine(n)}, TimePoint{}, actions);

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
    for (std::int64_t n = 0; n < state.range(0) * hwm + state.range(1); ++n) {
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
      scheduler.handle(Finished{std::move(task), std::move(on), Outcome::ok}, TimePoint{}, actions);
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
BENCHMARK_CAPTURE(cycle, lru, Scheme::lru, 1)->Args({1024, 0});
BENCHMARK_CAPTURE(cycle, plainrandom, Scheme::plainrandom, 1)->Args({1024, 0});
BENCHMARK_CAPTURE(cycle, twobin, Scheme::twobin, 1)->Args({1024, 0});
BENCHMARK_CAPTURE(cycle, weighted, Scheme::weighted, 1)->Args({1024, 0});

/// A layered graph: each task is `after` three of the layer before.
void graph(benchmark::State& state) {
  const std::int64_t tasks = state.range(0);
  for (auto _ : state) {
    Scheduler scheduler(Options{.hwm = 1}, 1);
    std::vector<Action> actions;
    for (int n = 0; n < 16; ++n) scheduler.handle(EngineJoined{engine(n)}, TimePoint{}, actions);
    for (std::int64_t n = 0; n < tasks; ++n) {
      Requirements wanted;
      for (std::int64_t d = 1; n >= 1000 && d <= 3; ++d) wanted.after.ids.push_back(msg(n - 1000 + d * 7 % 1000));
      scheduler.handle(Submit{msg(n), ClientId("c"), std::move(wanted), nullptr}, TimePoint{}, actions);
    }
    std::size_t dispatched = 0;
    for (std::size_t at = 0; at < actions.size(); ++at) {
      if (const auto* dispatch = std::get_if<Dispatch>(&actions[at])) {
        ++dispatched;
        Finished finished{dispatch->id, dispatch->engine, Outcome::ok};
        scheduler.handle(std::move(finished), TimePoint{}, actions);
      }
    }
    if (dispatched != static_cast<std::size_t>(tasks)) state.SkipWithError("not every task ran");
  }
  state.SetItemsProcessed(state.iterations() * tasks);
}
BENCHMARK(graph)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond);

void parse(benchmark::State& state, std::string_view json) {
  RequirementsParser parser;
  for (auto _ : state) benchmark::DoNotOptimize(parser.parse(json));
}
BENCHMARK_CAPTURE(parse, ours, R"({"label": null, "codec": "p5/3.11"})");
BENCHMARK_CAPTURE(parse, official,
                  R"({"label": null, "after": [], "follow": [], "timeout": 0.0, "targets": [], "retries": 0})");

}  // namespace
}  // namespace camshaft::sched
