"""What an engine runs before its first request: extensions, start-up files of the profile, and what its options say.

The order is the original's: extensions, $PYTHONSTARTUP, startup/*.py and *.ipy of the profile and of the system,
exec_lines and -c, exec_files and -s. A failure is logged and the engine goes on with the next.
"""

from __future__ import annotations

import _signal  # the C part of `signal`, without its enums: an engine starts faster
import os
import sys

from ..config.files import places

TYPE_CHECKING = False  # typing itself takes long to import
if TYPE_CHECKING:
    from collections.abc import Callable

    from .host import Host

_ERROR = 40


def run(host: Host) -> None:
    """Run all of it in the namespace of `host`."""
    options = host.options
    profile = options.profile_folder()
    if options.mpi:
        from . import mpi

        _attempt(host, "--mpi", lambda: _execute(host, options.init_mpi or mpi.startup_code(options), "--mpi"))
    for name in options.startup("extensions"):
        _attempt(host, f"extension {name}", lambda name=name: _load(host, name))  # type: ignore[misc]
    files = startup_files(profile)
    if options.exec_pythonstartup and os.environ.get("PYTHONSTARTUP"):
        files.insert(0, os.environ["PYTHONSTARTUP"])
    for path in files:
        _attempt(host, path, lambda path=path: run_file(host, path))  # type: ignore[misc]
    lines = [(line, "exec_lines") for line in options.startup("exec_lines")]
    if options.startup_command:
        lines.append((options.startup_command, "-c"))
    for line, source in lines:
        _attempt(host, source, lambda line=line, source=source: _execute(host, line, source))  # type: ignore[misc]
    files = [_found(name, profile) for name in options.startup("exec_files")]
    if options.startup_script:
        files.append(os.path.expanduser(options.startup_script))
    for path in files:
        _attempt(host, path, lambda path=path: run_file(host, path))  # type: ignore[misc]


def startup_files(profile: str) -> list[str]:
    """Return the start-up files of a profile and of the system, in the order in which IPython runs them."""
    found = []
    for place in places(profile):
        folder = os.path.join(place, "startup")
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        found += [
            os.path.join(folder, name) for name in names if name.endswith((".py", ".ipy")) and not name.startswith(".")
        ]
    return sorted(found)


def run_file(host: Host, path: str) -> None:
    """Run a file in the user's namespace, as IPython would: `__file__` and sys.argv are the file's meanwhile."""
    if path.endswith((".ipy", ".ipynb")):
        shell = host.shell()
        with _as_script(host, path):
            shell.safe_execfile_ipy(path, raise_exceptions=True)
        return
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec")
    with _as_script(host, path):
        exec(code, host.namespace)


class _as_script:  # noqa: N801
    """While a file runs; contextlib would have to be imported for it."""

    def __init__(self, host: Host, path: str) -> None:
        self._namespace, self._path = host.namespace, path

    def __enter__(self) -> None:
        self._argv, self._before = sys.argv, self._namespace.get("__file__", self)
        sys.argv = [self._path]
        self._namespace["__file__"] = self._path

    def __exit__(self, *_: object) -> None:
        sys.argv = self._argv
        if self._before is self:
            self._namespace.pop("__file__", None)
        else:
            self._namespace["__file__"] = self._before


def _execute(host: Host, code: str, source: str) -> None:
    """Run code; what is no plain Python, such as a magic, is for IPython's shell, which is only imported for that."""
    try:
        compiled = compile(code, source, "exec")
    except SyntaxError:
        result = host.shell().run_cell(code, store_history=False)
        result.raise_error()
        return
    exec(compiled, host.namespace)


def _load(host: Host, name: str) -> None:
    manager = host.shell().extension_manager
    if manager is not None and manager.load_extension(name) == "no load function":
        raise ImportError("it has no load_ipython_extension")


def _found(name: str, profile: str) -> str:
    """The file in the working folder, or among the profiles, or as it is written."""
    path = os.path.expanduser(name)
    beside = os.path.join(os.path.dirname(profile), path)
    return beside if not os.path.exists(path) and os.path.exists(beside) else path


def _attempt(host: Host, what: str, step: Callable[[], None]) -> None:
    ignoring = _signal.signal(_signal.SIGINT, _signal.default_int_handler)
    try:
        step()
    except OSError as error:
        if error.filename == what:
            host.core.log(_ERROR, f"cannot read the start-up file {what}: {error.strerror}")
        else:
            _tell(host, what, error)
    except BaseException as error:
        _tell(host, what, error)
    finally:
        _signal.signal(_signal.SIGINT, ignoring)


def _tell(host: Host, what: str, error: BaseException) -> None:
    host.core.log(_ERROR, f"start-up code ({what}) failed: {type(error).__name__}: {error}")
