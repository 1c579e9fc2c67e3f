"""Single engines of a Cluster, its logs, its processes as objects, and callbacks at their ends."""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .files import ClusterFiles
from .life import ClusterLife
from .live import ControllerProcess, EngineProcess, EngineSet
from .notices import ProcessExit, Watch
from .processes import send_signal, signal_number, tail

if TYPE_CHECKING:
    from ..client import Client

F = TypeVar("F", bound=Callable[[ProcessExit], Any])


class ClusterEngines(ClusterLife, ClusterFiles):
    """The part of Cluster that deals with one engine at a time. Engines are named by the ids that clients see."""

    # -- objects ------------------------------------------------------------------------------------------------------

    @property
    def controller(self) -> ControllerProcess | None:
        """The controller, None when it does not run."""
        return ControllerProcess(self) if self.running else None

    @property
    def engines(self) -> dict[str, EngineSet]:
        """{set id: EngineSet} of the sets of which an engine runs."""
        sets = {name: EngineSet(self, name) for name in self.engine_sets}
        return {name: one for name, one in sets.items() if one.running}

    @property
    def engine_set(self) -> EngineSet | None:
        """The first set of engines, None when there is none."""
        return next(iter(self.engines.values()), None)

    def engine(self, engine: int) -> EngineProcess:
        """The process of an engine, by the id that clients see.

        IndexError when there is no such engine; RuntimeError when it is not a process that this cluster started here.
        """
        place = self._place(engine)
        if place is None:
            raise RuntimeError(f"engine {engine} is not a process that this cluster has started on this machine")
        return EngineProcess(self, *place)

    def logs(self, lines: int | None = None) -> dict[str, Any]:
        """{'controller': text, 'engines': {set id: {index: text}}}: what is in the logs, or their last `lines`.

        A log is removed when its process has ended as it should.
        """
        process = self._controller_process()
        return {
            "controller": tail(process["log_file"], lines) if process is not None else "",
            "engines": {
                name: {index: tail(engine["log_file"], lines) for index, engine in members.items()}
                for name, members in self.engine_sets.items()
            },
        }

    # -- callbacks ----------------------------------------------------------------------------------------------------

    def on_engine_exit(self, callback: F) -> F:
        """Call `callback(ProcessExit)` whenever an engine process ends that this Cluster has started.

        It is called on a thread of the cluster, in order of the ends; use it as a decorator if you like.
        """
        return self._notify("engine", callback)

    def on_controller_exit(self, callback: F) -> F:
        """Call `callback(ProcessExit)` when the controller ends that this Cluster has started."""
        return self._notify("controller", callback)

    def _notify(self, kind: str, callback: F) -> F:
        self._exit_callbacks.append((kind, callback))
        if self._watch is None and self._core is not None:
            self._watch = Watch(self._core, self._exit_callbacks)
        return callback

    # -- by id --------------------------------------------------------------------------------------------------------

    def stop_engine_sync(self, engine: int) -> None:
        """Stop one engine and wait until it has left; what it runs is lost. `scale` takes engines away that are idle.

        IndexError when there is no such engine.
        """
        place = self._place(engine)
        uuid = self._steward()._engines()[engine]
        if place is not None:
            self._stop_process(*place)
        else:
            self._steward().shutdown(engine, block=True)
        self._until_left({uuid})

    def restart_engine_sync(self, engine: int) -> int:
        """Stop one engine and start its process again; returns the id of the new engine.

        IndexError when there is no such engine; RuntimeError when nothing would start it again, or when the new one
        does not come up.
        """
        place = self._place(engine)
        steward = self._steward()
        before = set(steward._ids_by_uuid())
        if place is not None and place[0] in self._own_sets():
            assert self._core is not None
            self._core.restart_engine(*place)
        else:
            steward.shutdown(engine, restart=True, block=False)
        return self._newcomer(before, place)

    def signal_engine_sync(self, engine: int, signum: int | str) -> None:
        """Send a signal to one engine, which gets it while it runs user code too. IndexError when there is no such."""
        signum = signal_number(signum)
        place = self._place(engine)
        if place is not None:
            self._signal_process(*place, signum)
        else:
            self._steward().send_signal(signum, engine, block=True)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _steward(self) -> Client:
        """A client of our own, for questions about engines."""
        from ..client import Client

        class Steward(Client):
            """Leaves the magics to the user's clients."""

            def _activate_first(self) -> None:
                return

        with self._lock:
            if self._steward_client is None or self._steward_client._core.closed:
                if not self.running and self._core is None:
                    raise RuntimeError("this cluster is not running: start it first")
                with warnings.catch_warnings():  # the user's client has said it
                    warnings.simplefilter("ignore", RuntimeWarning)
                    self._steward_client = Steward(self.connection_file)
            return self._steward_client

    def _place(self, engine: int) -> tuple[str, int] | None:
        """Which process an engine is: (set, index); None when it is none of ours on this machine."""
        properties = self._steward().engine_properties(engine)
        if properties.get("host") != os.uname().nodename:
            return None
        if self._core is not None:
            self._core.save()  # so that the snapshot knows those that have just been started
        for name, members in self.engine_sets.items():
            for index, process in members.items():
                if process["pid"] == properties.get("pid") and process["exit_code"] is None:
                    return name, index
        return None

    def _controller_process(self) -> dict[str, Any] | None:
        if self._attached:
            state, _ = self._recorded()
            if state is None:
                return None
            return {"pid": state["pid"], "log_file": state.get("output_file", ""), "exit_code": None}
        return self._core.snapshot()["controller_process"] if self._core is not None else None

    def _signal_controller(self, signum: int | str) -> None:
        state, _ = self._recorded()
        if state is None or not send_signal(state["pid"], state.get("birth", ""), signal_number(signum)):
            raise RuntimeError("the controller does not run")

    def _signal_process(self, name: str, index: int, signum: int | str) -> None:
        if name in self._own_sets():
            assert self._core is not None
            self._core.signal_engine(name, index, signal_number(signum))
            return
        state = self._recorded()[1].get(name, {}).get(index)
        if state is not None:
            send_signal(state["pid"], state.get("birth", ""), signal_number(signum))

    def _stop_process(self, name: str, index: int) -> None:
        pid = self.engine_sets.get(name, {}).get(index, {}).get("pid")
        ours = name in self._own_sets()
        if ours:
            assert self._core is not None
            self._core.stop_engine(name, index)
        else:
            self._signal_process(name, index, signal.SIGTERM)

        def left() -> list[int]:
            now = self.engine_sets.get(name, {}).get(index)
            return [] if now is None or now["pid"] != pid or now["exit_code"] is not None else [now["pid"]]

        self._until_gone(left, f"engine process {index} of set {name} does not stop")

    def _until_left(self, uuids: set[str]) -> None:
        """Wait until clients see that these engines are gone."""
        steward = self._steward()
        deadline = time.monotonic() + self.engine_timeout
        while uuids & set(steward._engines().values()):
            if time.monotonic() > deadline:
                raise TimeoutError("an engine that was stopped is still registered at the controller")
            steward._core.wait_generation(steward._generation, 0.5)

    def _newcomer(self, before: set[str], place: tuple[str, int] | None) -> int:
        """Wait for an engine that is not in `before`, and which is the process at `place` if there is one."""
        steward = self._steward()
        deadline = time.monotonic() + self.engine_timeout
        ended = self._core.snapshot()["ended"] if self._core is not None else 0
        while True:
            for number, uuid in sorted(steward._engines().items()):
                if uuid in before:
                    continue
                if place is None or self._place(number) == place:
                    return number
            now: dict[str, Any] = self._core.snapshot() if self._core is not None else {"ended": 0, "ends": []}
            fresh = now["ended"] - ended
            again = [end for end in now["ends"][-fresh:] if (end["set"], end["index"]) == place] if fresh > 0 else []
            if again and not again[-1]["expected"]:
                raise RuntimeError(
                    f"the engine that was started again has ended (exit code {again[-1]['exit_code']}): "
                    f"{tail(again[-1]['log_file'], 20).strip()}"
                )
            if time.monotonic() > deadline:
                raise TimeoutError(f"the engine that was started again is not ready after {self.engine_timeout:g} s")
            steward._core.wait_generation(steward._generation, 0.1)
