// bindings/cluster_bindings.cpp: camshaft._core.LocalCluster: a controller and engines on this machine.
// Conversions and the GIL only; everything that waits lets it go.
#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "apps/dry_run.hpp"
#include "apps/launcher_settings.hpp"
#include "core/open_files.hpp"
#include "service/cluster_thread.hpp"

namespace nb = nanobind;

namespace camshaft::bindings {
namespace {

using service::ClusterSnapshot;
using service::ClusterThread;
using Words = std::vector<std::string>;

void require(const Result<Done>& done) {
  if (!done) throw std::runtime_error(done.error().message);
}

nb::dict to_python(const service::ProcessStatus& process) {
  nb::dict out;
  out["pid"] = process.pid;
  out["log_file"] = process.log_file;
  out["exit_code"] =
      process.exit ? nb::cast(process.exit->signal != 0 ? -process.exit->signal : process.exit->code) : nb::none();
  return out;
}

/// (name, options as JSON).
cluster::Launcher launcher(const std::pair<std::string, std::string>& given, cluster::Role role) {
  auto found = cluster::find_launcher(given.first, role);
  if (!found) throw nb::value_error(found.error().message.c_str());
  found->options = nlohmann::json::parse(given.second, nullptr, false);
  if (!found->options.is_object()) throw nb::value_error("options of a launcher are an object in JSON");
  return *found;
}

const char* name_of(ClusterSnapshot::Phase phase) {
  switch (phase) {
    case ClusterSnapshot::Phase::before:
      return "before";
    case ClusterSnapshot::Phase::starting:
      return "starting";
    case ClusterSnapshot::Phase::running:
      return "running";
    case ClusterSnapshot::Phase::after:
      return "after";
  }
  return "after";
}

nb::dict to_python(const ClusterSnapshot& snapshot) {
  nb::dict sets;
  for (const auto& [id, set] : snapshot.sets) {
    nb::dict engines;
    for (const auto& [index, engine] : set.engines) engines[nb::int_(index)] = to_python(engine);
    nb::dict one;
    one["wanted"] = set.wanted;
    one["ready"] = set.ready;
    one["up"] = set.up;
    one["failure"] = set.failure;
    one["engines"] = engines;
    sets[nb::str(id.c_str(), id.size())] = one;
  }
  nb::list ends;
  for (const auto& end : snapshot.ends) {
    nb::dict one = to_python(end.process);
    one["set"] = end.engine ? nb::cast(end.engine->set) : nb::none();
    one["index"] = end.engine ? nb::cast(end.engine->index) : nb::none();
    one["expected"] = end.expected;
    ends.append(one);
  }
  nb::dict out;
  out["ends"] = ends;
  out["ended"] = snapshot.ended;
  out["generation"] = snapshot.generation;
  out["controller"] = name_of(snapshot.controller);
  out["controller_process"] =
      snapshot.controller_process ? nb::object(to_python(*snapshot.controller_process)) : nb::object(nb::none());
  out["sets"] = sets;
  out["troubles"] = snapshot.troubles;
  out["log_tail"] = snapshot.log_tail;
  out["stopped"] = snapshot.stopped;
  return out;
}

/// The thread behind one Python Cluster; closing it twice is fine.
class LocalCluster final {
 public:
  explicit LocalCluster(service::ClusterConfig config)
      : plan_(config.plan), thread_(std::make_unique<ClusterThread>(std::move(config))) {}
  ~LocalCluster() { close(); }
  ClusterThread& thread() {
    if (!thread_) throw std::runtime_error("this cluster is closed");
    return *thread_;
  }
  const cluster::LocalPlan& plan() const { return plan_; }
  void close() {
    if (!thread_) return;
    if (::getpid() != pid_) {  // forked: the thread lives in the parent only, and so does the cluster
      (void)thread_.release();
      return;
    }
    const std::unique_ptr<ClusterThread> last = std::move(thread_);  // from now on nobody finds it
    const nb::gil_scoped_release unlocked;
    while (users_.load() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  /// Somebody uses the thread without the GIL: close() lets them finish.
  class Use {
   public:
    explicit Use(LocalCluster& cluster) : thread(cluster.thread()), users_(cluster.users_) { ++users_; }
    ~Use() { --users_; }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ClusterThread& thread;

   private:
    std::atomic<int>& users_;
  };

 private:
  cluster::LocalPlan plan_;
  std::atomic<int> users_ = 0;
  std::unique_ptr<ClusterThread> thread_;
  int pid_ = ::getpid();
};

}  // namespace

void bind_cluster(nb::module_& module) {
  module.def(
      "engines_in_set",
      [](const std::string& name, const std::string& options, int n, int cores) {
        return cluster::engines_in_set(launcher({name, options}, cluster::Role::engines), n, cores);
      },
      nb::arg("name"), nb::arg("options"), nb::arg("n"), nb::arg("cores"),
      "How many engines a set has when n were asked for; 0: nobody said. Options are JSON.");
  module.def(
      "find_launcher",
      [](const std::string& name, bool controller) {
        const auto found =
            cluster::find_launcher(name, controller ? cluster::Role::controller : cluster::Role::engines);
        if (!found) throw nb::value_error(found.error().message.c_str());
        return found->name;
      },
      nb::arg("name"), nb::kw_only(), nb::arg("controller") = false,
      "The name of the launcher that is meant, 'module:Class' for an import string. ValueError names the known ones.");
  module.def(
      "launcher_queues", [](const std::string& name) { return cluster::Launcher{name}.queued(); }, nb::arg("name"),
      "Whether what this launcher starts waits in a queue first, perhaps for hours.");
  module.def(
      "launcher_classes",
      [](const std::string& name, bool controller) {
        const cluster::Launcher launcher{name, nlohmann::json::object()};
        return apps::launcher_classes(launcher, controller ? cluster::Role::controller : cluster::Role::engines);
      },
      nb::arg("name"), nb::kw_only(), nb::arg("controller") = false,
      "The original's classes whose traits are options of a launcher, from the most general to the most special one.");
  nb::class_<LocalCluster>(module, "LocalCluster", "A controller and engines on this machine, watched by a C++ thread.")
      .def(
          "__init__",
          [](LocalCluster* self, const std::string& ipython_dir, const std::string& profile_dir,
             const std::string& cluster_id, Words controller_cmd, Words engine_cmd, Words controller_args,
             Words engine_args, const std::string& controller_ip, const std::string& controller_location,
             std::vector<std::pair<std::string, std::string>> environment, const std::string& work_dir,
             double controller_timeout, double engine_timeout, bool outlive, bool send_connection, bool fork_engines,
             const std::string& template_imports, const std::pair<std::string, std::string>& engine_launcher,
             const std::pair<std::string, std::string>& controller_launcher, Words tether_cmd, Words python_cmd,
             int restart_engines) {
            const auto seconds = [](double value) {
              return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value));
            };
            service::ClusterConfig config;
            config.plan.profile = {ipython_dir, profile_dir};
            config.plan.cluster_id = cluster_id;
            config.plan.controller_cmd = std::move(controller_cmd);
            config.plan.engine_cmd = std::move(engine_cmd);
            config.plan.controller_args = std::move(controller_args);
            config.plan.engine_args = std::move(engine_args);
            config.plan.controller_ip = controller_ip;
            config.plan.controller_location = controller_location;
            config.plan.environment = std::move(environment);
            config.plan.work_dir = work_dir;
            config.plan.launcher_pid = ::getpid();
            config.plan.fork_engines = fork_engines;
            config.plan.template_imports = template_imports;
            config.plan.engine_launcher = launcher(engine_launcher, cluster::Role::engines);
            config.plan.controller_launcher = launcher(controller_launcher, cluster::Role::controller);
            config.plan.tether_cmd = std::move(tether_cmd);
            config.plan.python_cmd = std::move(python_cmd);
            config.limits.restarts.most = restart_engines;
            config.limits.controller_timeout = seconds(controller_timeout);
            config.limits.engine_timeout = seconds(engine_timeout);
            config.outlive_us = outlive;
            config.send_connection = send_connection;
            config.program = "python";
            if (auto fine = cluster::check_cluster_id(cluster_id); !fine) {
              throw nb::value_error(fine.error().message.c_str());
            }
            new (self) LocalCluster(std::move(config));
          },
          nb::kw_only(), nb::arg("ipython_dir"), nb::arg("profile_dir"), nb::arg("cluster_id"),
          nb::arg("controller_cmd"), nb::arg("engine_cmd"), nb::arg("controller_args") = Words{},
          nb::arg("engine_args") = Words{}, nb::arg("controller_ip") = "", nb::arg("controller_location") = "",
          nb::arg("environment") = std::vector<std::pair<std::string, std::string>>{}, nb::arg("work_dir") = "",
          nb::arg("controller_timeout") = 60.0, nb::arg("engine_timeout") = 60.0, nb::arg("outlive") = false,
          nb::arg("send_connection") = true, nb::arg("fork_engines") = false, nb::arg("template_imports") = "",
          nb::arg("engine_launcher") = std::pair("local", "{}"),
          nb::arg("controller_launcher") = std::pair("local", "{}"), nb::arg("tether_cmd") = Words{},
          nb::arg("python_cmd") = Words{}, nb::arg("restart_engines") = 0)
      .def(
          "start_controller",
          [](LocalCluster& self) {
            const LocalCluster::Use use(self);
            const auto done = [&] {
              const nb::gil_scoped_release unlocked;
              return use.thread.start_controller();
            }();
            require(done);
          },
          "Start a controller; returns once it was launched. RuntimeError when this cluster runs already.")
      .def(
          "adopt_controller",
          [](LocalCluster& self) {
            const LocalCluster::Use use(self);
            const auto done = [&] {
              const nb::gil_scoped_release unlocked;
              return use.thread.adopt_controller();
            }();
            require(done);
          },
          "Use the controller that wrote this profile's connection files.")
      .def(
          "start_engines",
          [](LocalCluster& self, const std::string& set, int n) {
            if (const auto why = too_few_files("engines", static_cast<std::size_t>(std::max(n, 0)), kFilesPerEngine,
                                               most_open_files())) {
              throw std::runtime_error(*why);
            }
            self.thread().start_engines(set, n);
          },
          nb::arg("set_id"), nb::arg("n"), "Start n engines as soon as the controller is ready; returns at once.")
      .def(
          "stop_engines", [](LocalCluster& self, const std::string& set) { self.thread().stop_engines(set); },
          nb::arg("set_id"), "Ask the engines of a set to stop; those that do not within 5 s are killed.")
      .def(
          "signal_engines",
          [](LocalCluster& self, int number, const std::optional<std::string>& set) {
            self.thread().signal_engines(set, number);
          },
          nb::arg("signum"), nb::arg("set_id") = nb::none(), "Send a signal to all engines, or those of one set.")
      .def(
          "stop_engine",
          [](LocalCluster& self, const std::string& set, int index) {
            self.thread().stop_engine({set, index});
          },
          nb::arg("set_id"), nb::arg("index"), "Ask one engine to stop; if it does not within 5 s it is killed.")
      .def(
          "restart_engine",
          [](LocalCluster& self, const std::string& set, int index) {
            self.thread().restart_engine({set, index});
          },
          nb::arg("set_id"), nb::arg("index"), "Start one engine again; if it runs, it is stopped first.")
      .def(
          "signal_engine",
          [](LocalCluster& self, const std::string& set, int index, int number) {
            self.thread().signal_engine({set, index}, number);
          },
          nb::arg("set_id"), nb::arg("index"), nb::arg("signum"), "Send a signal to one engine.")
      .def(
          "save",
          [](LocalCluster& self) {
            const LocalCluster::Use use(self);
            const nb::gil_scoped_release unlocked;
            use.thread.save();
          },
          "Write the cluster file once more, or remove it when nothing runs, and bring the snapshot up to date.")
      .def(
          "stop", [](LocalCluster& self) { self.thread().stop(); }, "Ask engines, then the controller, to stop.")
      .def(
          "dry_run",
          [](const LocalCluster& self, int n) {
            auto text = apps::dry_run(self.plan(), n, true);
            if (!text) throw nb::value_error(text.error().message.c_str());
            return *text;
          },
          nb::arg("n"), "The commands and job scripts of a start with n engines, as text.")
      .def(
          "snapshot", [](LocalCluster& self) { return to_python(self.thread().snapshot()); },
          "What is known now: generation, controller, controller_process, sets, ends, ended, troubles, log_tail, "
          "stopped.")
      .def(
          "wait",
          [](LocalCluster& self, std::uint64_t seen, double timeout) {
            // Short slices: Ctrl-C must be seen, and this thread is where Python handles it.
            const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(timeout);
            for (;;) {
              const auto left = std::chrono::duration_cast<Duration>(until - std::chrono::steady_clock::now());
              const auto slice = std::min<Duration>(left, std::chrono::milliseconds(50));
              std::uint64_t now = 0;
              {
                const LocalCluster::Use use(self);
                const nb::gil_scoped_release unlocked;
                now = use.thread.wait(seen, slice);
              }
              if (PyErr_CheckSignals() != 0) throw nb::python_error();
              if (now != seen || left <= slice) return now;
            }
          },
          nb::arg("seen"), nb::arg("timeout"),
          "Wait until the generation differs from `seen`, or `timeout` seconds; returns it. Honours Ctrl-C.")
      .def("close", &LocalCluster::close,
           "Give up the watch; what still runs is killed, unless it may outlive this process. Idempotent.");
}

}  // namespace camshaft::bindings
