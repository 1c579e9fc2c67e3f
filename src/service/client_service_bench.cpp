// What a client costs: submit, sign, send, receive, verify, complete, against a router that echoes what it gets.
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <time.h>

#include <array>
#include <optional>

#include "net/loop.hpp"
#include "service/client_fake_controller.hpp"
#include "service/client_service.hpp"

namespace camshaft::service {
namespace {

using namespace std::chrono_literals;

// A reply as our engines send it.
constexpr const char* kMetadata =
    R"({"started": "2026-11-20T10:24:07.669686Z", "dependencies_met": true, "engine": "camshaft-py311-0123456789abcdef", )"
    R"("is_broadcast": false, "is_coalescing": false, "original_msg_id": "", "label": null, "status": "ok", "outputs": 0})";

double cpu_seconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

class Pair {
 public:
  Pair() {
    auto made = ClientService::connect(controller_.connection(), clock_, log_);
    if (!made) throw std::runtime_error(made.error().message);
    client_ = std::move(made).value();
  }
  ClientService& client() { return *client_; }
  Submission task() const {
    Submission made;
    made.msg_type = "apply_request";
    made.metadata =
        Blob::of(R"({"label": null, "codec": "p5/3.11", "after": [], "follow": [], "targets": [], "retries": 0})");
    made.buffers = {Blob::of(std::string(120, 'f')), Blob::of(std::string(40, 'a'))};
    return made;
  }
  /// CPU spent by the echoing thread: not the client's.
  double controller_seconds() {
    double seconds = 0;
    controller_.on_thread([&] { seconds = cpu_seconds(CLOCK_THREAD_CPUTIME_ID); });
    return seconds;
  }

 private:
  SystemClock clock_;
  NullLog log_;
  FakeController controller_{[](FakeController& self, const std::string& channel, const wire::Message& request) {
    self.reply(channel, request, R"({"status": "ok"})", kMetadata, {Blob::of(std::string(20, 'r'))});
  }};
  std::unique_ptr<ClientService> client_;
};

void BM_Throughput(benchmark::State& state) {
  Pair pair;
  const auto batch = static_cast<std::size_t>(state.range(0));
  const double all_before = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID), echo_before = pair.controller_seconds();
  for (auto _ : state) {
    std::vector<RequestPtr> requests;
    requests.reserve(batch);
    for (std::size_t i = 0; i < batch; ++i) requests.push_back(pair.client().submit(pair.task()));
    if (!pair.client().wait(requests, 60s) || requests.back()->reply().buffers.size() != 1)
      return state.SkipWithError("no reply");
  }
  const double all = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - all_before;
  const double echo = pair.controller_seconds() - echo_before;
  const auto tasks = static_cast<double>(state.iterations()) * static_cast<double>(batch);
  state.SetItemsProcessed(static_cast<std::int64_t>(tasks));
  state.counters["cpu_us_per_task"] = 1e6 * (all - echo) / tasks;  // with both contexts' ZeroMQ threads
  state.counters["echo_us_per_task"] = 1e6 * echo / tasks;
}
BENCHMARK(BM_Throughput)->Arg(10000)->UseRealTime()->Unit(benchmark::kMillisecond);

void BM_Latency(benchmark::State& state) {
  Pair pair;
  for (auto _ : state) {
    const std::array one{pair.client().submit(pair.task())};
    if (!pair.client().wait(one, 60s)) return state.SkipWithError("no reply");
  }
}
BENCHMARK(BM_Latency)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace camshaft::service
