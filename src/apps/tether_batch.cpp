#include "apps/tether_batch.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <set>
#include <system_error>

#include "apps/tether.hpp"
#include "cluster/batch/jobs_file.hpp"
#include "cluster/batch/watch.hpp"
#include "cluster/process/captured.hpp"
#include "cluster/process/files.hpp"
#include "service/tell_controller.hpp"
#include "wire/connection_file.hpp"

namespace camshaft::apps {
namespace {

namespace batch = cluster::batch;
namespace fs = std::filesystem;

constexpr Duration kSubmitPatience = std::chrono::seconds(120);
constexpr Duration kAnswerPatience = std::chrono::seconds(30);
constexpr Duration kStopPatience = std::chrono::seconds(12);  // less than the supervisor's
constexpr Duration kControllerPatience = std::chrono::seconds(5);
constexpr int kTailLines = 20;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string one_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text.empty() ? "nothing" : text;
}

/// Whose jobs they are.
std::string user_name() {
  const passwd* entry = ::getpwuid(::geteuid());
  return entry != nullptr ? entry->pw_name : variable("USER");
}

class BatchTether final {
 public:
  BatchTether(batch::Request request, batch::Submission submission)
      : request_(std::move(request)), submission_(std::move(submission)), jobs_file_(request_.jobs_file()) {}

  int run() {
    life_.on_stop([this] { stop(); });
    life_.on_signal([this](int number) { pass_on(number); });
    for (const batch::Script& script : submission_.scripts) {
      if (life_.stopping()) break;
      if (const auto submitted = submit(script); !submitted) {
        tether_says(submitted.error().message);
        failed_ = true;
        break;
      }
      life_.loop().run_once(Duration{});
    }
    if (failed_ && watch_.ids().empty()) return 1;
    if (failed_ || life_.stopping()) stop();
    if (!life_.stopping() && !failed_) {
      tether_says(fmt::format("{} {} submitted to {}: {}", watch_.ids().size() == 1 ? "job" : "jobs",
                              fmt::join(watch_.ids(), ", "), submission_.dialect.title,
                              request_.controller ? "the controller" : fmt::format("{} engines", request_.n)));
    }
    plan_question();
    return life_.run();
  }

 private:
  net::Loop& loop() { return life_.loop(); }
  TimePoint now() { return life_.loop().clock().now(); }

  Result<Done> submit(const batch::Script& script) {
    if (auto written = cluster::write_text(script.file, script.text); !written) return written.error();
    scripts_.insert(script.file);
    std::error_code ignored;
    fs::permissions(script.file, fs::perms::owner_all, ignored);  // some systems run the file itself
    const auto& dialect = submission_.dialect;
    const auto argv = batch::submit_command(dialect, script);
    const auto ran = cluster::run({argv, dialect.script_on_stdin ? script.file : fs::path{}, submission_.environment},
                                  kSubmitPatience);
    const std::string command = fmt::format("{}", fmt::join(argv, " "));
    if (!ran) {
      const bool missing = ran.error().code == Errc::not_found;
      return Error{
          ran.error().code,
          ran.error().message + (missing ? fmt::format("; is this a machine from which jobs are submitted to {}? "
                                                       "submit_command says what to call instead",
                                                       dialect.title)
                                         : fmt::format("; it was called as: {}", command))};
    }
    const auto id = ran->exit == cluster::Exit{}
                        ? batch::job_id(dialect, ran->output)
                        : Result<std::string>(Error{Errc::bad_value, cluster::describe(ran->exit)});
    if (!id) {
      return Error{Errc::bad_value,
                   fmt::format("{} did not take the job ({}): {}; the command was: {}; the script is {}", dialect.title,
                               id.error().message, one_line(ran->output), command, script.file.string())};
    }
    watch_.submitted(*id, now());
    return save();
  }

  /// At once after each submission: whoever comes after us finds every job.
  Result<Done> save() {
    batch::JobsRecord record{submission_.dialect.name, request_.cluster_id,        request_.set,
                             cluster::this_process(),  submission_.dialect.cancel, watch_.living()};
    auto written = cluster::write_text(jobs_file_, batch::render(record));
    if (!written) return written.error();
    return Done{};
  }

  /// Runs a command beside the loop; `then` gets what came of it.
  void ask(batch::Words argv, Duration patience, std::function<void(Result<cluster::Ran>)> then) {
    auto started = cluster::Captured::start({std::move(argv), {}, {}});
    if (!started) {
      then(started.error());
      return;
    }
    auto running = std::make_shared<cluster::Captured>(std::move(*started));
    const auto timer = loop().at(now() + patience, [running] { running->kill(); });
    loop().on_readable(running->descriptor(), [this, running, timer, then = std::move(then)] {
      const auto exit = running->poll();
      if (!exit) return;
      // Forgetting the descriptor ends this handler and what it holds.
      const auto keep = running;  // NOLINT(performance-unnecessary-copy-initialization)
      const auto call = then;
      auto& of_loop = loop();
      of_loop.cancel(timer);
      of_loop.forget(keep->descriptor());
      call(cluster::Ran{*exit, keep->output()});
    });
  }

  void plan_question() {
    if (finished_ || submission_.dialect.status.empty() || asking_) return;
    if (question_) loop().cancel(*question_);
    question_ = loop().at(watch_.next_question(), [this] {
      question_.reset();
      question();
    });
  }

  void question() {
    const auto ids = watch_.living();
    if (asking_ || ids.empty()) return;
    asking_ = true;
    ask(batch::expand(submission_.dialect.status, ids, 0, user_name()), kAnswerPatience,
        [this, ids](const Result<cluster::Ran>& ran) {
          asking_ = false;
          std::string line;
          if (!ran) {
            line = watch_.unanswered(ran.error().message, now());
          } else {
            const auto states = batch::job_states(submission_.dialect, ids, ran->output, ran->exit.code);
            line = states ? watch_.answered(*states, now()) : watch_.unanswered(states.error().message, now());
          }
          if (!line.empty() && !life_.stopping()) tether_says(fmt::format("{}: {}", submission_.dialect.title, line));
          if (watch_.over())
            over();
          else
            plan_question();
        });
  }

  void pass_on(int number) {
    if (life_.stopping() || watch_.living().empty()) return;
    const auto argv = batch::signal_command(submission_, watch_.living(), number);
    if (argv.empty()) {
      if (!request_.controller && through_controller(number)) return;
      tether_says(fmt::format("{} cannot pass on signal {} ({}), and no controller of camshaft that would answers",
                              submission_.dialect.title, number, ::strsignal(number)));
      return;
    }
    ask(argv, kAnswerPatience, [argv](const Result<cluster::Ran>& ran) {
      if (ran && ran->exit == cluster::Exit{}) return;
      tether_says(fmt::format("{}: {}", fmt::join(argv, " "), ran ? one_line(ran->output) : ran.error().message));
    });
  }

  /// Where the system has no command for it, engines raise the signal themselves.
  bool through_controller(int number) {
    service::ControllerPlace place;
    for (const auto& [name, value] : request_.environment) {
      if (name == "IPP_CONNECTION_INFO") place.connection = value;
    }
    if (place.connection.empty()) {
      const auto text =
          wire::read_file(wire::engine_file(fs::path(request_.profile_dir) / "security", request_.cluster_id));
      if (!text) return false;
      place.connection = *text;
    }
    return service::tell_signal(place, request_.set, number, kControllerPatience) == service::Told::told;
  }

  void stop() {
    const auto ids = watch_.living();
    if (finished_ || cancelling_ || ids.empty()) {
      if (ids.empty()) finish(failed_ ? 1 : 0);
      return;
    }
    cancelling_ = true;
    loop().at(now() + kStopPatience, [this] { give_up(); });
    const auto argv = batch::expand(submission_.dialect.cancel, ids);
    ask(argv, kStopPatience, [this, argv](const Result<cluster::Ran>& ran) {
      const bool gone = ran && batch::says_unknown(submission_.dialect, ran->output);
      if (!ran || (ran->exit != cluster::Exit{} && !gone)) {
        tether_says(fmt::format("the jobs could not be cancelled: {}: {}; their ids are in {}", fmt::join(argv, " "),
                                ran ? one_line(ran->output) : ran.error().message, jobs_file_.string()));
        failed_ = true;
        return;  // the questions go on: perhaps they end all the same
      }
      cancelled_ = true;
      if (submission_.dialect.status.empty()) {
        finish(failed_ ? 1 : 0);
        return;
      }
      watch_.hurry(now());
      plan_question();
    });
  }

  void give_up() {
    if (!cancelled_) {
      finish(1);
      return;
    }
    tether_says(fmt::format("{} has accepted the end of {}, but still lists them", submission_.dialect.title,
                            fmt::join(watch_.living(), ", ")));
    finish(failed_ ? 1 : 0);
  }

  /// All jobs have ended, by themselves or because they were to.
  void over() {
    if (life_.stopping() || cancelling_) {
      cancelled_ = true;
      finish(failed_ ? 1 : 0);
      return;
    }
    const batch::Tally tally = watch_.tally();
    const bool bad = tally.failed > 0;
    tether_says(fmt::format("all jobs have ended: {}; their output: {}", batch::describe(tally), outputs()));
    for (const std::string& text : tails()) fmt::print(stderr, "{}\n", text);
    cancelled_ = true;
    failed_ = failed_ || bad;
    keep_outputs_ = bad;
    finish(bad ? 1 : 0);
  }

  void finish(int code) {
    if (finished_) return;
    finished_ = true;
    std::error_code ignored;
    if (cancelled_ || watch_.living().empty()) fs::remove(jobs_file_, ignored);
    const bool imported = submission_.dialect.form == batch::Form::hpc_xml;  // people open it in another program
    if (!failed_ && !imported) {
      for (const fs::path& script : scripts_) fs::remove(script, ignored);
    }
    if (!failed_ && !keep_outputs_) {
      for (const fs::path& file : output_files()) fs::remove(file, ignored);
    }
    life_.finish(code);
  }

  std::string outputs() const { return submission_.scripts.front().output_file; }

  /// Files that jobs have written, whatever number the system put into their names.
  std::vector<fs::path> output_files() const {
    std::vector<fs::path> found;
    const fs::path pattern = outputs();
    const std::string stem = request_.file_stem() + "-job";
    if (pattern.filename().string().rfind(stem, 0) != 0) return found;  // the user's own
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(pattern.parent_path(), ignored)) {
      const std::string name = entry.path().filename().string();
      if (name.rfind(stem + ".", 0) == 0 || name.rfind(stem + "-", 0) == 0) found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  std::vector<std::string> tails() const {
    std::vector<std::string> out;
    for (const fs::path& file : output_files()) {
      const std::string text = cluster::tail(file, kTailLines);
      if (text.empty()) continue;
      out.push_back(text);
      break;  // one explains enough
    }
    return out;
  }

  batch::Request request_;
  batch::Submission submission_;
  fs::path jobs_file_;
  TetherLife life_;
  batch::Watch watch_;
  std::set<fs::path> scripts_;
  std::optional<net::TimerId> question_;
  bool asking_ = false, cancelling_ = false, cancelled_ = false, failed_ = false, finished_ = false;
  bool keep_outputs_ = false;
};

}  // namespace

batch::Request batch_request(const cluster::TetherSpec& spec) {
  batch::Request request;
  request.system = spec.launcher.name;
  request.controller = spec.role == cluster::Role::controller;
  request.n = spec.n;
  request.cluster_id = spec.cluster_id;
  request.set = spec.set;
  request.profile_dir = spec.profile_dir;
  request.work_dir = spec.work_dir.empty() ? fs::current_path().string() : spec.work_dir;
  request.program = spec.argv;
  request.options = spec.launcher.options;
  for (const auto& [name, value] : spec.environment) {
    // Not every system passes line breaks on.
    const auto json = name == "IPP_CONNECTION_INFO" ? nlohmann::json::parse(value, nullptr, false) : nlohmann::json();
    request.environment.emplace_back(name, json.is_object() ? json.dump() : value);
  }
  const auto listens = [](const std::string& word) {
    return word.rfind("--ip", 0) == 0 || word.find(".ip=") != std::string::npos;
  };
  if (request.controller && std::none_of(spec.argv.begin(), spec.argv.end(), listens))
    request.program.emplace_back("--ip=*");
  if (request.system == "winhpc") {
    std::string user = variable("USERNAME").empty() ? user_name() : variable("USERNAME");
    if (const std::string domain = variable("USERDOMAIN"); !domain.empty()) user = domain + "\\" + user;
    for (const char* name : {"username", "owner"}) {
      if (!request.options.contains(name)) request.options[name] = user;
    }
  }
  return request;
}

Result<batch::Submission> batch_submission(const batch::Request& request) {
  return batch::prepare(request, [](const fs::path& path) { return cluster::read_text(path); });
}

int run_batch_tether(const cluster::TetherSpec& spec) {
  batch::Request request = batch_request(spec);
  auto submission = batch_submission(request);
  if (!submission) {
    tether_says(submission.error().message);
    return 2;
  }
  BatchTether tether(std::move(request), std::move(*submission));
  return tether.run();
}

}  // namespace camshaft::apps
