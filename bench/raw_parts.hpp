// What the programs that measure plain ZeroMQ share: sockets, and a broker (zmq_proxy between a ROUTER and a DEALER)
// with workers, each a process. Errors: one line, and exit 1.
#pragma once
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

namespace camshaft::bench {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

inline void require(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "bench: %s: %s\n", what, zmq_strerror(zmq_errno()));
  std::exit(1);
}

inline void* make_socket(void* context, int type) {
  void* socket = zmq_socket(context, type);
  require(socket != nullptr, "socket");
  const int zero = 0;
  zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
  zmq_setsockopt(socket, ZMQ_SNDHWM, &zero, sizeof zero);
  zmq_setsockopt(socket, ZMQ_RCVHWM, &zero, sizeof zero);
  return socket;
}

// The child tells its endpoint through `report` once it listens.
inline void run_broker(int report) {
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

inline pid_t spawn(void (*run)(const std::string&), const std::string& argument) {
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    run(argument);
    _exit(0);
  }
  return child;
}

/// A broker and `workers` processes; `front` is where clients connect. stop() ends them.
struct Brokered {
  std::string front;
  std::vector<pid_t> children;
  void stop() {
    for (pid_t child : children) kill(child, SIGKILL);
    for (pid_t child : children) waitpid(child, nullptr, 0);
    children.clear();
  }
};

inline Brokered start_brokered(int workers, void (*run_worker)(const std::string&)) {
  Brokered made;
  int pipe_ends[2];
  require(pipe(pipe_ends) == 0, "pipe");
  const pid_t broker = fork();
  if (broker == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    run_broker(pipe_ends[1]);
    _exit(0);
  }
  made.children.push_back(broker);
  std::string endpoints;
  char c;
  while (std::count(endpoints.begin(), endpoints.end(), '\n') < 2 && read(pipe_ends[0], &c, 1) == 1) endpoints += c;
  const auto middle = endpoints.find('\n');
  made.front = endpoints.substr(0, middle);
  const std::string back = endpoints.substr(middle + 1, endpoints.size() - middle - 2);
  for (int i = 0; i < workers; ++i) made.children.push_back(spawn(run_worker, back));
  return made;
}

}  // namespace camshaft::bench
