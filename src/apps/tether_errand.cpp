#include "apps/tether_errand.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <utility>

namespace camshaft::apps {
namespace {

/// What a child that has ended left in a pipe; copies say little, so nothing was held up by it.
std::string rest_of(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);  // npos + 1 is the beginning
}

}  // namespace

Errand::Errand(net::Loop& loop, std::vector<std::vector<std::string>> commands, std::function<void(std::string)> done)
    : loop_(loop),
      commands_(std::move(commands)),
      done_(std::move(done)),
      begin_(loop.at(loop.clock().now(), [this] { next(); })) {}

Errand::~Errand() {
  loop_.cancel(begin_);
  forget();
}

void Errand::kill() {
  if (child_) child_->signal(SIGKILL);
}

void Errand::next() {
  if (at_ == commands_.size()) return finish("");
  // Its output goes to the log of the set; its errors come here.
  auto started = TetherChild::start({commands_[at_++], {}, "", true});
  if (!started) return finish(started.error().message);
  child_.emplace(std::move(*started));
  child_->input().reset();
  loop_.on_readable(child_->descriptor(), [this] { on_end(); });
}

void Errand::on_end() {
  const auto exit = child_->poll();
  if (!exit) return;
  forget();
  const std::string said = rest_of(child_->errors().get());
  child_.reset();
  if (const int code = code_of(*exit); code != 0) {
    const std::string line = last_line(said);
    return finish(line.empty() ? fmt::format("{} ended with {}", commands_[at_ - 1].front(), code) : line);
  }
  next();
}

void Errand::finish(std::string failure) {
  const auto done = std::move(done_);
  done(std::move(failure));
}

void Errand::forget() {
  if (child_) loop_.forget(child_->descriptor());
}

}  // namespace camshaft::apps
