#include "apps/signals.hpp"

#include <fcntl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <system_error>

namespace camshaft::apps {

SignalDescriptor::SignalDescriptor() : descriptor_(-1) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, number);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  descriptor_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
}

SignalDescriptor::~SignalDescriptor() { close(descriptor_); }

std::string SignalDescriptor::read_name() {
  signalfd_siginfo info{};
  if (read(descriptor_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return "no signal";
  return std::string("SIG") + sigabbrev_np(static_cast<int>(info.ssi_signo));
}

int inherited_lifeline() {
  const char* text = std::getenv("CAMSHAFT_LIFELINE_FD");
  if (text == nullptr) return -1;
  int descriptor = -1;
  const char* end = text + std::strlen(text);
  if (std::from_chars(text, end, descriptor).ptr != end || fcntl(descriptor, F_GETFD) < 0) return -1;
  fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  unsetenv("CAMSHAFT_LIFELINE_FD");
  return descriptor;
}

}  // namespace camshaft::apps
