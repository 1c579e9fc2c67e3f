// What ZeroMQ itself does on this machine: a client, a broker (zmq_proxy between a ROUTER and a DEALER) and workers
// that echo, each a process, messages of the size of a no-op task. The bound that everything else is compared with.
//
//   bench_raw_zmq WORKERS MESSAGES [MEGABYTES...]     prints one JSON object
//     latency_us_p50/p99: one message there and back; messages_per_s: 512 in flight;
//     push_mb_s/pull_mb_s: one message of that many MB there (and a byte back), and the other way round.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

void require(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "bench_raw_zmq: %s: %s\n", what, zmq_strerror(zmq_errno()));
  std::exit(1);
}

void* make_socket(void* context, int type) {
  void* socket = zmq_socket(context, type);
  require(socket != nullptr, "socket");
  const int zero = 0;
  zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
  zmq_setsockopt(socket, ZMQ_SNDHWM, &zero, sizeof zero);
  zmq_setsockopt(socket, ZMQ_RCVHWM, &zero, sizeof zero);
  return socket;
}

// The child tells its endpoint through `report` once it listens.
void run_broker(int report) {
  void* context = zmq_ctx_new();
  void* front = make_socket(context, ZMQ_ROUTER);
  void* back = make_socket(context, ZMQ_DEALER);
  std::string endpoints;
  for (void* socket : {front, back}) {
    require(zmq_bind(socket, "tcp://127.0.0.1:*") == 0, "bind");
    char endpoint[128];
    std::size_t size = sizeof endpoint;
    zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size);
    endpoints.append(endpoint).push_back('\n');
  }
  require(write(report, endpoints.data(), endpoints.size()) == static_cast<ssize_t>(endpoints.size()), "report");
  zmq_proxy(front, back, nullptr);
}

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

pid_t spawn(void (*run)(const std::string&), const std::string& argument) {
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    run(argument);
    _exit(0);
  }
  return child;
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

  int pipe_ends[2];
  require(pipe(pipe_ends) == 0, "pipe");
  std::vector<pid_t> children;
  const pid_t broker = fork();
  if (broker == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    run_broker(pipe_ends[1]);
    _exit(0);
  }
  children.push_back(broker);
  std::string endpoints;
  char c;
  while (std::count(endpoints.begin(), endpoints.end(), '\n') < 2 && read(pipe_ends[0], &c, 1) == 1) endpoints += c;
  const auto middle = endpoints.find('\n');
  const std::string front = endpoints.substr(0, middle);
  const std::string back = endpoints.substr(middle + 1, endpoints.size() - middle - 2);
  for (int i = 0; i < workers; ++i) children.push_back(spawn(run_worker, back));

  void* context = zmq_ctx_new();
  void* client = make_socket(context, ZMQ_DEALER);
  require(zmq_connect(client, front.c_str()) == 0, "connect");

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
  for (pid_t child : children) kill(child, SIGKILL);
  for (pid_t child : children) waitpid(child, nullptr, 0);
  _exit(0);
}
