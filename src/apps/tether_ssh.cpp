#include "apps/tether_ssh.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <list>
#include <nlohmann/json.hpp>

#include "apps/tether.hpp"
#include "apps/tether_errand.hpp"
#include "cluster/commands.hpp"
#include "cluster/process/files.hpp"
#include "cluster/ssh/hosts.hpp"

namespace camshaft::apps {
namespace {

using nlohmann::json;
namespace ssh = cluster::ssh;

constexpr Duration kGrace = std::chrono::seconds(10);
constexpr int kFetches = 10;  // attempts after the start: files may have to be written first
constexpr Duration kFetchPause = std::chrono::seconds(1);
constexpr std::size_t kMostText = 8192;  // that is kept of what ssh says before there is a guard

/// One machine: its connection, and what runs there.
class Remote final {
 public:
  struct Handlers {
    std::function<void(Remote&)> over;
    std::function<void(const json&)> files;  // [[name, text], ...]
  };
  Remote(net::Loop& loop, ssh::Host host, Handlers handlers)
      : loop_(loop), host_(std::move(host)), handlers_(std::move(handlers)) {}
  Remote(const Remote&) = delete;
  Remote& operator=(const Remote&) = delete;
  ~Remote() {
    forget();
    if (fetch_timer_) loop_.cancel(*fetch_timer_);
  }

  /// Copies files there if that is asked for, then starts. False when there is no ssh here.
  bool start(const std::vector<std::pair<std::string, std::string>>& files) {
    if (host_.send.empty()) return start_guard(files);
    errand_.emplace(loop_, ssh::sending(host_), [this, files](const std::string& failure) {
      errand_.reset();
      if (failure.empty() && !stopped_ && start_guard(files)) return;
      code_ = stopped_ ? 0 : 1;
      if (!failure.empty() && !stopped_) {
        tether_says(fmt::format("no engines on {}: the files of to_send cannot be copied there: {}", name(), failure));
      }
      running_ = false;
      handlers_.over(*this);
    });
    return true;
  }
  void order(const json& what) {
    if (what.contains("stop")) {
      stopped_ = true;
      if (!child_ && errand_) errand_->kill();
    }
    if (!child_) return;
    outgoing_ += what.dump() + "\n";
    write_some();
  }
  void kill() {
    if (errand_) errand_->kill();
    if (child_) child_->signal(SIGKILL);
  }
  bool running() const { return running_; }
  bool greeted() const { return greeted_; }
  int code() const { return code_; }
  const std::string& name() const { return host_.address.host; }

 private:
  bool start_guard(const std::vector<std::pair<std::string, std::string>>& files) {
    auto started = TetherChild::start({host_.ssh, {}, "", true});
    if (!started) {
      tether_says(started.error().message + "; install it (Debian: openssh-client)");
      return false;
    }
    child_.emplace(std::move(*started));
    for (const int fd : {child_->input().get(), child_->output().get(), child_->errors().get()}) {
      ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
    loop_.on_readable(child_->output().get(), [this] { read_news(); });
    loop_.on_readable(child_->errors().get(), [this] { read_errors(); });
    loop_.on_readable(child_->descriptor(), [this] { on_end(); });
    outgoing_ = ssh::opening(host_, files);
    write_some();
    return true;
  }
  /// Soon after the start, when the files may not be there yet.
  void fetch_early(int attempts) {
    errand_.emplace(loop_, ssh::fetching(host_), [this, attempts](const std::string& failure) {
      errand_.reset();
      if (failure.empty() || !running_ || stopped_) return;
      if (attempts > 1) {
        fetch_timer_ = loop_.at(loop_.clock().now() + kFetchPause, [this, attempts] { fetch_early(attempts - 1); });
        return;
      }
      tether_says(fmt::format("files of to_fetch are not on {} yet, they are fetched at the end: {}", name(), failure));
    });
  }
  /// When all has ended there: what is there now.
  void fetch_at_end() {
    if (fetch_timer_) loop_.cancel(*fetch_timer_);
    errand_.emplace(loop_, ssh::fetching(host_), [this](const std::string& failure) {
      errand_.reset();
      if (!failure.empty()) {
        tether_says(fmt::format("the files of to_fetch cannot be copied from {}: {}", name(), failure));
      }
      running_ = false;
      handlers_.over(*this);
    });
  }
  /// ssh takes what fits in its pipe; the rest follows.
  void write_some() {
    while (!outgoing_.empty() && child_ && child_->input().get() >= 0) {
      const ssize_t put = ::write(child_->input().get(), outgoing_.data(), outgoing_.size());
      if (put > 0) {
        outgoing_.erase(0, static_cast<std::size_t>(put));
      } else if (put < 0 && errno == EAGAIN) {
        loop_.at(loop_.clock().now() + std::chrono::milliseconds(10), [this] { write_some(); });
        return;
      } else if (errno != EINTR) {
        outgoing_.clear();  // it has ended, which is seen elsewhere
      }
    }
  }
  static bool take(int fd, std::string& into) {
    std::array<char, 4096> buffer{};
    for (;;) {
      const ssize_t got = ::read(fd, buffer.data(), buffer.size());
      if (got > 0)
        into.append(buffer.data(), static_cast<std::size_t>(got));
      else
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    }
  }
  void read_news() {
    const bool open = take(child_->output().get(), incoming_);
    for (std::size_t end = incoming_.find('\n'); end != std::string::npos; end = incoming_.find('\n')) {
      const json news = json::parse(incoming_.substr(0, end), nullptr, false);
      if (news.is_object())
        on_news(news);
      else if (!greeted_)
        errors_ += incoming_.substr(0, end + 1);  // of a login script, or a shell's complaint
      incoming_.erase(0, end + 1);
    }
    if (!open) loop_.forget(child_->output().get());
  }
  void read_errors() {
    std::string text;
    const bool open = take(child_->errors().get(), text);
    (void)!::write(STDERR_FILENO, text.data(), text.size());
    if (!greeted_) errors_ = (errors_ + text).substr(0, kMostText);
    if (!open) loop_.forget(child_->errors().get());
  }
  void on_news(const json& news) {
    if (news.contains("started")) {
      greeted_ = true;
      tether_says(fmt::format("{}: started {} process{}", name(), news["started"].size(),
                              news["started"].size() == 1 ? "" : "es"));
      if (!host_.fetch.empty()) fetch_early(kFetches);
    } else if (news.contains("failed")) {
      greeted_ = true;
      code_ = 127;
      tether_says(fmt::format("no engines on {}: {}; say what to start with the option engine_cmd", name(),
                              news["failed"].get<std::string>()));
    } else if (news.contains("ended")) {
      const int code = news.value("code", 1);
      if (code != 0) code_ = code < 0 ? 128 - code : code;
      const std::string missing = news.value("missing", "");
      if (!missing.empty() && !told_missing_) {
        told_missing_ = true;
        tether_says(
            fmt::format("no engines on {}: the Python there has no {}; install it there, or say which Python "
                        "has it with the option remote_python",
                        name(), missing));
      }
    } else if (news.contains("files")) {
      handlers_.files(news["files"]);
    }
  }
  void on_end() {
    const auto exit = child_->poll();
    if (!exit) return;
    read_news();
    read_errors();
    forget();
    child_.reset();
    if (!greeted_) {
      code_ = 1;
      tether_says(ssh::explain(host_, code_of(*exit), errors_));
    } else if (code_of(*exit) != 0 && code_ == 0) {
      code_ = 1;
      tether_says(fmt::format("the connection to {} is gone: what ran there has been ended", name()));
    }
    if (greeted_ && !host_.fetch.empty()) return fetch_at_end();
    running_ = false;
    handlers_.over(*this);
  }
  void forget() {
    if (!child_) return;
    for (const int fd : {child_->output().get(), child_->errors().get(), child_->descriptor()}) loop_.forget(fd);
  }

  net::Loop& loop_;
  ssh::Host host_;
  Handlers handlers_;
  std::optional<TetherChild> child_;
  std::optional<Errand> errand_;
  std::optional<net::TimerId> fetch_timer_;
  bool stopped_ = false;
  std::string outgoing_, incoming_, errors_;
  bool running_ = true, greeted_ = false, told_missing_ = false;
  int code_ = 0;
};

/// Connection files that a machine needs; Errc::not_found names the one that is not there.
Result<std::vector<std::pair<std::string, std::string>>> files_for(const ssh::Host& host, const std::string& profile) {
  std::vector<std::pair<std::string, std::string>> files;
  if (!host.needs_files) return files;
  for (const char* end : {"client.json", "engine.json"}) {
    const auto path = std::filesystem::path(profile) / "security" / (host.connection_name + end);
    auto text = cluster::read_text(path);
    if (!text) return text.error();
    files.emplace_back(host.connection_name + end, std::move(*text));
  }
  return files;
}

void save_files(const json& files, const std::string& profile) {
  for (const json& one : files) {
    const auto path = std::filesystem::path(profile) / "security" / one.at(0).get<std::string>();
    if (auto written = cluster::write_text(path, one.at(1).get<std::string>()); !written) {
      tether_says(written.error().message);
    }
  }
}

}  // namespace

int run_ssh_tether(const cluster::TetherSpec& spec) {
  const char* home = std::getenv("HOME");
  auto hosts = ssh::hosts_of(spec, home != nullptr ? home : "");
  if (!hosts) {
    tether_says(hosts.error().message);
    return 2;
  }
  TetherLife life;
  std::list<Remote> remotes;
  int left = 0;
  const auto stop = [&] {
    for (Remote& one : remotes) {
      if (one.running()) one.order({{"stop", true}});
    }
    life.loop().at(life.loop().clock().now() + kGrace, [&] {
      for (Remote& one : remotes) one.kill();
    });
    if (left == 0) life.finish(0);
  };
  bool failed = false;
  const auto over = [&](Remote& which) {
    --left;
    // Nobody waits for a set that cannot become whole.
    if (!which.greeted() && !failed && !life.stopping()) {
      failed = true;
      stop();
    }
    if (left > 0) return;
    int code = 0;
    for (const Remote& one : remotes) code = code == 0 ? one.code() : code;
    life.finish(code);
  };
  for (ssh::Host& host : *hosts) {
    auto files = files_for(host, spec.profile_dir);
    if (!files) {
      tether_says(files.error().message);
      return 1;
    }
    remotes.emplace_back(life.loop(), std::move(host),
                         Remote::Handlers{over, [&](const json& news) { save_files(news, spec.profile_dir); }});
    if (!remotes.back().start(*files)) return 127;
    ++left;
  }
  life.on_signal([&](int number) {
    for (Remote& one : remotes) {
      if (one.running()) one.order({{"signal", number}});
    }
  });
  life.on_stop(stop);
  return life.run();
}

}  // namespace camshaft::apps
