#include "cluster/process/template.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sstream>

namespace camshaft::cluster {
namespace {

// So many requests are in the channel at a time that its buffer holds them: writing never waits.
constexpr int kUnderWay = 8;
constexpr const char* kPerEngine = "IPP_CONNECTION_INFO";  // differs without making engines of another kind,
constexpr std::string_view kAtTheFork = kRestartVariable;  // and this is given to the engine, not to its template

std::map<std::string, std::string> environment_of(const Command& command) {
  auto environment = merged_environment(command.environment);
  environment.erase(kPerEngine);
  environment.erase(std::string(kAtTheFork));
  return environment;
}

/// Writes everything, or says that the other end is gone.
bool write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t written = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    data.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::string request_text(int key, const Command& command, std::size_t program_words) {
  const std::size_t arguments = command.argv.size() - program_words;
  std::string body = fmt::format("{}", key);
  const auto add = [&body](std::string_view field) {
    body += '\0';
    body += field;
  };
  add(command.log_file.string());
  add(std::to_string(arguments));
  for (std::size_t i = program_words; i < command.argv.size(); ++i) add(command.argv[i]);
  for (const auto& [name, value] : command.environment) add(name + "=" + value);
  std::string text;
  for (int shift = 0; shift < 32; shift += 8) text += static_cast<char>(body.size() >> shift & 0xFF);
  return text + body;
}

}  // namespace

Result<EngineTemplate> EngineTemplate::start(const Command& like, std::size_t program_words, const std::string& imports,
                                             int engines, const std::filesystem::path& log_file,
                                             const Lifeline* lifeline) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return Error{Errc::unavailable, fmt::format("cannot make a socket pair: {}", std::strerror(errno))};
  }
  // Away from the descriptors that children get.
  std::array<Descriptor, 2> channel;
  for (std::size_t i = 0; i < 2; ++i) {
    channel[i] = Descriptor(::fcntl(ends[i], F_DUPFD_CLOEXEC, 64));
    ::close(ends[i]);
  }
  Command command = like;
  command.argv.resize(program_words);
  command.log_file = log_file;
  std::erase_if(command.environment, [](const auto& one) { return one.first == kPerEngine; });
  Command started = command;
  started.environment.emplace_back("CAMSHAFT_TEMPLATE_ENGINES", std::to_string(engines));
  if (!imports.empty()) started.environment.emplace_back("CAMSHAFT_TEMPLATE_IMPORTS", imports);
  auto child = Child::start(started, lifeline, channel[1].get(), "CAMSHAFT_TEMPLATE_FD");
  if (!child) return child.error();
  return EngineTemplate(std::move(command), program_words, std::move(*child), std::move(channel[0]));
}

EngineTemplate::EngineTemplate(Command command, std::size_t program_words, Child child, Descriptor channel)
    : command_(std::move(command)),
      program_words_(program_words),
      environment_(environment_of(command_)),
      child_(std::move(child)),
      channel_(std::move(channel)) {}

EngineTemplate::~EngineTemplate() {
  if (channel_.get() < 0 || released_ || gone_) return;
  child_.signal(SIGKILL);
  child_.wait();
}

bool EngineTemplate::fits(const Command& engine) const {
  return !gone_ && engine.argv.size() >= program_words_ &&
         std::equal(command_.argv.begin(), command_.argv.end(), engine.argv.begin()) &&
         engine.work_dir == command_.work_dir && environment_of(engine) == environment_;
}

void EngineTemplate::fork(const EngineRef& engine, const Command& command) {
  const int key = ++last_key_;
  asked_[key] = {engine, request_text(key, command, program_words_)};
  send_more();
}

void EngineTemplate::send_more() {
  if (!ready_) return;
  for (auto& [key, one] : asked_) {
    if (under_way_ >= kUnderWay) return;
    if (one.sent) continue;
    one.sent = true;
    ++under_way_;
    if (!write_all(channel_.get(), one.request)) return;  // gone: the next read says so
  }
}

std::vector<EngineTemplate::News> EngineTemplate::read() {
  std::vector<News> news;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t got = ::recv(channel_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (got <= 0) {
      end(news);
      return news;
    }
    received_.append(buffer.data(), static_cast<std::size_t>(got));
  }
  std::size_t begin = 0;
  for (std::size_t stop = 0; (stop = received_.find('\n', begin)) != std::string::npos; begin = stop + 1) {
    take(received_.substr(begin, stop - begin), news);
  }
  received_.erase(0, begin);
  send_more();
  return news;
}

void EngineTemplate::take(const std::string& line, std::vector<News>& news) {
  std::istringstream words(line);
  std::string kind;
  int key = 0;
  words >> kind >> key;
  if (kind == "ready") ready_ = true;
  if (kind == "ended") {
    const auto found = forked_.find(key);
    Exit exit;
    words >> exit.code >> exit.signal;
    if (found == forked_.end()) return;
    news.emplace_back(Ended{found->second.first, exit});
    forked_.erase(found);
    return;
  }
  const auto found = asked_.find(key);
  if (found == asked_.end()) return;
  const EngineRef engine = found->second.engine;
  if (kind == "started") {
    int pid = 0;
    words >> pid;
    // One that has ended already has no descriptor to give: the line that says how it ended is on its way.
    news.emplace_back(Started{engine, Child({pid, birth_of(pid)}, open_child_of(child_.id().pid, pid))});
    forked_[key] = {engine, pid};
  } else if (kind == "failed") {
    std::string why;
    std::getline(words >> std::ws, why);
    news.emplace_back(Failed{engine, why});
  } else {
    return;
  }
  asked_.erase(found);
  --under_way_;
}

/// The kernel kills what the template had forked as soon as the template itself has ended.
void EngineTemplate::end(std::vector<News>& news) {
  gone_ = true;
  child_.signal(SIGKILL);  // it closed its end, and must not linger
  const Exit exit = child_.wait();
  for (const auto& [key, one] : forked_) news.emplace_back(Ended{one.first, Exit{128 + SIGKILL, SIGKILL}});
  for (const auto& [key, one] : asked_) news.emplace_back(Failed{one.engine, "the template has ended"});
  forked_.clear();
  asked_.clear();
  news.emplace_back(Gone{exit, ready_});
}

}  // namespace camshaft::cluster
