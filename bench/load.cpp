// The C++ client core as a load generator: bench_load CLIENT_FILE ENGINES TASKS IN_FLIGHT
// Waits for so many engines, then prints one JSON object: latency of single no-op tasks (direct and load-balanced) and
// load-balanced tasks per second with IN_FLIGHT outstanding.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <thread>
#include <vector>

#include "bench/task_frames.hpp"
#include "service/client_service.hpp"

namespace {

using namespace camshaft;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

double seconds_since(Steady::time_point start) { return std::chrono::duration<double>(Steady::now() - start).count(); }

service::Submission task(client::Channel channel, const std::string& engine) {
  service::Submission s;
  s.channel = channel;
  s.msg_type = "apply_request";
  s.metadata = Blob::of_static(bench::kTaskMetadata);
  s.buffers = {Blob::of_static("f"), Blob::of_static("args")};
  s.engine = engine;
  return s;
}

void require(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "bench_load: %s\n", what);
  std::exit(1);
}

std::pair<double, double> latency(service::ClientService& client, client::Channel channel, const std::string& engine) {
  std::vector<double> all;
  for (int i = 0; i < 2200; ++i) {
    const auto start = Steady::now();
    const service::RequestPtr request = client.submit(task(channel, engine));
    require(client.wait(std::span(&request, 1), 10s), "no reply within 10 s");
    if (i >= 200) all.push_back(1e6 * seconds_since(start));
  }
  std::sort(all.begin(), all.end());
  return {all[all.size() / 2], all[all.size() * 99 / 100]};
}

double rate(service::ClientService& client, int tasks, std::size_t in_flight) {
  std::deque<service::RequestPtr> outstanding;
  const auto start = Steady::now();
  for (int sent = 0; sent < tasks || !outstanding.empty();) {
    while (sent < tasks && outstanding.size() < in_flight) {
      outstanding.push_back(client.submit(task(client::Channel::task, "")));
      ++sent;
    }
    // Waits for the middle of what is out, so that the client never runs dry.
    const service::RequestPtr middle = outstanding[outstanding.size() / 2];
    require(client.wait(std::span(&middle, 1), 30s), "no reply within 30 s");
    while (!outstanding.empty() && outstanding.front()->done()) {
      require(outstanding.front()->status() == client::Status::ok, "a task failed");
      outstanding.pop_front();
    }
    if (!outstanding.empty() && outstanding.front() != middle && middle->done() && sent == tasks)
      require(client.wait(std::span(&outstanding.front(), 1), 30s), "no reply within 30 s");
  }
  return tasks / seconds_since(start);
}

}  // namespace

int main(int argc, char** argv) {
  require(argc == 5, "usage: bench_load CLIENT_FILE ENGINES TASKS IN_FLIGHT");
  const auto text = wire::read_file(argv[1]);
  const auto connection = text.and_then([](const std::string& t) { return wire::parse_client_connection(t); });
  require(connection.has_value(), "cannot read the connection file");
  SystemClock clock;
  NullLog log;
  auto connected = service::ClientService::connect(*connection, clock, log);
  require(connected.has_value(), "cannot connect");
  service::ClientService& client = **connected;
  for (int i = 0; i < 2000 && client.engines().size() < std::stoul(argv[2]); ++i) std::this_thread::sleep_for(5ms);
  require(client.engines().size() >= std::stoul(argv[2]), "the engines did not come");
  const std::string first = client.engines().begin()->second.value;

  const auto [direct_p50, direct_p99] = latency(client, client::Channel::mux, first);
  const auto [balanced_p50, balanced_p99] = latency(client, client::Channel::task, "");
  const int tasks = std::stoi(argv[3]);
  rate(client, tasks / 4, std::stoul(argv[4]));
  const double per_second = rate(client, tasks, std::stoul(argv[4]));
  fmt::print(
      "{{\"direct_us_p50\": {:.1f}, \"direct_us_p99\": {:.1f}, \"balanced_us_p50\": {:.1f}, \"balanced_us_p99\": "
      "{:.1f}, "
      "\"tasks_per_s\": {:.0f}}}\n",
      direct_p50, direct_p99, balanced_p50, balanced_p99, per_second);
  return 0;
}
