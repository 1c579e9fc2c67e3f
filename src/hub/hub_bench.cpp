// What the hub costs a task: submitted, dispatched, replied.
#include "hub/hub.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>

#include "hub/store/memory.hpp"
#include "hub/store/none.hpp"

namespace camshaft::hub {
namespace {

template <class StoreType>
void BM_OneTask(benchmark::State& state) {
  StoreType store;
  DirectSink sink(store);
  Hub hub({}, sink, TimePoint{});
  const EngineId engine("camshaft-py311-0123456789abcdef");
  hub.restore({{{EngineNumber{0}, engine}}, 1}, TimePoint{});
  const Blob json = Blob::of(std::string(200, ' '));
  std::uint64_t n = 0;
  WallTime now{};
  for (auto _ : state) {
    now += std::chrono::microseconds(10);
    const MsgId id(fmt::format("0123abcd-0123456789abcdef01234567_1234_{}", n++));
    hub.record(TaskSubmitted{{.id = id,
                              .msg_type = "apply_request",
                              .client = SessionId("0123abcd-0123456789abcdef01234567"),
                              .submitted = now,
                              .header = json,
                              .metadata = json,
                              .content = json,
                              .buffers = {json, json}}});
    hub.record(TaskDispatched{id, engine});
    hub.record(TaskReplied{{.id = id,
                            .engine = engine,
                            .started = now,
                            .completed = now,
                            .header = json,
                            .metadata = json,
                            .content = json,
                            .buffers = {json}}},
               now);
  }
  if (hub.pending() != 0) std::abort();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_OneTask<MemoryStore>);
BENCHMARK(BM_OneTask<NoneStore>);

}  // namespace
}  // namespace camshaft::hub
