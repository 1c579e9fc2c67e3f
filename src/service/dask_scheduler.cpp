#include "service/dask_scheduler.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include "wire/json.hpp"

namespace camshaft::service {
namespace {

constexpr Duration kPatience = std::chrono::seconds(60);  // until it listens

}  // namespace

void DaskScheduler::start(const std::string& arguments, Reply reply) {
  if (!running_.empty()) return reply(running_);
  waiting_.push_back(std::move(reply));
  if (!child_) launch(arguments);
}

void DaskScheduler::launch(const std::string& arguments) {
  const auto python = find_python_ ? find_python_() : std::nullopt;
  if (!python) return fail("the controller finds no Python: there is no ipengine beside it and no python3 in PATH");
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail("the controller has no descriptors left");
  channel_ = cluster::Descriptor(ends[0]);
  const cluster::Descriptor theirs(ends[1]);
  const cluster::Command command{{python->string(), "-m", "camshaft.dask_scheduler", arguments}, {}, "/dev/null", ""};
  auto child = cluster::Child::start(command, nullptr, theirs.get(), "CAMSHAFT_DASK_FD");
  if (!child) {
    channel_.reset();
    return fail(child.error().message);
  }
  child_.emplace(std::move(*child));
  loop_.on_readable(channel_.get(), [this] { read(); });
  patience_ = loop_.at(loop_.clock().now() + kPatience, [this] {
    patience_.reset();
    fail("the scheduler of Dask did not come up within 60 s");
  });
}

/// One line is the answer; the end of the channel is the end of the process.
void DaskScheduler::read() {
  std::array<char, 4096> buffer{};
  const ssize_t got = ::recv(channel_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return fail("Python ended before the scheduler of Dask was up: is camshaft installed for it?");
  text_.append(buffer.data(), static_cast<std::size_t>(got));
  const std::size_t end = text_.find('\n');
  if (end == std::string::npos || !running_.empty()) return;
  const std::string content = text_.substr(0, end);
  if (patience_) loop_.cancel(*std::exchange(patience_, std::nullopt));
  if (content.find(R"("status": "ok")") == std::string::npos) {
    answer(content);
    return stop();
  }
  running_ = content;
  log_.info("the scheduler of Dask runs: {}", content);
  answer(content);
}

void DaskScheduler::fail(const std::string& why) {
  if (running_.empty()) answer(wire::error_content("RuntimeError", why));
  stop();
}

void DaskScheduler::answer(const std::string& content) {
  for (const Reply& reply : std::exchange(waiting_, {})) reply(content);
}

void DaskScheduler::stop() {
  if (patience_) loop_.cancel(*std::exchange(patience_, std::nullopt));
  if (channel_.get() >= 0) loop_.forget(channel_.get());
  channel_.reset();
  if (child_) {
    child_->signal(SIGKILL);  // it holds nothing that anybody needs, and may be busy with the imports of Dask
    child_->wait();
  }
  child_.reset();
  running_.clear();
  text_.clear();
  waiting_.clear();
}

}  // namespace camshaft::service
