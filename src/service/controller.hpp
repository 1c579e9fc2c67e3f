// service/controller.hpp: a whole controller: the hub, the relays and the schedulers, wired together.
// Thread: made, run and destroyed on one thread, which becomes the hub's; run() starts one for the relays and one for
//         tasks. stop() from any thread.
// Owns:   every socket, loop and thread, and the connection files while it runs.
// Errors: the constructor throws net::NetError or std::runtime_error with one line that says what to do.
#pragma once
#include <functional>
#include <memory>

#include "core/log.hpp"
#include "core/time.hpp"
#include "service/controller_config.hpp"
#include "wire/connection_file.hpp"

namespace camshaft::service {

class Controller final {
 public:
  /// Binds every socket and writes the connection files.
  Controller(ControllerConfig config, const Clock& clock, Log& log);
  ~Controller();
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  const wire::ClientConnection& client_connection() const;
  const wire::EngineConnection& engine_connection() const;

  /// When `descriptor` becomes readable: calls `note`, then stops.
  void stop_when_readable(int descriptor, std::function<void()> note);
  /// Works until stop(); then answers what still waits, tells clients, and removes the connection files.
  void run();
  void stop();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace camshaft::service
