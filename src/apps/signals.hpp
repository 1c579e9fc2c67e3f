// apps/signals.hpp: signals, and the end of our starter, as descriptors to poll.
// Thread: made on the main thread before others start. Owns: a signalfd.
// Errors: std::system_error when the system has no descriptor left.
#pragma once
#include <string>

namespace camshaft::apps {

/// Blocks SIGINT, SIGTERM and SIGHUP for this thread and all it starts, and turns them into a readable descriptor.
/// SIGPIPE is ignored.
class SignalDescriptor final {
 public:
  SignalDescriptor();
  ~SignalDescriptor();
  SignalDescriptor(const SignalDescriptor&) = delete;
  SignalDescriptor& operator=(const SignalDescriptor&) = delete;

  int descriptor() const { return descriptor_; }
  /// Takes the waiting signal and names it.
  std::string read_name();

 private:
  int descriptor_;
};

/// The pipe that CAMSHAFT_LIFELINE_FD names, made close-on-exec; it is readable (EOF) when our starter is gone.
/// -1 when there is none.
int inherited_lifeline();

}  // namespace camshaft::apps
