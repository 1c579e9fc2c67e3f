"""IPython's InteractiveShell on an engine: cells, magics, display and tracebacks, with output sent to the client.

Imported only when code is executed or asks for the shell: IPython takes longer to load than all the rest.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

if TYPE_CHECKING:
    from .host import Host


def to_json(value: Any) -> str:
    """JSON text; what JSON cannot hold becomes base64 (bytes) or its repr."""
    return json.dumps(value, default=_other_json)


def _other_json(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        import base64

        return base64.b64encode(value).decode("ascii")
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    for number in (int, float):
        try:
            return number(value)
        except (TypeError, ValueError):
            pass
    return repr(value)


class EngineDisplayHook(DisplayHook):
    """The value of a cell's last expression, sent as execute_result."""

    host: Host
    _pending: dict[str, Any] | None = None

    def start_displayhook(self) -> None:
        """Nothing to print before the value."""
        self._pending = None

    def write_output_prompt(self) -> None:
        """The client shows the prompt."""

    def write_format_data(self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None) -> None:
        """Keep the value's representations."""
        self._pending = {"data": format_dict, "metadata": md_dict or {}, "execution_count": self.prompt_count}

    def finish_displayhook(self) -> None:
        """Send them."""
        if self._pending is not None and self._pending["data"]:
            self.host.publish("execute_result", to_json(self._pending))
        self._pending = None


class EngineDisplayPublisher(DisplayPublisher):
    """display() and clear_output()."""

    host: Host

    def publish(  # type: ignore[override]
        self,
        data: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        *,
        transient: dict[str, Any] | None = None,
        update: bool = False,
        **_: Any,
    ) -> None:
        """Send a display."""
        content = {"data": data, "metadata": metadata or {}, "transient": transient or {}}
        kind = "update_display_data" if update else "display_data"
        self.host.publish(kind, to_json(content))

    def clear_output(self, wait: bool = False) -> None:
        """Ask the client to clear what it shows."""
        self.host.publish("clear_output", to_json({"wait": wait}))


class EngineShell(InteractiveShell):
    """A shell whose output goes to clients."""

    displayhook_class = Type(EngineDisplayHook)
    display_pub_class = Type(EngineDisplayPublisher)
    host: Host
    exit_now: bool
    last_error: dict[str, Any] | None = None

    def init_hooks(self) -> None:
        """No editor, no clipboard: nobody sits here."""
        super().init_hooks()

    def init_gui_pylab(self) -> None:
        """No event loop of a window system."""

    def enable_gui(self, gui: Any = None) -> None:
        """No event loop of a window system."""

    def ask_exit(self) -> None:
        """exit() in a cell stops the engine once the cell is answered."""
        self.exit_now = True

    def _showtraceback(self, etype: Any, evalue: Any, stb: list[str]) -> None:
        sys.stdout.flush()
        try:
            text = str(evalue)
        except Exception as broken:
            text = f"<the exception's text cannot be made: {type(broken).__name__}>"
        self.last_error = {"ename": getattr(etype, "__name__", str(etype)), "evalue": text, "traceback": list(stb)}
        self.host.publish("error", to_json(self.last_error))

    def execute(self, content: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Run the content of an execute_request; returns the content of the reply and whether the cell failed."""
        code = content.get("code", "")
        silent = bool(content.get("silent", False))
        store_history = bool(content.get("store_history", not silent)) and not silent
        self.last_error = None
        if not silent:
            self.host.publish("execute_input", to_json({"code": code, "execution_count": self.execution_count}))
        result = self.run_cell(code, store_history=store_history, silent=silent)
        error = result.error_before_exec or result.error_in_exec
        reply: dict[str, Any] = {"execution_count": self.execution_count - (1 if store_history else 0)}
        if error is None:
            reply["status"] = "ok"
            reply["user_expressions"] = json.loads(
                to_json(self.user_expressions(content.get("user_expressions") or {}))
            )
        else:
            reply["status"] = "error"
            reply["user_expressions"] = {}
            reply.update(self.last_error or self.host.describe(error))
        reply["payload"] = []
        if self.payload_manager is not None:
            reply["payload"] = json.loads(to_json(self.payload_manager.read_payload()))
            self.payload_manager.clear_payload()
        return reply, error is not None


def make_shell(host: Host) -> EngineShell:
    """The shell over the namespace of `host`; becomes what get_ipython() returns."""
    config = Config()
    # Every engine of a cluster would write into one history file.
    config.HistoryManager.enabled = False
    for owner, trait, value in host.options.shell_traits:
        config[owner][trait] = _trait_value(value)
    EngineShell.host = host
    EngineDisplayHook.host = host
    EngineDisplayPublisher.host = host
    stdout, stderr, main = sys.stdout, sys.stderr, sys.modules["__main__"]
    shell = EngineShell.instance(config=config, user_module=host.main, user_ns=host.namespace)
    shell.exit_now = False
    register: Any = shell.register_magic_function
    register(_connect_info, "line", "connect_info")
    register(_qtconsole, "line", "qtconsole")
    sys.stdout, sys.stderr = stdout, stderr
    sys.modules["__main__"] = main
    return shell


def _connect_info(line: str) -> None:
    """%connect_info: how a Jupyter front end can attach to this engine."""
    from .kernelserver import connect_info

    print(connect_info())


def _qtconsole(line: str) -> None:
    """%qtconsole [arguments]: open a qtconsole that is attached to this engine."""
    import shlex

    from .kernelserver import start_qtconsole

    start_qtconsole(shlex.split(line))


def _trait_value(text: str) -> Any:
    import ast

    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text
