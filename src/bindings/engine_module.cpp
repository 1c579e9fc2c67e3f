// The engine's side of camshaft._core: conversions and GIL rules around service/engine_service.hpp, no logic.
#include <fcntl.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <memory>
#include <system_error>

#include "bindings/bindings.hpp"
#include "bindings/client_buffers.hpp"
#include "bindings/engine_functions.hpp"
#include "bindings/engine_log.hpp"
#include "bindings/engine_memory.hpp"
#include "bindings/engine_signals.hpp"
#include "service/engine_service.hpp"
#include "service/forwarding_log.hpp"

namespace nb = nanobind;

namespace camshaft::bindings {

namespace {

using service::EngineReply;
using service::EngineService;

// A pipe that signal.set_wakeup_fd writes to.
class WakePipe final {
 public:
  WakePipe() {
    if (pipe2(ends_, O_CLOEXEC | O_NONBLOCK) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  }
  ~WakePipe() {
    close(ends_[0]);
    close(ends_[1]);
  }
  WakePipe(const WakePipe&) = delete;
  WakePipe& operator=(const WakePipe&) = delete;
  int read_end() const { return ends_[0]; }
  int write_end() const { return ends_[1]; }

 private:
  int ends_[2];
};

struct EngineHost;

// What a request's side effects are attributed to.
struct PyParent {
  service::ParentPtr parent;
};

// One request in Python's hands. Whoever drops it without an answer makes it an error: nobody waits for ever.
class PyEngineRequest final {
 public:
  PyEngineRequest(std::shared_ptr<EngineHost> host, service::TaskPtr task)
      : host_(std::move(host)), task_(std::move(task)) {}
  PyEngineRequest(PyEngineRequest&&) = default;
  PyEngineRequest(const PyEngineRequest&) = delete;
  PyEngineRequest& operator=(const PyEngineRequest&) = delete;
  ~PyEngineRequest();

  const service::EngineTask& task() const { return *task_; }
  nb::list buffers() const { return give_buffers(task_->buffers); }
  void reply(nb::sequence buffers);
  void answer(std::string content, std::string status, bool unmet_dependency, bool aborts_executes);
  void drop() { finish(silent()); }

 private:
  static EngineReply silent() {
    EngineReply reply;
    reply.silent = true;
    return reply;
  }
  void finish(EngineReply reply);

  std::shared_ptr<EngineHost> host_;
  service::TaskPtr task_;
  bool answered_ = false;
};

struct EngineHost : std::enable_shared_from_this<EngineHost> {
  EngineHost(service::EngineConfig config, int log_descriptor, Level level, const std::string& log_url)
      : near_log(log_descriptor, level),
        forwarded(log_url.empty() ? nullptr : std::make_unique<service::ForwardingLog>(near_log, log_url, "engine")),
        log(forwarded ? static_cast<Log&>(*forwarded) : near_log),
        releases(std::make_shared<BufferReleases>([this] { service->wake(); })) {
    config.stop_requests = termination.descriptor();
    config.wake_ups = wake_pipe.read_end();
    service = std::make_unique<EngineService>(std::move(config), log, [this](EngineNumber number) {
      near_log.rename(fmt::format("IPEngine.{}", to_int(number)));
      if (forwarded) forwarded->rename(fmt::format("engine.{}", to_int(number)));
    });
  }

  ~EngineHost() { close(); }

  nb::object next() {
    while (true) {
      releases->release_all();
      if (interjected.exchange(false)) return nb::bool_(false);
      EngineService::Taken taken;
      {
        nb::gil_scoped_release unlocked;
        taken = service->next();
      }
      // A signal that came while nothing ran belongs to nobody: Python's handlers see it now, before the next request.
      if (PyErr_CheckSignals() != 0) {
        if (taken.task) nb::cast(PyEngineRequest(shared_from_this(), taken.task));  // dropped: answered with an error
        throw nb::python_error();
      }
      if (taken.what == EngineService::Next::stopped) return nb::none();
      if (taken.what == EngineService::Next::task)
        return nb::cast(PyEngineRequest(shared_from_this(), std::move(taken.task)));
    }
  }

  void interject() {
    interjected = true;
    service->wake();
  }

  void close() {
    releases->close();
    if (service) {
      nb::gil_scoped_release unlocked;
      service->close();
    }
    if (forwarded) {
      nb::gil_scoped_release unlocked;
      forwarded->finish();
    }
    if (Py_IsInitialized()) releases->release_all();
  }

  std::atomic<bool> interjected{false};
  EngineLog near_log;
  std::unique_ptr<service::ForwardingLog> forwarded;  // --log-url
  Log& log;
  TerminationPipe termination;
  WakePipe wake_pipe;
  std::shared_ptr<BufferReleases> releases;
  std::unique_ptr<EngineService> service;
};

PyEngineRequest::~PyEngineRequest() {
  if (!task_ || answered_) return;
  EngineReply reply;
  reply.status = "error";
  reply.content =
      R"({"status": "error", "ename": "EngineError", "evalue": "the engine gave up this request without an answer", )"
      R"("traceback": [], "engine_info": {}})";
  finish(std::move(reply));
}

void PyEngineRequest::finish(EngineReply reply) {
  if (answered_) throw std::logic_error("a request was answered twice");
  answered_ = true;
  host_->service->finish(task_, std::move(reply));
}

void PyEngineRequest::reply(nb::sequence buffers) {
  EngineReply reply;
  reply.buffers.reserve(nb::len(buffers));
  for (nb::handle buffer : buffers) reply.buffers.push_back(blob_of(buffer, host_->releases));
  finish(std::move(reply));
}

void PyEngineRequest::answer(std::string content, std::string status, bool unmet_dependency, bool aborts_executes) {
  EngineReply reply;
  reply.content = std::move(content);
  reply.status = std::move(status);
  reply.unmet_dependency = unmet_dependency;
  reply.aborts_executes = aborts_executes;
  finish(std::move(reply));
}

Duration seconds(double value) { return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value)); }

Level level_of(int python_level) {
  if (python_level >= 40) return Level::error;
  if (python_level >= 30) return Level::warning;
  if (python_level >= 20) return Level::info;
  return Level::debug;
}

std::shared_ptr<EngineHost> make_host(std::string uuid, std::string file, std::optional<std::string> connection,
                                      std::optional<std::string> location, std::optional<std::string> key,
                                      std::optional<std::string> curve_serverkey, std::optional<int> engine_id,
                                      double timeout, double wait_for_file, int max_heartbeat_misses,
                                      std::string username, std::string kernel_info, std::string properties,
                                      std::string version, int lifeline, int restart_code, std::string termination,
                                      int log_descriptor, int log_level, const std::string& log_url) {
  service::EngineConfig config;
  config.membership.uuid = EngineId(std::move(uuid));
  if (engine_id) config.membership.requested = EngineNumber{*engine_id};
  config.membership.reply_timeout = seconds(timeout);
  config.membership.file_timeout = seconds(wait_for_file);
  config.membership.max_heartbeat_misses = max_heartbeat_misses;
  config.file = std::move(file);
  config.connection = std::move(connection);
  config.location = std::move(location);
  config.key = std::move(key);
  config.curve_serverkey = std::move(curve_serverkey);
  config.username = std::move(username);
  config.kernel_info = std::move(kernel_info);
  config.properties = std::move(properties);
  config.version = std::move(version);
  config.lifeline = lifeline;
  config.restart_code = restart_code;
  config.termination = std::move(termination);
  if (lifeline >= 0 && fcntl(lifeline, F_SETFD, FD_CLOEXEC) != 0)
    throw nb::value_error("CAMSHAFT_LIFELINE_FD does not name an open descriptor");
  try {
    return std::make_shared<EngineHost>(std::move(config), log_descriptor, level_of(log_level), log_url);
  } catch (const net::NetError& error) {
    throw nb::value_error(error.what());
  }
}

service::ParentPtr parent_of(const PyParent* parent) { return parent == nullptr ? nullptr : parent->parent; }

}  // namespace

void bind_engine(nb::module_& m) {
  m.def(
      "end_with_parent",
      [](int parent) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(128 + SIGKILL);  // it was gone before we asked
      },
      nb::arg("parent"), "Let the kernel kill this process when its parent, which has one thread, ends.");

  nb::class_<PyParent>(m, "EngineParent", "What output is attributed to: a request, of which only the header is kept.")
      .def_prop_ro("msg_id", [](const PyParent& self) { return self.parent->id.value; });

  nb::class_<PyEngineRequest>(m, "EngineRequest", "One request to run. Answer it once, by reply(), answer() or drop().")
      .def_prop_ro("msg_id", [](const PyEngineRequest& self) { return self.task().parent->id.value; })
      .def_prop_ro("msg_type", [](const PyEngineRequest& self) { return self.task().msg_type; })
      .def_prop_ro(
          "codec", [](const PyEngineRequest& self) { return self.task().metadata.codec; },
          "The codec of the buffers; '' is the official layout.")
      .def_prop_ro(
          "content", [](const PyEngineRequest& self) { return self.task().content.str(); }, "JSON text.")
      .def_prop_ro("buffers", &PyEngineRequest::buffers, "Read-only memoryviews of the received message.")
      .def_prop_ro("parent", [](const PyEngineRequest& self) { return PyParent{self.task().parent}; })
      .def("reply", &PyEngineRequest::reply, nb::arg("buffers"), "Success, with these buffers.")
      .def("answer", &PyEngineRequest::answer, nb::arg("content"), nb::arg("status"),
           nb::arg("unmet_dependency") = false, nb::arg("aborts_executes") = false,
           "Any other answer; `content` is JSON text.")
      .def("drop", &PyEngineRequest::drop, "No answer at all.");

  nb::class_<EngineFunctions>(m, "EngineFunctions", "Functions that this engine has read before.")
      .def("learn", &EngineFunctions::learn, nb::arg("pickle"), nb::arg("function").none(),
           "What the pickle gives: `function` while nobody changes it; None: a new object each time.")
      .def(
          "call", [](EngineFunctions& self, const PyEngineRequest& request) { return self.call(request.task()); },
          nb::arg("request"), "(f, args, kwargs) of a request; None when it has to be unpacked the long way.");

  nb::class_<EngineHost>(m, "EngineCore", "An engine's connection to a controller: one C++ io thread.")
      .def(nb::new_(&make_host), nb::kw_only(), nb::arg("uuid"), nb::arg("file"), nb::arg("connection") = nb::none(),
           nb::arg("location") = nb::none(), nb::arg("key") = nb::none(), nb::arg("curve_serverkey") = nb::none(),
           nb::arg("engine_id") = nb::none(), nb::arg("timeout") = 10.0, nb::arg("wait_for_file") = 0.0,
           nb::arg("max_heartbeat_misses") = 50, nb::arg("username") = "", nb::arg("kernel_info") = "{}",
           nb::arg("properties") = "{}", nb::arg("version") = "", nb::arg("lifeline") = -1, nb::arg("restart_code") = 0,
           nb::arg("termination") = "", nb::arg("log_descriptor") = 2, nb::arg("log_level") = 20,
           nb::arg("log_url") = "")
      .def("next", &EngineHost::next,
           "The next request; None when the engine is to stop; False after interject. Waits without the GIL.")
      .def(
          "functions",
          [](EngineHost&, nb::dict space, std::string codec) { return EngineFunctions(space, std::move(codec)); },
          nb::arg("namespace"), nb::arg("codec"), "For requests in `codec` that run in the namespace of `__main__`.")
      .def("interject", &EngineHost::interject, "Let next() return False as soon as nothing runs. From any thread.")
      .def(
          "write",
          [](EngineHost& self, const PyParent* parent, bool to_stderr, std::string_view text) {
            self.service->write(parent_of(parent), to_stderr, text);
          },
          nb::arg("parent").none(), nb::arg("to_stderr"), nb::arg("text"))
      .def("flush", [](EngineHost& self) { self.service->flush(); })
      .def(
          "publish",
          [](EngineHost& self, const PyParent* parent, std::string msg_type, std::string content, std::string metadata,
             nb::sequence buffers) {
            std::vector<Blob> blobs;
            for (nb::handle buffer : buffers) blobs.push_back(blob_of(buffer, self.releases));
            self.service->publish(parent_of(parent), std::move(msg_type), std::move(content), std::move(metadata),
                                  std::move(blobs));
          },
          nb::arg("parent").none(), nb::arg("msg_type"), nb::arg("content"), nb::arg("metadata") = "{}",
          nb::arg("buffers") = nb::tuple())
      .def(
          "log",
          [](EngineHost& self, int level, std::string_view line) {
            if (self.log.enabled(level_of(level))) self.log.write(level_of(level), line);
          },
          nb::arg("level"), nb::arg("line"))
      .def(
          "stop", [](EngineHost& self, int code, double grace) { self.service->stop(code, seconds(grace)); },
          nb::arg("code") = 0, nb::arg("grace") = 2.0)
      .def("properties", [](EngineHost& self) { return self.service->properties(); })
      .def(
          "change_properties",
          [](EngineHost& self, const std::string& changes) { self.service->change_properties(changes); },
          nb::arg("changes"))
      .def("takes_interrupt", [](EngineHost& self) { return self.service->takes_interrupt(); })
      .def_prop_ro(
          "running", [](EngineHost& self) { return self.service->running(); },
          "A request has begun, if only just, and is not answered.")
      .def("close", &EngineHost::close)
      .def_prop_ro(
          "wakeup_fd", [](const EngineHost& self) { return self.wake_pipe.write_end(); }, "For signal.set_wakeup_fd.")
      .def_prop_ro("exit_code", [](const EngineHost& self) { return self.service->exit_code(); })
      .def_prop_ro(
          "engine_id", [](const EngineHost& self) { return to_int(self.service->number()); },
          "-1 before the registration.")
      .def_prop_ro(
          "encrypted", [](const EngineHost& self) { return self.service->encrypted(); },
          "The controller's connections are encrypted (CURVE).")
      .def_prop_ro("engine_uuid", [](const EngineHost& self) { return self.service->uuid().value; });
}

}  // namespace camshaft::bindings
