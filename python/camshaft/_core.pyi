"""The C++ core of camshaft: the client's connection, the engine's message loop, and the local cluster.

This stub is the contract between Python and C++; src/bindings/ implements it.
"""

from collections.abc import Buffer, Callable, Iterable, Iterator, Sequence
from typing import Any, overload

class Request:
    """One request that was sent, and what came back. Lives in C++; reading a property never blocks."""

    @property
    def msg_id(self) -> str: ...
    @property
    def done(self) -> bool:
        """The reply is here (or the engine is known to be dead, or the connection was closed)."""
    @property
    def outputs_done(self) -> bool:
        """All stdout, stderr and display output of the request is here too."""
    @property
    def status(self) -> str:
        """'pending', 'ok', 'error' or 'aborted': content.status of the reply."""
    @property
    def engine_uuid(self) -> str | None:
        """The engine that was addressed or, once it answered, the engine that did."""
    @property
    def content(self) -> str:
        """Reply content, JSON text ('{}' while pending). Failures made by the client itself look like a peer's:
        {"status": "error", "ename": "EngineError", "evalue": ..., "traceback": [...], "engine_info": {}}."""
    @property
    def metadata(self) -> str:
        """Reply metadata, JSON text ('{}' while pending)."""
    @property
    def buffers(self) -> list[memoryview]:
        """Reply buffers: read-only views of the received message, without a copy."""
    @property
    def small_result(self) -> bytes | None:
        """The bytes of the reply's only buffer; None while pending, when it did not end well, or when the result has
        another shape."""
    @property
    def submitted(self) -> str:
        """ISO 8601 date of the request."""
    @property
    def completed(self) -> str | None:
        """ISO 8601 date of the reply's header."""
    @property
    def received(self) -> float | None:
        """Unix time at which the io thread had the reply."""
    @property
    def sent(self) -> bool:
        """The transport has let go of the request's buffers: they may be changed again."""
    @property
    def stdout(self) -> str: ...
    @property
    def stderr(self) -> str: ...
    @property
    def output_changes(self) -> int:
        """Grows whenever stdout, stderr or outputs do; cheap to read."""
    @property
    def outputs(self) -> list[tuple[str, str, str, list[memoryview]]]:
        """Every iopub message but status and stream, in order: (msg_type, content JSON, metadata JSON, buffers)."""

class Requests:
    """The requests of one call: a sequence of Request, each made when it is looked at. Nothing here blocks."""

    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: int) -> Request: ...
    @overload
    def __getitem__(self, index: slice) -> list[Request]: ...
    def __iter__(self) -> Iterator[Request]: ...
    def all_done(self) -> bool: ...
    def all_ok(self) -> bool: ...
    def done_count(self) -> int: ...
    def msg_ids(self) -> list[str]: ...
    def small_results(self) -> list[bytes | None]:
        """The bytes of each reply's only buffer; None where a reply has another shape or did not end well."""

class KnownCalls:
    """Functions that a view has sent before, and how. For one state of the view's flags."""

    def learn(self, function: Any, generation: int, metadata: str, pickle: bytes) -> None:
        """Let submit() take `function` while it stays as it is and `ClientCore.generation` is `generation`."""
    def submit(self, function: Any, args: tuple[Any, ...]) -> Request | None:
        """The Request of function(*args), as a task in our codec; None when that has to be packed anew: function or
        engines have changed, or an argument is no number, text or None."""

class ClientCore:
    """A connection to a controller: one C++ io thread that owns all of a client's sockets."""

    def __init__(self, connection: str, *, timeout: float = 10.0, reconnect_timeout: float = 60.0) -> None:
        """Connect with the JSON text of a client connection file.

        Raises ValueError for a bad file, TimeoutError when the controller does not answer within `timeout` seconds
        (the message names the address and says what to check), RuntimeError when it refuses.
        """
    @property
    def session(self) -> str: ...
    @property
    def task_scheme(self) -> str: ...
    @property
    def closed(self) -> bool: ...
    def engines(self) -> dict[int, str]:
        """Registered engines now, {id: uuid}, in order of id."""
    @property
    def generation(self) -> int:
        """Grows with each engine that joins or leaves, and when `reach` changes."""
    @property
    def reach(self) -> str:
        """'here' while the controller is connected, 'away' while it is waited for, 'lost' once it is given up."""
    @property
    def pending(self) -> int:
        """How many requests have no reply yet."""
    def wait_generation(self, seen: int, timeout: float) -> int:
        """Wait until `generation` differs from `seen` (or `timeout` seconds passed); returns it. Honours Ctrl-C."""
    def submit(
        self,
        channel: str,
        msg_type: str,
        content: str = "{}",
        metadata: str = "{}",
        buffers: Sequence[Buffer] = (),
        *,
        engine: str | None = None,
        track: bool = False,
    ) -> Request:
        """Send a request and return at once. `channel` is 'mux', 'task', 'control' or 'query'; 'mux' and 'control'
        need the uuid of an `engine`. Large buffers are not copied: do not change them before Request.sent."""
    def submit_tasks(self, metadata: str, calls: Iterable[Sequence[Buffer]]) -> Requests:
        """Send one load-balanced apply_request for the buffers that each item of `calls` gives, while it is iterated
        over. What was sent before `calls` raised an error stays sent."""
    def submit_broadcast(
        self,
        msg_type: str,
        content: str,
        metadata: str,
        buffers: Sequence[Buffer],
        engines: Sequence[str],
        coalescing: bool,
    ) -> list[Request]:
        """Send one message to all `engines` (uuids) through the controller's broadcast scheduler; `metadata` names them
        too. Returns a Request for each, or one whose reply is made of all replies if `coalescing`."""
    def known_calls(self, engine: str | None) -> KnownCalls:
        """For apply_requests whose parts repeat, to the engine with that uuid or, if None, load-balanced ones."""
    def wait(
        self,
        requests: Sequence[Request] | Requests,
        timeout: float | None = None,
        *,
        outputs: bool = False,
        any: bool = False,
    ) -> bool:
        """Wait until all (or any) of `requests` are done, with their outputs if asked. Without the GIL; wakes for
        signals, so KeyboardInterrupt leaves everything usable. False on timeout."""
    def watch(self, request: Request) -> None:
        """Ask that `request` shows up in next_watched once it is done."""
    def next_watched(self, timeout: float) -> list[Request]:
        """Requests under watch that are done now; waits for the first. For one background thread."""
    def close(self) -> None:
        """Stop the io thread and close the sockets; pending requests fail. Idempotent."""

def find_launcher(name: str, *, controller: bool = False) -> str:
    """The name of the launcher that is meant, 'module:Class' for an import string.

    ValueError names the known ones.
    """

def launcher_queues(name: str) -> bool:
    """Whether what this launcher starts waits in a queue first, perhaps for hours."""

def launcher_classes(name: str, *, controller: bool = False) -> list[str]:
    """The original's classes whose traits are options of a launcher, from the most general to the most special one."""

def engines_in_set(name: str, options: str, n: int, cores: int) -> int:
    """How many engines a set has when `n` were asked for; 0: nobody said. `options` of the launcher are JSON."""

class LocalCluster:
    """A controller and engines on this machine, started and watched by a C++ thread. Calls return at once but `wait`.

    The processes end with this process, however it ends, unless `outlive`.
    """

    def __init__(
        self,
        *,
        ipython_dir: str,
        profile_dir: str,
        cluster_id: str,
        controller_cmd: Sequence[str],
        engine_cmd: Sequence[str],
        controller_args: Sequence[str] = (),
        engine_args: Sequence[str] = (),
        controller_ip: str = "",
        controller_location: str = "",
        environment: Sequence[tuple[str, str]] = (),
        work_dir: str = "",
        controller_timeout: float = 60.0,
        engine_timeout: float = 60.0,
        outlive: bool = False,
        send_connection: bool = True,
        fork_engines: bool = False,
        template_imports: str = "",
        engine_launcher: tuple[str, str] = ("local", "{}"),
        controller_launcher: tuple[str, str] = ("local", "{}"),
        tether_cmd: Sequence[str] = (),
        python_cmd: Sequence[str] = (),
        restart_engines: int = 0,
    ) -> None:
        """Commands are program and arguments. ValueError for a cluster id that cannot be part of a file name.

        A launcher is its name and its options in JSON; all but 'local' need `tether_cmd`, classes need `python_cmd`.
        """
    def start_controller(self) -> None:
        """Start a controller. RuntimeError when this cluster runs already or the profile cannot be made."""
    def adopt_controller(self) -> None:
        """Use the controller that wrote this profile's connection files. RuntimeError when there is none."""
    def start_engines(self, set_id: str, n: int) -> None:
        """Start `n` engines as soon as the controller is ready."""
    def stop_engines(self, set_id: str) -> None:
        """Ask the engines of a set to stop; those that do not within 5 s are killed."""
    def signal_engines(self, signum: int, set_id: str | None = None) -> None:
        """Send a signal to all engines, or those of one set."""
    def stop_engine(self, set_id: str, index: int) -> None:
        """Ask one engine to stop; if it does not within 5 s it is killed."""
    def restart_engine(self, set_id: str, index: int) -> None:
        """Start one engine again; if it runs, it is stopped first."""
    def signal_engine(self, set_id: str, index: int, signum: int) -> None:
        """Send a signal to one engine."""
    def save(self) -> None:
        """Write the cluster file once more, or remove it when nothing runs, and bring the snapshot up to date."""
    def stop(self) -> None:
        """Ask engines, then the controller, to stop; the snapshot says `stopped` when nothing is left."""
    def dry_run(self, n: int) -> str:
        """The commands and job scripts of a start with `n` engines. ValueError when one cannot be made."""
    def snapshot(self) -> dict[str, Any]:
        """What is known now:

        generation: int; controller: 'before', 'starting', 'running' or 'after'; controller_process: None or
        {'pid', 'log_file', 'exit_code'} (-9 = killed by signal 9, None = runs); sets: {id: {'wanted', 'ready', 'up',
        'failure', 'engines': {index: process}}}; ends: list of the last processes that ended, with 'set' and 'index' (None:
        the controller) and 'expected'; ended: how many did; troubles: list of lines; log_tail: str; stopped: bool.
        """
    def wait(self, seen: int, timeout: float) -> int:
        """Wait until the generation differs from `seen`, or `timeout` seconds; returns it. Honours Ctrl-C."""
    def close(self) -> None:
        """Give up the watch; what still runs is killed, unless it may outlive this process. Idempotent."""

def version() -> str: ...
def ask_connection(
    address: str, key: str, signature_scheme: str, timeout: float, curve_serverkey: str = ""
) -> str | None:
    """The content of a controller's connection_reply, JSON text; None when it does not answer within `timeout` seconds.

    `address` is "tcp://host:port" of its registration socket; `curve_serverkey` its public key when it encrypts.
    ValueError for a bad address, scheme or key.
    """

class EngineKeeper:
    """How an engine ended, and whether it is started again."""

    def __init__(self, restarts: int) -> None: ...
    def started(self) -> None: ...
    def how(self, code: int, signal: int) -> str: ...
    def again(self) -> float | None: ...
    def forget(self) -> None: ...

class EngineParent:
    """What output is attributed to: a request, of which only the header is kept."""

    @property
    def msg_id(self) -> str: ...

class EngineRequest:
    """One request to run. Answer it once, by reply(), answer() or drop(); one that is forgotten becomes an error."""

    @property
    def msg_id(self) -> str: ...
    @property
    def msg_type(self) -> str: ...
    @property
    def codec(self) -> str:
        """The codec of the buffers; '' is the official layout."""
    @property
    def content(self) -> str:
        """JSON text."""
    @property
    def buffers(self) -> list[memoryview]:
        """Read-only views of the received message."""
    @property
    def parent(self) -> EngineParent: ...
    def reply(self, buffers: Sequence[Buffer]) -> None:
        """Success. Large buffers are not copied: leave them unchanged."""
    def answer(self, content: str, status: str, unmet_dependency: bool = False, aborts_executes: bool = False) -> None:
        """Any other answer; `content` is JSON text, `status` 'ok', 'error' or 'aborted'."""
    def drop(self) -> None:
        """No answer at all."""

class EngineFunctions:
    """Functions that this engine has read before."""

    def learn(self, pickle: bytes, function: object | None) -> None:
        """What the pickle gives: `function` while nobody changes it, or, if that is None, a new object each time."""
    def call(self, request: EngineRequest) -> tuple[Any, tuple[Any, ...], dict[str, Any]] | None:
        """(f, args, kwargs) of a small request whose function is known; None when it has to be unpacked the long way."""

def end_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent, which has one thread, ends."""

def tell_engine_end(
    *,
    connection: str,
    uuid: str,
    pid: int,
    how: str,
    location: str | None = None,
    key: str | None = None,
    curve_serverkey: str | None = None,
    patience: float = 2.0,
) -> bool | None:
    """Tell the controller how an engine of this computer ended.

    None: no controller answers within `patience` seconds; False: it does not list the engine.
    """

class EngineCore:
    """An engine's connection to a controller: one C++ io thread. Made on the main thread, once in a process."""

    def __init__(
        self,
        *,
        uuid: str,
        file: str,
        connection: str | None = None,
        location: str | None = None,
        key: str | None = None,
        curve_serverkey: str | None = None,
        engine_id: int | None = None,
        timeout: float = 10.0,
        wait_for_file: float = 0.0,
        max_heartbeat_misses: int = 50,
        username: str = "",
        kernel_info: str = "{}",
        properties: str = "{}",
        version: str = "",
        lifeline: int = -1,
        restart_code: int = 0,
        termination: str = "",
        log_descriptor: int = 2,
        log_level: int = 20,
        log_url: str = "",
    ) -> None: ...
    def next(self) -> EngineRequest | bool | None:
        """The next request; None when the engine is to stop; False after `interject`. Waits without the GIL."""
    def functions(self, namespace: dict[str, Any], codec: str) -> EngineFunctions:
        """For requests in `codec` that run in the namespace of `__main__`."""
    def interject(self) -> None:
        """Let next() return False as soon as nothing runs. From any thread."""
    def write(self, parent: EngineParent | None, to_stderr: bool, text: str) -> None: ...
    def flush(self) -> None: ...
    def publish(
        self,
        parent: EngineParent | None,
        msg_type: str,
        content: str,
        metadata: str = "{}",
        buffers: Sequence[Buffer] = (),
    ) -> None: ...
    def log(self, level: int, line: str) -> None: ...
    def properties(self) -> str:
        """The engine's properties, JSON text."""
    def change_properties(self, changes: str) -> None:
        """Change them (a JSON object; null removes) and tell the controller. ValueError for other text."""
    def takes_interrupt(self) -> bool:
        """Whether the SIGINT that has just come is meant for the request that runs now."""
    @property
    def running(self) -> bool:
        """A request has begun, if only just, and is not answered."""
    def stop(self, code: int = 0, grace: float = 2.0) -> None:
        """Leave the controller; next() returns None. The process ends by force if close() does not come in time."""
    def close(self) -> None: ...
    @property
    def wakeup_fd(self) -> int:
        """For signal.set_wakeup_fd."""
    @property
    def exit_code(self) -> int: ...
    @property
    def engine_id(self) -> int:
        """-1 before the registration."""
    @property
    def encrypted(self) -> bool:
        """The controller's connections are encrypted (CURVE)."""
    @property
    def engine_uuid(self) -> str: ...

def run_controller(arguments: Sequence[str], scheme: Callable[..., int] | None = None, name: str = "") -> int:
    """Run ipcontroller with these arguments until it is told to stop; the exit status. Call it on the main thread of a
    process that does nothing else: it takes over SIGINT, SIGTERM and SIGHUP. `scheme(loads, counts, engines)` returns
    the index of the engine that gets a task, and is called on the task thread; `name` is what the log calls it."""
