"""The program ``ipengine``.

Order matters here: the C++ core is loaded and sent to register first; whatever user code needs is imported while the
controller answers.
"""

from __future__ import annotations

import os
import sys
from _signal import SIGINT, signal

from .configured import configured, help_all, show, write_config
from .options import HELP, Options, UsageError, fail

TYPE_CHECKING = False  # typing itself takes long to import
if TYPE_CHECKING:
    from typing import Any, NoReturn


_ENVIRONMENT_PATIENCE = 0.1
"""Seconds for connection data in the environment: unlike a file, it does not become better."""


def main(argv: list[str] | None = None) -> NoReturn:
    """Run an engine until it is stopped; ends the process."""
    if argv is None and (channel := os.environ.pop("CAMSHAFT_TEMPLATE_FD", None)) is not None:
        from .template import become_engine

        sys.argv[1:] = become_engine(int(channel))
    try:
        options = configured(sys.argv[1:] if argv is None else argv)
    except UsageError as error:
        fail(str(error), 2)
    for warning in options.warnings:
        sys.stderr.write(f"ipengine: {warning}\n")
    try:
        from .. import _core
    except ImportError as error:
        fail(f"the C++ core of camshaft cannot be loaded ({error}): build it with 'make build' or 'pip install .'")
    if options.show in ("help", "help-all"):
        print(HELP)
        if options.show == "help-all":
            print("\n" + help_all())
        sys.exit(0)
    if options.show == "version":
        print(_core.version())
        sys.exit(0)
    if options.show == "generate" or options.init:
        write_config(options, alone=options.show == "generate")
        if options.show == "generate":
            sys.exit(0)
    if options.show:
        print(show(options))
        sys.exit(0)

    if "CAMSHAFT_KEEPER" in os.environ:
        from .keeper import keep

        keep(_core, options)
    # Until requests are served an interrupt is for nobody: engines that start together are also interrupted together.
    signal(SIGINT, lambda number, frame: None)
    core = _start(_core, options)
    # The folder from which an engine was started is where its user's modules are.
    if "" not in sys.path:
        sys.path.insert(0, "")

    from . import comms, prompts, standins, streams
    from .host import Host

    host = Host(core, options)
    host.kernel_info = _kernel_info(_core)
    standins.install()
    prompts.install()
    comms.install(host)
    streams.install(host)
    streams.follow_threads(host)
    host.run_startup()
    code = host.run()
    _end(core, code)


def _start(_core: Any, options: Options) -> Any:
    if options.work_dir:
        try:
            os.chdir(os.path.expanduser(options.work_dir))
        except OSError as error:
            fail(f"--work-dir: {error.strerror}: {options.work_dir}")
    restart_code = os.environ.pop("CAMSHAFT_RESTART_CODE", None)  # set by who would start this engine again
    inherited = os.environ.pop("CAMSHAFT_LIFELINE_FD", None)
    lifeline = int(inherited) if inherited else None
    if options.mpi:
        from . import mpi

        rank = mpi.prepare(options)
        if options.engine_id is None:
            options.engine_id = rank
        if lifeline is None:
            lifeline = mpi.lifeline()
    connection = os.environ.get("IPP_CONNECTION_INFO") if options.file is None else None
    if options.ssh_server or options.ssh_key:
        connection = _connection_through_ssh(options, connection)
    uuid = options.uuid or f"camshaft-py{sys.version_info[0]}{sys.version_info[1]}-{os.urandom(8).hex()}"
    try:
        return _core.EngineCore(
            # From this name every client sees that the engine is ours and which byte code it runs.
            uuid=uuid,
            file=options.connection_file(),
            connection=connection,
            location=options.location,
            key=options.key,
            curve_serverkey=options.curve_serverkey,
            engine_id=options.engine_id,
            timeout=options.timeout,
            wait_for_file=_ENVIRONMENT_PATIENCE if connection else options.wait_for_file,
            max_heartbeat_misses=options.max_heartbeat_misses,
            username=options.username or os.environ.get("USER") or "username",
            kernel_info=_kernel_info(_core),
            properties=_properties(options, _python()),
            version=_core.version(),
            lifeline=-1 if lifeline is None else lifeline,
            restart_code=int(restart_code) if restart_code and restart_code.isdigit() else 0,
            termination=options.termination,
            log_descriptor=_log_descriptor(options),
            log_level=options.log_level,
            log_url=options.log_url,
        )
    except ValueError as error:
        fail(str(error))
        raise  # not reached


def connection_text(options: Options) -> str:
    """The text of the connection file, as somebody on this computer has to read it. OSError when there is none."""
    connection = os.environ.get("IPP_CONNECTION_INFO") if options.file is None else None
    if options.ssh_server or options.ssh_key:
        return _connection_through_ssh(options, connection)
    if connection:
        return connection
    with open(options.connection_file(), encoding="utf-8") as file:
        return file.read()


def _connection_through_ssh(options: Options, text: str | None) -> str:
    import json

    from ..tunnels import read_when_there, through

    try:
        info = json.loads(text) if text else read_when_there(options.connection_file(), options.wait_for_file)
        near, tunnel = through(info, options.ssh_server, options.ssh_key, None, max(options.timeout, 10.0))
    except (OSError, RuntimeError, ValueError) as error:
        fail(str(error))
    _tunnels.append(tunnel)
    return json.dumps(near)


_tunnels: list[Any] = []
"""Open as long as this process lives."""


def _properties(options: Options, python: str) -> str:
    properties: dict[str, Any] = {
        "host": os.uname().nodename,
        "cores": len(os.sched_getaffinity(0)),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpus": (gpus := _gpus()),
        "python": python,
        "pid": os.getpid(),
    }
    if gpus:
        properties["gpu"] = gpus  # the name that tasks use which take one: resources={'gpu': 1}
    if options.engine_set:
        options.properties.setdefault("engine_set", options.engine_set)
    if options.properties:
        import json

        return json.dumps({**properties, **options.properties})
    # numbers and texts without quotes: an engine starts without the module
    return repr(properties).replace("'", '"')


def _gpus() -> int:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return sum(1 for device in visible.split(",") if device.strip() not in ("", "-1"))
    try:
        return len(os.listdir("/proc/driver/nvidia/gpus"))
    except OSError:
        return 0


def _python() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]}"


def _kernel_info(_core: Any) -> str:
    return (
        '{"status": "ok", "protocol_version": "5.3", "implementation": "camshaft", '
        f'"implementation_version": "{_core.version()}", "banner": "camshaft engine", "help_links": [], '
        f'"language_info": {{"name": "python", "version": "{_python()}", "mimetype": "text/x-python", '
        '"file_extension": ".py", "pygments_lexer": "ipython3", "codemirror_mode": {"name": "ipython", "version": 3}}}'
    )


def _log_descriptor(options: Options) -> int:
    if not options.log_to_file:
        # Its own descriptor: user code may close or redirect standard error.
        try:
            return os.dup(2)
        except OSError:
            return os.open(os.devnull, os.O_WRONLY)
    folder = os.path.join(options.profile_folder(), "log")
    path = os.path.join(folder, f"ipengine-{options.cluster_id}-{os.getpid()}.log")
    try:
        os.makedirs(folder, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    except OSError as error:
        fail(f"--log-to-file: {error.strerror}: {path}")
    sys.stderr.write(f"Sending logs to {path}\n")
    return descriptor


def _end(core: Any, code: int) -> NoReturn:
    # Not sys.exit: threads and children of user code must not hold up the end. The io thread, which is still there,
    # ends the process if an atexit handler does not return.
    import atexit

    try:
        atexit._run_exitfuncs()
    except BaseException as error:
        core.log(30, f"an atexit handler failed: {type(error).__name__}: {error}")
    for stream in (sys.__stdout__, sys.__stderr__):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            pass
    core.close()
    os._exit(code & 0xFF)
