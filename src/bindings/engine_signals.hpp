// bindings/engine_signals.hpp: SIGTERM as a readable descriptor, so that an engine stops while user code holds the GIL.
// Thread: construct and destroy on the interpreter's thread; one at a time in a process.
// Owns:   a pipe and the disposition of SIGTERM, which it gives back.
// Errors: the constructor throws std::system_error.
#pragma once
#include <csignal>

namespace camshaft::bindings {

class TerminationPipe final {
 public:
  TerminationPipe();
  ~TerminationPipe();
  TerminationPipe(const TerminationPipe&) = delete;
  TerminationPipe& operator=(const TerminationPipe&) = delete;
  /// Readable once SIGTERM has come.
  int descriptor() const { return ends_[0]; }

 private:
  int ends_[2];
  struct sigaction before_ {};
};

}  // namespace camshaft::bindings
