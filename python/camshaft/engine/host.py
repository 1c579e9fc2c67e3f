"""Runs requests on the main thread, one at a time, and answers them."""

from __future__ import annotations

import _signal  # the C part of `signal`, without its enums: an engine starts faster
import os
from _thread import get_ident
from collections import deque
from typing import TYPE_CHECKING, Any

from ..serialize import CODEC, p5, pack_result, unpack_call
from . import namespace as main_module

if TYPE_CHECKING:
    from collections.abc import Callable

    from .options import Options
    from .shell import EngineShell

_PACKAGE = os.path.dirname(os.path.dirname(__file__))
_NOT_THE_USERS = tuple(os.path.join(_PACKAGE, part, "") for part in ("engine", "serialize"))

_NONE = p5.pack_result(None)

_current: Host | None = None


def current() -> Host:
    """The engine of this process. Raises RuntimeError elsewhere."""
    if _current is None:
        raise RuntimeError("this works on an engine only: send the function there, e.g. with view.apply")
    return _current


class Host:
    """The interpreter's side of an engine: user code runs here, in the namespace of a fresh `__main__`."""

    def __init__(self, core: Any, options: Options) -> None:
        global _current
        self.core = core
        self.options = options
        self.main = main_module.make_main_module()
        self.namespace: dict[str, Any] = vars(self.main)
        self.thread_parents: dict[int, Any] = {}
        self.making_shell = False
        self.kernel_info = "{}"
        self._local: deque[Callable[[], None]] = deque()
        self._main_thread = get_ident()
        self._parent: Any = None
        self._interruptible = False  # in user code
        self._missed = False  # an interrupt has come since the request began, and found no user code
        self._shell: EngineShell | None = None
        self._stand_in = main_module.ShellStandIn(self)
        self._functions = core.functions(self.namespace, CODEC)
        self.namespace["get_ipython"] = self.get_ipython
        self._initial = set(self.namespace)
        main_module.install_shell_hook(self)
        _current = self

    def parent(self) -> Any:
        """The request that output of this thread belongs to; None before the first."""
        ident = get_ident()
        if ident != self._main_thread:
            mine = self.thread_parents.get(ident)
            if mine is not None:
                return mine
        return self._parent

    def get_ipython(self) -> Any:
        """The shell of this engine, or what stands in for it until it is needed."""
        return self._shell or self._stand_in

    def shell(self) -> EngineShell:
        """IPython's shell over the user's namespace; made, and IPython imported, when first asked for."""
        if self._shell is None:
            from .shell import make_shell

            self.making_shell = True
            try:
                self._shell = make_shell(self)
            finally:
                self.making_shell = False
        return self._shell

    # ---- the loop ---------------------------------------------------------------------------------------------------

    def on_interrupt(self, _signal_number: int, _frame: Any) -> None:
        """SIGINT interrupts user code and nothing else; that of a request that has just begun when it gets there."""
        if not self.core.takes_interrupt():
            return
        if self._interruptible:
            raise KeyboardInterrupt
        self._missed = self.core.running

    def _enter_user_code(self) -> None:
        self._interruptible = True
        if self._missed:
            raise KeyboardInterrupt

    def run(self) -> int:
        """Serve until the engine is to stop; returns the exit code."""
        _signal.signal(_signal.SIGINT, self.on_interrupt)
        _signal.set_wakeup_fd(self.core.wakeup_fd, warn_on_full_buffer=False)
        next_request = self.core.next
        while True:
            request = next_request()
            if request is None:
                return self.core.exit_code
            if request is False:
                while self._local:
                    self._local.popleft()()
                continue
            self.serve(request)
            self._missed = False
            del request  # its buffers go now, not when the next request comes; without an answer it becomes an error

    def serve(self, request: Any) -> None:
        """Run one request and answer it; on the main thread."""
        self._parent = request.parent
        try:
            if request.msg_type == "apply_request":
                self._apply(request)
            else:
                self._other(request)
        except KeyboardInterrupt:  # a second one, in the moment between user code and its answer
            self._interruptible = False

    def interject(self, work: Callable[[], None]) -> None:
        """Run `work` on the main thread, between requests. From any thread."""
        self._local.append(work)
        self.core.interject()

    def publish(self, msg_type: str, content: str, metadata: str = "{}", buffers: Any = ()) -> None:
        """Send a side effect of the running request to whoever asked for it; `content` and `metadata` are JSON text."""
        parent = self.parent()
        if hasattr(parent, "publish"):  # of a front end that is attached to this engine
            parent.publish(msg_type, content, metadata, buffers)
        else:
            self.core.publish(parent, msg_type, content, metadata, buffers)

    def _apply(self, request: Any) -> None:
        try:
            self._enter_user_code()
            call = self._functions.call(request)
            if call is None:
                codec = request.codec or None
                buffers = request.buffers
                f, args, kwargs = unpack_call(buffers, codec, self.namespace)
                if codec is not None:
                    p5.learn_call(self._functions, buffers, f, self.namespace)
                buffers = pack_result(f(*args, **kwargs), codec)
            else:
                f, args, kwargs = call
                result = f(*args, **kwargs)
                buffers = _NONE if result is None else p5.pack_result(result)
            self._interruptible = False
        except BaseException as error:
            self._interruptible = False
            self._fail(request, error)
        else:
            request.reply(buffers)

    def _fail(self, request: Any, error: BaseException) -> None:
        import json

        content = self.describe(error)
        self.publish("error", json.dumps(content))
        content["status"] = "error"
        content["engine_info"] = self.engine_info("apply")
        request.answer(json.dumps(content), "error", unmet_dependency=content["ename"] == "UnmetDependency")

    def _other(self, request: Any) -> None:
        kind = request.msg_type
        if kind == "execute_request":
            self._execute(request)
        elif kind == "clear_request":
            self.clear()
            request.answer('{"status": "ok"}', "ok")
        else:
            from .introspection import answer

            answer(self, request)

    def _execute(self, request: Any) -> None:
        import json

        content = json.loads(request.content)
        try:
            self._enter_user_code()
            reply, failed = self.shell().execute(content)
            self._interruptible = False
        except BaseException as error:
            self._interruptible = False
            reply, failed = self.describe(error), True
            self.publish("error", json.dumps(reply))
            reply.update(status="error", execution_count=0, user_expressions={}, payload=[])
        if failed:
            reply["engine_info"] = self.engine_info("execute")
        stops = failed and not content.get("silent", False) and content.get("stop_on_error", True)
        request.answer(
            json.dumps(reply, default=repr),
            "error" if failed else "ok",
            unmet_dependency=reply.get("ename") == "UnmetDependency",
            aborts_executes=bool(stops),
        )
        if self._shell is not None and self._shell.exit_now:
            self.core.stop(0)

    # ---- what requests need -----------------------------------------------------------------------------------------

    def engine_info(self, method: str) -> dict[str, Any]:
        """Who made an error."""
        return {"engine_uuid": self.core.engine_uuid, "engine_id": self.core.engine_id, "method": method}

    def describe(self, error: BaseException) -> dict[str, Any]:
        """ename, evalue and traceback (a list of lines) of an exception of user code."""
        try:
            evalue = str(error)
        except Exception as broken:
            evalue = f"<the exception's text cannot be made: {type(broken).__name__}>"
        return {"ename": type(error).__name__, "evalue": evalue, "traceback": self._traceback(error)}

    def _traceback(self, error: BaseException) -> list[str]:
        import traceback

        frames = error.__traceback__
        while frames is not None and self._is_ours(frames):
            frames = frames.tb_next
        try:
            if self._shell is not None:
                return list(
                    self._shell.InteractiveTB.structured_traceback(type(error), error, frames or error.__traceback__)
                )
            return "".join(traceback.format_exception(type(error), error, frames)).splitlines()
        except Exception as broken:
            return [f"{type(error).__name__}", f"(its traceback cannot be made: {type(broken).__name__})"]

    @staticmethod
    def _is_ours(frame: Any) -> bool:
        return frame.tb_frame.f_code.co_filename.startswith(_NOT_THE_USERS)

    def clear(self) -> None:
        """Empty the user's namespace."""
        if self._shell is not None:
            self._shell.reset(new_session=False)
            return
        for name in [name for name in self.namespace if name not in self._initial]:
            del self.namespace[name]

    def run_startup(self) -> None:
        """Run what the profile and the options ask for; a failure is logged and the engine goes on."""
        from . import startup

        startup.run(self)
