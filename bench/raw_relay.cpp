// What plain ZeroMQ does with the frames of a no-op task: a client, zmq_proxy and workers, each a process; as many
// frames of the same sizes as our client and engines send for one task, nothing signed, read or decided on the way.
//
//   bench_raw_relay WORKERS MESSAGES IN_FLIGHT [BUFFER_BYTES...]     prints one JSON object
//     latency_us_p50/p99: one task there and back; messages_per_s: with IN_FLIGHT outstanding.
#include "bench/raw_parts.hpp"
#include "bench/task_frames.hpp"

namespace {

using namespace camshaft;
using namespace camshaft::bench;

service::Origin origin_of(const std::string& session, const camshaft::Clock& clock) {
  return {wire::Signer::make("hmac-sha256", "key").value(), SessionId(session), "bench", 1, clock};
}

void send_frames(void* socket, const Frames& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    require(zmq_send(socket, frames[i].bytes.data(), frames[i].size(), i + 1 < frames.size() ? ZMQ_SNDMORE : 0) >= 0,
            "send");
  }
}

// Takes one message; `first` keeps its first frame.
void receive(void* socket, zmq_msg_t* first) {
  int more = 1;
  for (bool is_first = true; more != 0; is_first = false) {
    zmq_msg_t other;
    zmq_msg_init(&other);
    zmq_msg_t* into = is_first && first != nullptr ? first : &other;
    require(zmq_msg_recv(into, socket, 0) >= 0, "receive");
    more = zmq_msg_more(into);
    zmq_msg_close(&other);
  }
}

void run_worker(const std::string& endpoint) {
  const SystemClock clock;
  service::Origin origin = origin_of("5f1e0c2b-9d7c4f8a1b2c3d4e5f60", clock);
  const Frames request = request_frames(origin, {});
  const Frames reply =
      reply_frames(origin, "apply_reply", {}, request[2], "camshaft-py000-0000000000000000", clock.wall());
  void* context = zmq_ctx_new();
  void* socket = make_socket(context, ZMQ_DEALER);
  require(zmq_connect(socket, endpoint.c_str()) == 0, "connect");
  while (true) {
    zmq_msg_t client;
    zmq_msg_init(&client);
    receive(socket, &client);
    require(zmq_msg_send(&client, socket, ZMQ_SNDMORE) >= 0, "send");
    send_frames(socket, reply);
  }
}

}  // namespace

int main(int argc, char** argv) {
  require(argc >= 4, "usage: bench_raw_relay WORKERS MESSAGES IN_FLIGHT [BUFFER_BYTES...]");
  const int messages = std::atoi(argv[2]), in_flight = std::atoi(argv[3]);
  std::vector<std::size_t> sizes;
  for (int i = 4; i < argc; ++i) sizes.push_back(std::strtoull(argv[i], nullptr, 10));
  const SystemClock clock;
  service::Origin origin = origin_of("0e1f6a7c-3b5d4e8f9a0b1c2d3e4f", clock);
  const Frames request = request_frames(origin, sizes);

  Brokered brokered = start_brokered(std::atoi(argv[1]), run_worker);
  void* context = zmq_ctx_new();
  void* client = make_socket(context, ZMQ_DEALER);
  require(zmq_connect(client, brokered.front.c_str()) == 0, "connect");
  std::vector<double> latencies;
  for (int i = 0; i < 2200; ++i) {
    const auto start = bench::Clock::now();
    send_frames(client, request);
    receive(client, nullptr);
    if (i >= 200) latencies.push_back(1e6 * seconds_since(start));
  }
  std::sort(latencies.begin(), latencies.end());

  const auto start = bench::Clock::now();
  for (int sent = 0, done = 0; done < messages; ++done) {
    for (; sent < messages && sent - done < in_flight; ++sent) send_frames(client, request);
    receive(client, nullptr);
  }
  std::printf("{\"latency_us_p50\": %.1f, \"latency_us_p99\": %.1f, \"messages_per_s\": %.0f, \"frames\": %zu}\n",
              latencies[1000], latencies[1980], messages / seconds_since(start), request.size());
  std::fflush(stdout);
  brokered.stop();
  _exit(0);
}
