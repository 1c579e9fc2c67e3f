// What a message costs that shares a batch with others of its kind: written, and read.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <thread>
#include <vector>

#include "wire/batch.hpp"

namespace {

using camshaft::Blob;
namespace wire = camshaft::wire;

constexpr std::size_t kMessages = 100;

std::vector<wire::Parts> requests() {
  const camshaft::SessionId session("0badcafe-0123456789abcdef01234567");
  const Blob metadata = Blob::of(R"({"codec":"p5/3.11","function":"__main__.noop"})");
  const Blob content = Blob::of("{}"), function = Blob::of(std::string(120, 'f')), arguments = Blob::of("args");
  std::vector<wire::Parts> messages(kMessages);
  for (std::size_t i = 0; i < kMessages; ++i) {
    const camshaft::MsgId id(fmt::format("{}_1234_{}", session.value, 10'000 + i));
    messages[i].identities = {Blob::of("client")};
    messages[i].header = Blob::of(wire::make_header(id, "apply_request", session, "user", {}));
    messages[i].parent = content;
    messages[i].metadata = metadata;
    messages[i].content = content;
    messages[i].buffers = {function, arguments};
  }
  return messages;
}

void BM_WriteBatch(benchmark::State& state) {
  const std::vector<wire::Parts> messages = requests();
  for (auto _ : state) benchmark::DoNotOptimize(wire::write_batch(messages));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kMessages));
}
BENCHMARK(BM_WriteBatch);

void BM_ReadBatch(benchmark::State& state) {
  const Blob body = Blob::of(wire::write_batch(requests()));
  for (auto _ : state) {
    const auto messages = wire::read_batch(body);
    if (!messages || messages->size() != kMessages) state.SkipWithError("not read");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kMessages));
}
BENCHMARK(BM_ReadBatch);

// Our programs have threads: from the first one on, counts of owners are atomic.
const bool threads = (std::thread([] {}).join(), true);

}  // namespace
