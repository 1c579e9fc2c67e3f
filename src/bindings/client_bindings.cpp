#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bindings/bindings.hpp"
#include "bindings/client_buffers.hpp"
#include "bindings/client_calls.hpp"
#include "bindings/client_requests.hpp"
#include "core/date.hpp"
#include "service/client_service.hpp"
#include "service/connection_question.hpp"
#include "wire/connection_file.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace camshaft::bindings {

namespace {

using namespace std::chrono_literals;
using service::ClientBoard;
using service::ClientService;
using service::RequestPtr;
using Deadline = std::chrono::steady_clock::time_point;

// Python handles signals only between its own instructions: so often a wait comes back to let it.
constexpr Duration kSlice = 50ms;

nb::object text(std::string_view utf8) {
  // What peers send is decoded as the original does: bad bytes are replaced, never an error.
  PyObject* made = PyUnicode_DecodeUTF8(utf8.data(), static_cast<Py_ssize_t>(utf8.size()), "replace");
  if (made == nullptr) throw nb::python_error();
  return nb::steal(made);
}

std::string_view utf8_of(nb::handle string) {
  Py_ssize_t size = 0;
  const char* bytes = PyUnicode_AsUTF8AndSize(string.ptr(), &size);
  if (bytes == nullptr) throw nb::python_error();
  return {bytes, static_cast<std::size_t>(size)};
}

Blob json_of(const nb::str& given) {
  const std::string_view bytes = utf8_of(given);
  return bytes == "{}" ? Blob::of_static("{}") : Blob::of(std::string(bytes));
}

void check_signals() {
  if (PyErr_CheckSignals() != 0) throw nb::python_error();
}

[[noreturn]] void raise_from(const Error& error) {
  PyObject* type = error.code == Errc::timed_out     ? PyExc_TimeoutError
                   : error.code == Errc::unavailable ? PyExc_RuntimeError
                                                     : PyExc_ValueError;
  PyErr_SetString(type, error.message.c_str());
  throw nb::python_error();
}

/// nullopt: no limit. A timeout past any sensible one counts as none.
std::optional<Duration> duration_of(std::optional<double> seconds) {
  if (!seconds || !(*seconds < 1e8)) return std::nullopt;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::max(*seconds, 0.0)));
}

/// Calls `poll(wait)` without the GIL in slices, until it is true or the timeout has passed; honours Ctrl-C.
template <class Poll>
bool in_slices(std::optional<Duration> timeout, Poll poll) {
  const Deadline start = std::chrono::steady_clock::now();
  while (true) {
    Duration left = kSlice;
    if (timeout) left = std::min(left, *timeout - (std::chrono::steady_clock::now() - start));
    bool done;
    {
      const nb::gil_scoped_release unlocked;
      done = poll(std::max(left, Duration::zero()));
    }
    check_signals();
    if (done || left < kSlice) return done;
  }
}

/// Metadata is asked for one key; text that is no JSON object has none.
std::optional<std::string> engine_of(const service::Request& request) {
  if (request.done()) {
    auto facts = client::read_facts(request.reply());
    if (!facts.engine.empty()) return std::move(facts.engine.value);
  }
  if (request.engine().empty()) return std::nullopt;
  return request.engine();
}

class PyClient final {
 public:
  PyClient(std::string_view connection_json, double timeout, double reconnect_timeout) {
    auto connection = wire::parse_client_connection(connection_json);
    if (!connection) raise_from(connection.error());
    service::ClientOptions options;
    options.timeout = duration_of(timeout).value_or(std::chrono::hours(24 * 365));
    options.patience = duration_of(reconnect_timeout).value_or(std::chrono::hours(24 * 365));
    if (const char* user = std::getenv("USER")) options.username = user;
    auto opened = ClientService::open(*connection, clock_, log_, std::move(options));
    if (!opened) raise_from(opened.error());
    service_ = std::move(*opened);
    std::optional<Result<Done>> outcome;
    try {
      in_slices(std::nullopt, [&](Duration wait) { return (outcome = service_->connected(wait)).has_value(); });
    } catch (...) {  // Ctrl-C
      close();
      throw;
    }
    if (*outcome) return;
    close();
    raise_from(outcome->error());
  }
  ~PyClient() { close(); }
  PyClient(const PyClient&) = delete;
  PyClient& operator=(const PyClient&) = delete;

  nb::object session() const { return text(service_->session()); }
  nb::object task_scheme() const { return text(service_->task_scheme()); }
  bool closed() const { return service_->closed(); }
  std::size_t pending() const { return service_->board().pending(); }
  const char* reach() const {
    switch (service_->board().reach()) {
      case service::Reach::here:
        return "here";
      case service::Reach::away:
        return "away";
      case service::Reach::lost:
        break;
    }
    return "lost";
  }
  std::uint64_t generation() const { return service_->board().generation(); }

  nb::dict engines() const {
    nb::dict numbered;
    for (const auto& [number, id] : service_->engines()) numbered[nb::int_(to_int(number))] = text(id.value);
    return numbered;
  }

  std::uint64_t wait_generation(std::uint64_t seen, double timeout) {
    returned_->release();
    ClientBoard& board = service_->board();
    in_slices(duration_of(timeout),
              [&](Duration wait) { return board.wait_generation(seen, wait) != seen || board.closed(); });
    return board.generation();
  }

  PyRequest submit(std::string_view channel, std::string_view msg_type, nb::str content, nb::str metadata,
                   nb::object buffers, std::optional<std::string_view> engine, bool) {
    returned_->release();
    service::Submission submission;
    const auto known = client::channel_of(channel);
    if (!known || *known == client::Channel::broadcast)
      throw nb::value_error("channel must be 'mux', 'task', 'control' or 'query'");
    submission.channel = *known;
    const bool direct = *known == client::Channel::mux || *known == client::Channel::control;
    if (direct != engine.has_value())
      throw nb::value_error(direct ? "'mux' and 'control' need the uuid of an engine"
                                   : "'task' and 'query' take no engine: the controller chooses or answers itself");
    submission.msg_type = msg_type;
    if (engine) submission.engine = *engine;
    submission.content = json_of(content);
    if (!metadata.is(last_metadata_)) {
      last_metadata_ = metadata;
      last_metadata_blob_ = json_of(metadata);
    }
    submission.metadata = last_metadata_blob_;
    auto taken = take_buffers(buffers, returned_, &last_function_);
    submission.buffers = std::move(taken.blobs);
    submission.lease = taken.lease;
    taken.lease.reset();
    return {service_->submit(std::move(submission)), returned_};
  }

  nb::list submit_broadcast(std::string_view msg_type, nb::str content, nb::str metadata, nb::object buffers,
                            const std::vector<std::string>& engines, bool coalescing) {
    returned_->release();
    if (engines.empty()) throw nb::value_error("a broadcast needs engines");
    service::Submission submission;
    submission.msg_type = msg_type;
    submission.content = json_of(content);
    submission.metadata = json_of(metadata);
    auto taken = take_buffers(buffers, returned_);
    submission.buffers = std::move(taken.blobs);
    submission.lease = taken.lease;
    taken.lease.reset();
    nb::list made;
    for (RequestPtr& request : service_->broadcast(std::move(submission), engines, coalescing))
      made.append(nb::cast(PyRequest{std::move(request), returned_}));
    return made;
  }

  // Each item of `calls` gives the buffers of one task. Tasks leave while the iteration goes on.
  PyRequests submit_tasks(nb::str metadata, nb::handle calls) {
    returned_->release();
    PyRequests made{{}, returned_};
    const Blob shared_metadata = json_of(metadata);
    SharedBuffer function;  // calls of one map have the same first buffer
    const nb::object items = nb::steal(PyObject_GetIter(calls.ptr()));
    if (!items.is_valid()) throw nb::python_error();
    while (PyObject* next = PyIter_Next(items.ptr())) {
      const nb::object buffers = nb::steal(next);
      service::Submission submission;
      submission.channel = client::Channel::task;
      submission.msg_type = "apply_request";
      submission.metadata = shared_metadata;
      auto taken = take_buffers(buffers, returned_, &function);
      submission.buffers = std::move(taken.blobs);
      submission.lease = taken.lease;
      taken.lease.reset();
      made.they.push_back(service_->submit(std::move(submission)));
    }
    if (PyErr_Occurred() != nullptr) throw nb::python_error();
    service_->hurry();
    return made;
  }

  bool wait(nb::handle requests, std::optional<double> timeout, bool outputs, bool any) {
    returned_->release();
    // References of our own: other threads may change the list while the GIL is away.
    const std::vector<RequestPtr> waited = requests_in(requests);
    service::Wait waiting = service_->waiting(waited, {outputs, any});
    const bool done = in_slices(duration_of(timeout),
                                [&](Duration left) { return waiting.until(std::chrono::steady_clock::now() + left); });
    returned_->release();
    return done;
  }

  KnownCalls known_calls(std::optional<std::string> engine) { return {*service_, returned_, std::move(engine)}; }

  void watch(const PyRequest& request) { service_->board().watch(request.it); }

  nb::list next_watched(double timeout) {
    returned_->release();
    std::vector<RequestPtr> done;
    ClientBoard& board = service_->board();
    in_slices(duration_of(timeout), [&](Duration wait) {
      done = board.next_watched(wait);
      return !done.empty() || board.closed();
    });
    nb::list made;
    for (RequestPtr& request : done) made.append(nb::cast(PyRequest{std::move(request), returned_}));
    return made;
  }

  void close() {
    {
      const nb::gil_scoped_release unlocked;
      service_->close();
    }
    returned_->release();
  }

 private:
  SystemClock clock_;
  NullLog log_;
  std::shared_ptr<ReturnedBuffers> returned_ = std::make_shared<ReturnedBuffers>();
  // Calls in a loop have the same metadata and function, which need no copy of their own. Guarded by the GIL.
  nb::object last_metadata_;
  Blob last_metadata_blob_;
  SharedBuffer last_function_;
  std::unique_ptr<ClientService> service_;
};

nb::list outputs_of(const service::Request& request) {
  nb::list made;
  for (const client::OutputMessage& message : request.output().messages)
    made.append(nb::make_tuple(text(message.msg_type), text(message.content.view()), text(message.metadata.view()),
                               give_buffers(message.buffers)));
  return made;
}

void bind_request(nb::module_& module) {
  const auto optional_text = [](const std::optional<std::string>& given) -> nb::object {
    return given ? text(*given) : nb::none();
  };
  nb::class_<PyRequest>(module, "Request",
                        "One request that was sent, and what came back. Reading a property never blocks.")
      .def_prop_ro("msg_id", [](const PyRequest& self) { return text(self.it->msg_id()); })
      .def_prop_ro(
          "done", [](const PyRequest& self) { return self.it->done(); }, "The reply is here.")
      .def_prop_ro(
          "outputs_done", [](const PyRequest& self) { return self.it->outputs_done(); },
          "All output of the request is here too.")
      .def_prop_ro(
          "status", [](const PyRequest& self) { return text(client::to_text(self.it->status())); },
          "'pending', 'ok', 'error' or 'aborted'.")
      .def_prop_ro(
          "engine_uuid", [=](const PyRequest& self) { return optional_text(engine_of(*self.it)); },
          "The engine that was addressed or, once it answered, the engine that did.")
      .def_prop_ro(
          "content", [](const PyRequest& self) { return text(self.it->reply().content.view()); },
          "Reply content, JSON text.")
      .def_prop_ro(
          "metadata", [](const PyRequest& self) { return text(self.it->reply().metadata.view()); },
          "Reply metadata, JSON text.")
      .def_prop_ro(
          "buffers", [](const PyRequest& self) { return give_buffers(self.it->reply().buffers); },
          "Reply buffers: read-only views, without a copy.")
      .def_prop_ro("small_result", &small_result,
                   "The bytes of the reply's only buffer; None while pending, when it did not end well, or when the "
                   "result has another shape.")
      .def_prop_ro(
          "submitted", [](const PyRequest& self) { return text(format_date(self.it->submitted())); },
          "ISO 8601 date of the request.")
      .def_prop_ro(
          "completed",
          [](const PyRequest& self) -> nb::object {
            const std::string_view date = self.it->reply().date.view();
            return date.empty() ? nb::none() : text(date);
          },
          "ISO 8601 date of the reply's header; None while pending, and when the client made the reply itself.")
      .def_prop_ro(
          "received",
          [](const PyRequest& self) -> std::optional<double> {
            if (!self.it->done()) return std::nullopt;
            return std::chrono::duration<double>(self.it->received().time_since_epoch()).count();
          },
          "Unix time at which the io thread had the reply.")
      .def_prop_ro(
          "sent",
          [](const PyRequest& self) {
            self.returned->release();
            return self.it->sent();
          },
          "The transport has let go of the request's buffers: they may be changed again.")
      .def_prop_ro("stdout", [](const PyRequest& self) { return text(self.it->output().out); })
      .def_prop_ro("stderr", [](const PyRequest& self) { return text(self.it->output().err); })
      .def_prop_ro(
          "output_changes", [](const PyRequest& self) { return self.it->output_changes(); },
          "Grows whenever stdout, stderr or outputs do; cheap to read.")
      .def_prop_ro(
          "outputs", [](const PyRequest& self) { return outputs_of(*self.it); },
          "Every iopub message but status and stream: (msg_type, content JSON, metadata JSON, buffers).");
}

}  // namespace

void bind_client(nb::module_& module) {
  module.def(
      "ask_connection",
      [](const std::string& address, std::string_view key, std::string_view scheme, double timeout,
         const std::string& curve_serverkey) -> std::optional<std::string> {
        auto question = service::ConnectionQuestion::ask(address, scheme, key, curve_serverkey);
        if (!question) raise_from(question.error());
        std::optional<std::string> answer;
        in_slices(duration_of(timeout),
                  [&](Duration wait) { return (answer = (*question)->answer(wait)).has_value(); });
        return answer;
      },
      "address"_a, "key"_a, "signature_scheme"_a, "timeout"_a, "curve_serverkey"_a = "",
      "The content of a controller's connection_reply, JSON text; None when it does not answer.");
  bind_blob(module);
  bind_request(module);
  bind_requests(module);
  bind_calls(module);
  nb::class_<PyClient>(module, "ClientCore",
                       "A connection to a controller: one C++ io thread that owns all of a client's sockets.")
      .def(nb::init<std::string_view, double, double>(), "connection"_a, nb::kw_only(), "timeout"_a = 10.0,
           "reconnect_timeout"_a = 60.0)
      .def_prop_ro("session", &PyClient::session)
      .def_prop_ro("task_scheme", &PyClient::task_scheme)
      .def_prop_ro("closed", &PyClient::closed)
      .def_prop_ro("generation", &PyClient::generation,
                   "Grows with each engine that joins or leaves, and when `reach` changes.")
      .def_prop_ro("reach", &PyClient::reach,
                   "'here' while the controller is connected, 'away' while it is waited for, 'lost' once given up.")
      .def_prop_ro("pending", &PyClient::pending, "How many requests have no reply yet.")
      .def("engines", &PyClient::engines, "Registered engines now, {id: uuid}, in order of id.")
      .def("wait_generation", &PyClient::wait_generation, "seen"_a, "timeout"_a)
      .def("submit", &PyClient::submit, "channel"_a, "msg_type"_a, "content"_a = "{}", "metadata"_a = "{}",
           "buffers"_a = nb::make_tuple(), nb::kw_only(), "engine"_a = nb::none(), "track"_a = false)
      .def("submit_broadcast", &PyClient::submit_broadcast, "msg_type"_a, "content"_a, "metadata"_a, "buffers"_a,
           "engines"_a, "coalescing"_a)
      .def("submit_tasks", &PyClient::submit_tasks, "metadata"_a, "calls"_a,
           "One load-balanced apply_request for the buffers that each item of `calls` gives.")
      .def("known_calls", &PyClient::known_calls, nb::keep_alive<0, 1>(), "engine"_a.none(),
           "For apply_requests whose parts repeat, to one engine or load-balanced.")
      .def("wait", &PyClient::wait, "requests"_a, "timeout"_a = nb::none(), nb::kw_only(), "outputs"_a = false,
           "any"_a = false)
      .def("watch", &PyClient::watch, "request"_a)
      .def("next_watched", &PyClient::next_watched, "timeout"_a)
      .def("close", &PyClient::close);
}

}  // namespace camshaft::bindings
