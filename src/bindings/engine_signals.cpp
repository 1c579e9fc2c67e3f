#include "bindings/engine_signals.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace camshaft::bindings {

namespace {

// A signal handler has nothing but globals. Both are written before the handler is installed.
volatile std::sig_atomic_t write_end = -1;
volatile std::sig_atomic_t owner = 0;

void on_termination(int signal) {
  const int saved = errno;
  if (getpid() != owner) {
    // A forked child of user code (multiprocessing): it must end by itself, not end the engine.
    std::signal(signal, SIG_DFL);
    raise(signal);
  } else if (write_end >= 0) {
    const char byte = 1;
    [[maybe_unused]] const ssize_t written = write(write_end, &byte, 1);
  }
  errno = saved;
}

}  // namespace

TerminationPipe::TerminationPipe() {
  if (pipe2(ends_, O_CLOEXEC | O_NONBLOCK) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  owner = getpid();
  write_end = ends_[1];
  struct sigaction action {};
  action.sa_handler = on_termination;
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, &before_);
}

TerminationPipe::~TerminationPipe() {
  sigaction(SIGTERM, &before_, nullptr);
  write_end = -1;
  close(ends_[0]);
  close(ends_[1]);
}

}  // namespace camshaft::bindings
