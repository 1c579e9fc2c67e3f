// service/cluster_probe.hpp: asks a controller which engines are registered, as a client that connects would.
// Thread: that of its loop. Owns: one DEALER. Borrows context, loop and clock.
// Errors: make() names the file that is missing or wrong; a controller that does not answer is asked again.
#pragma once
#include <functional>
#include <set>
#include <string>

#include "core/result.hpp"
#include "net/loop.hpp"
#include "net/socket.hpp"
#include "service/origin.hpp"
#include "wire/connection_file.hpp"

namespace camshaft::service {

class ClusterProbe final {
 public:
  using Answer = std::function<void(const std::set<std::string>& engines)>;

  static Result<std::unique_ptr<ClusterProbe>> make(net::Context& context, net::Loop& loop,
                                                    const wire::ClientConnection& connection, Answer answer);
  ~ClusterProbe();
  ClusterProbe(const ClusterProbe&) = delete;
  ClusterProbe& operator=(const ClusterProbe&) = delete;

  /// Tells a controller of ours how the process of an engine on this computer has ended.
  void tell_exit(int pid, const std::string& how);
  /// Asks, unless a question is still open and young.
  void ask();

 private:
  ClusterProbe(net::Context& context, net::Loop& loop, const wire::ClientConnection& connection, wire::Signer signer,
               Answer answer);
  void on_frames(Frames frames);

  net::Loop& loop_;
  Origin origin_;
  net::Socket socket_;
  Answer answer_;
  TimePoint asked_at_{};
  bool ours_ = false;  // the controller is no original
  bool open_ = false;
};

}  // namespace camshaft::service
