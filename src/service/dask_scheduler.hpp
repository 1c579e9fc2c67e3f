// service/dask_scheduler.hpp: the scheduler of Dask in a Python process beside the controller, for clients of the
// original, whose become_dask asks the controller for one.
// Thread: that of its loop. Owns: the process and the channel to it; the process ends when the channel does.
// Errors: an error reply in the original's form. Nothing here waits but stop(), for a process that was told to end.
#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cluster/process/child.hpp"
#include "core/log.hpp"
#include "net/loop.hpp"

namespace camshaft::service {

class DaskScheduler final {
 public:
  using FindPython = std::function<std::optional<std::filesystem::path>()>;
  /// Gets the content of the reply: status, ip, port and address, or an error.
  using Reply = std::function<void(std::string content)>;

  DaskScheduler(net::Loop& loop, FindPython find_python, Log& log)
      : loop_(loop), find_python_(std::move(find_python)), log_(log) {}
  ~DaskScheduler() { stop(); }
  DaskScheduler(const DaskScheduler&) = delete;
  DaskScheduler& operator=(const DaskScheduler&) = delete;

  /// Starts it with these arguments, a JSON object; one that runs already stays as it is.
  void start(const std::string& arguments, Reply reply);
  void stop();

 private:
  void launch(const std::string& arguments);
  void read();
  void fail(const std::string& why);
  void answer(const std::string& content);

  net::Loop& loop_;
  FindPython find_python_;
  Log& log_;
  std::optional<cluster::Child> child_;
  cluster::Descriptor channel_;
  std::string text_;     // what it has written so far
  std::string running_;  // the reply while it runs
  std::vector<Reply> waiting_;
  std::optional<net::TimerId> patience_;
};

}  // namespace camshaft::service
