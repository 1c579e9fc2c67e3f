// What one hop costs: sign, verify and read a header, without any network.
#include <benchmark/benchmark.h>

#include "wire/message.hpp"

namespace {

using camshaft::Blob;
namespace wire = camshaft::wire;

wire::Signer signer() {
  return std::move(wire::Signer::make("hmac-sha256", "0badcafe-0123456789abcdef01234567")).value();
}

wire::Outgoing request(std::size_t buffer) {
  return {
      .identities = {Blob::of("client")},
      .header = Blob::of(wire::make_header(camshaft::MsgId("0badcafe-0123456789abcdef01234567_1_0"), "apply_request",
                                           camshaft::SessionId("0badcafe-0123456789abcdef01234567"), "user", {})),
      .buffers = {Blob::of(std::string(buffer, 'x'))}};
}

void BM_Encode(benchmark::State& state) {
  const wire::Signer key = signer();
  const wire::Outgoing message = request(100);
  for (auto _ : state) benchmark::DoNotOptimize(wire::encode(message, key));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Encode);

// The cost must not depend on the size of the buffer.
void BM_Decode(benchmark::State& state) {
  const wire::Signer key = signer();
  const camshaft::Frames frames = wire::encode(request(static_cast<std::size_t>(state.range(0))), key);
  for (auto _ : state) {
    auto message = wire::decode(frames, key);
    if (!message) state.SkipWithError("not decoded");
    benchmark::DoNotOptimize(message);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Decode)->Arg(100)->Arg(64 << 20);

void BM_ParseHeader(benchmark::State& state) {
  const wire::Outgoing message = request(0);
  for (auto _ : state) benchmark::DoNotOptimize(wire::parse_header(message.header.view()));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ParseHeader);

}  // namespace
