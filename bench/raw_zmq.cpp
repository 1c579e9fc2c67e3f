// What ZeroMQ itself does on this machine: a client, a broker (zmq_proxy between a ROUTER and a DEALER) and workers
// that echo, each a process, messages of the size of a no-op task. The bound that everything else is compared with.
//
//   bench_raw_zmq WORKERS MESSAGES [MEGABYTES...]     prints one JSON object
//     latency_us_p50/p99: one message there and back; messages_per_s: 512 in flight;
//     push_mb_s/pull_mb_s: one message of that many MB there (and a byte back), and the other way round.
#include "bench/raw_parts.hpp"

namespace {

using namespace camshaft::bench;

// Request: one frame whose first byte says what to answer: 'e' the same, 'b' one byte, 'p' as many bytes as asked.
void run_worker(const std::string& endpoint) {
  void* context = zmq_ctx_new();
  void* socket = make_socket(context, ZMQ_REP);
  require(zmq_connect(socket, endpoint.c_str()) == 0, "connect");
  std::vector<char> big;
  while (true) {
    zmq_msg_t message;
    zmq_msg_init(&message);
    if (zmq_msg_recv(&message, socket, 0) < 0) return;
    const char* data = static_cast<const char*>(zmq_msg_data(&message));
    if (data[0] == 'e') {
      zmq_msg_send(&message, socket, 0);
      continue;
    }
    const std::size_t size = data[0] == 'p' ? std::stoull(std::string(data + 1, zmq_msg_size(&message) - 1)) : 1;
    big.resize(std::max(big.size(), size));
    zmq_msg_close(&message);
    zmq_msg_init_data(&message, big.data(), size, nullptr, nullptr);
    zmq_msg_send(&message, socket, 0);
  }
}

void send_request(void* client, const void* data, std::size_t size, bool by_reference = false) {
  zmq_send(client, "", 0, ZMQ_SNDMORE);
  if (!by_reference) {
    zmq_send(client, data, size, 0);
    return;
  }
  zmq_msg_t message;
  zmq_msg_init_data(&message, const_cast<void*>(data), size, nullptr, nullptr);
  zmq_msg_send(&message, client, 0);
}

std::size_t receive_reply(void* client) {
  zmq_msg_t message;
  zmq_msg_init(&message);
  zmq_msg_recv(&message, client, 0);
  const int size = zmq_msg_recv(&message, client, 0);
  require(size >= 0, "receive");
  zmq_msg_close(&message);
  return static_cast<std::size_t>(size);
}

}  // namespace

int main(int argc, char** argv) {
  const int workers = argc > 1 ? std::atoi(argv[1]) : 2;
  const int messages = argc > 2 ? std::atoi(argv[2]) : 50000;

  Brokered brokered = start_brokered(workers, run_worker);
  void* context = zmq_ctx_new();
  void* client = make_socket(context, ZMQ_DEALER);
  require(zmq_connect(client, brokered.front.c_str()) == 0, "connect");

  const std::string task(512, 'e');
  for (int i = 0; i < 200; ++i) {
    send_request(client, task.data(), task.size());
    receive_reply(client);
  }
  std::vector<double> latencies;
  for (int i = 0; i < 2000; ++i) {
    const auto start = Clock::now();
    send_request(client, task.data(), task.size());
    receive_reply(client);
    latencies.push_back(1e6 * seconds_since(start));
  }
  std::sort(latencies.begin(), latencies.end());

  const auto start = Clock::now();
  int sent = 0;
  for (int done = 0; done < messages; ++done) {
    while (sent < messages && sent - done < 512) {
      send_request(client, task.data(), task.size());
      ++sent;
    }
    receive_reply(client);
  }
  const double rate = messages / seconds_since(start);

  std::printf("{\"latency_us_p50\": %.1f, \"latency_us_p99\": %.1f, \"messages_per_s\": %.0f", latencies[1000],
              latencies[1980], rate);
  std::string push, pull;
  for (int i = 3; i < argc; ++i) {
    const std::size_t size = std::strtoull(argv[i], nullptr, 10) << 20;
    const std::vector<char> data(size, 'b');
    const std::string ask = "p" + std::to_string(size);
    double best_push = 0, best_pull = 0;
    for (int round = 0; round < 3; ++round) {
      auto t = Clock::now();
      send_request(client, data.data(), size, true);
      receive_reply(client);
      best_push = std::max(best_push, static_cast<double>(size) / 1e6 / seconds_since(t));
      t = Clock::now();
      send_request(client, ask.data(), ask.size());
      require(receive_reply(client) == size, "pull");
      best_pull = std::max(best_pull, static_cast<double>(size) / 1e6 / seconds_since(t));
    }
    const std::string separator = push.empty() ? "" : ", ";
    push += separator + "\"" + argv[i] + "\": " + std::to_string(best_push);
    pull += separator + "\"" + argv[i] + "\": " + std::to_string(best_pull);
  }
  std::printf(", \"push_mb_s\": {%s}, \"pull_mb_s\": {%s}}\n", push.c_str(), pull.c_str());
  std::fflush(stdout);
  brokered.stop();
  _exit(0);
}
