#include "service/cluster_thread.hpp"

#include <pthread.h>

#include <csignal>
#include <future>

namespace camshaft::service {

using Phase = ClusterSnapshot::Phase;

namespace {
constexpr std::size_t kEndsKept = 256;
}  // namespace

ClusterThread::ClusterThread(ClusterConfig config) : loop_(clock_) {
  // Signals belong to the main thread, where Python waits for them.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this, config = std::move(config)]() mutable {
    cluster_ = std::make_unique<ClusterService>(context_, loop_, std::move(config),
                                                [this](const ClusterReport& report) { on_report(report); });
    loop_.run();
    cluster_.reset();
  });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

ClusterThread::~ClusterThread() {
  loop_.post([this] { loop_.stop(); });
  thread_.join();
}

Result<Done> ClusterThread::call(Result<Done> (ClusterService::*start)()) {
  const auto answer = std::make_shared<std::promise<Result<Done>>>();  // outlives whoever is done first
  loop_.post([this, start, answer] {
    auto done = ((*cluster_).*start)();
    if (done) {
      const std::lock_guard lock(mutex_);
      snapshot_.controller = start == &ClusterService::adopt_controller ? Phase::running : Phase::starting;
    }
    refresh();
    answer->set_value(std::move(done));
  });
  return answer->get_future().get();
}

Result<Done> ClusterThread::start_controller() { return call(&ClusterService::start_controller); }
Result<Done> ClusterThread::adopt_controller() { return call(&ClusterService::adopt_controller); }

void ClusterThread::start_engines(const std::string& set, int n) {
  {
    const std::lock_guard lock(mutex_);
    snapshot_.sets[set] = {};
    snapshot_.sets[set].wanted = n;
  }
  loop_.post([this, set, n] {
    cluster_->start_engines(set, n);
    refresh();
  });
}

void ClusterThread::stop_engines(const std::string& set) {
  loop_.post([this, set] { cluster_->stop_engines(set); });
}

void ClusterThread::signal_engines(const std::optional<std::string>& set, int number) {
  loop_.post([this, set, number] { cluster_->signal_engines(set, number); });
}

void ClusterThread::stop_engine(const cluster::EngineRef& engine) {
  loop_.post([this, engine] { cluster_->stop_engine(engine); });
}

void ClusterThread::restart_engine(const cluster::EngineRef& engine) {
  loop_.post([this, engine] { cluster_->restart_engine(engine); });
}

void ClusterThread::signal_engine(const cluster::EngineRef& engine, int number) {
  loop_.post([this, engine, number] { cluster_->signal_engine(engine, number); });
}

void ClusterThread::stop() {
  loop_.post([this] { cluster_->stop(); });
}

void ClusterThread::save() {
  const auto done = std::make_shared<std::promise<void>>();
  loop_.post([this, done] {
    cluster_->save();
    refresh();
    done->set_value();
  });
  done->get_future().wait();
}

ClusterSnapshot ClusterThread::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

std::uint64_t ClusterThread::wait(std::uint64_t seen, Duration timeout) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [&] { return snapshot_.generation != seen; });
  return snapshot_.generation;
}

void ClusterThread::on_report(const ClusterReport& report) {
  namespace action = cluster::action;
  if (const auto* one = std::get_if<action::ControllerStopped>(&report.what)) {
    note_end(std::nullopt, cluster_->controller(), one->expected);
  } else if (const auto* end = std::get_if<action::EngineStopped>(&report.what)) {
    note_end(end->engine, cluster_->engines()[end->engine.set][end->engine.index], end->expected);
  }
  {
    const std::lock_guard lock(mutex_);
    if (!report.message.empty()) {
      snapshot_.troubles.push_back(report.message);
      snapshot_.log_tail = report.log_tail;
    }
    if (std::holds_alternative<action::ControllerReady>(report.what)) snapshot_.controller = Phase::running;
    if (std::holds_alternative<action::ControllerStopped>(report.what)) snapshot_.controller = Phase::after;
    if (const auto* one = std::get_if<action::Progress>(&report.what)) snapshot_.sets[one->set].ready = one->ready;
    if (const auto* one = std::get_if<action::EnginesReady>(&report.what)) snapshot_.sets[one->set].up = true;
    if (const auto* one = std::get_if<action::EnginesFailed>(&report.what)) {
      snapshot_.sets[one->set].failure = report.message;
    }
    if (std::holds_alternative<action::AllStopped>(report.what)) snapshot_.stopped = true;
  }
  refresh();
}

void ClusterThread::note_end(std::optional<cluster::EngineRef> engine, std::optional<ProcessStatus> process,
                             bool expected) {
  if (!process || !process->exit) return;  // a controller that is late ends later
  const std::lock_guard lock(mutex_);
  snapshot_.ends.push_back({std::move(engine), std::move(*process), expected});
  if (snapshot_.ends.size() > kEndsKept) snapshot_.ends.pop_front();
  ++snapshot_.ended;
}

void ClusterThread::refresh() {
  auto controller = cluster_->controller();
  auto engines = cluster_->engines();
  {
    const std::lock_guard lock(mutex_);
    snapshot_.controller_process = std::move(controller);
    for (auto& [set, members] : engines) snapshot_.sets[set].engines = std::move(members);
    ++snapshot_.generation;
  }
  changed_.notify_all();
}

}  // namespace camshaft::service
