"""IPython magics that run code on engines: %px, %%px, %pxresult, %pxconfig, %autopx; one set for each active view."""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from IPython.core import magic_arguments
from IPython.core.error import UsageError
from IPython.core.magic import Magics, no_var_expand

from . import error
from .asyncresult import AsyncResult
from .display import running_shell
from .nearest import hint
from .progress import by_default

if TYPE_CHECKING:
    from .direct import DirectView

__all__ = ["ParallelMagics", "activate"]

_STRAGGLERS = 1.0
"""Seconds to wait for output that comes after the result."""
_INTERRUPTED = 5.0
"""Seconds to wait for engines to answer after a signal was sent to them."""
_LISTED = 10
"""Longer lists of targets are shortened to the first and last four."""

_argument = magic_arguments.argument


def _all_of(*arguments: Any) -> Callable[[Any], Any]:
    def decorate(f: Any) -> Any:
        for argument in arguments:
            f = argument(f)
        return f

    return decorate


def _switch(name: str, value: bool, *flags: str, help: str) -> Any:
    return _argument(*flags, action="store_const", const=value, dest=name, help=help)


_execution = _all_of(
    _switch("block", True, "-b", "--block", help="wait for the engines and show their output"),
    _switch("block", False, "-a", "--noblock", help="do not wait: the value is an AsyncResult"),
    _switch("stream", True, "--stream", help="show output while it is produced (when waiting)"),
    _switch("stream", False, "--no-stream", help="show output when all engines are done"),
    _argument("-t", "--targets", help="the engines: 'all', an id, a list, or a slice of the ids such as ::2"),
    _switch("verbose", True, "--verbose", help="say where the code runs"),
    _switch("verbose", False, "--no-verbose", help="do not say where the code runs"),
    _argument(
        "--progress-after",
        dest="progress_after",
        type=float,
        help="seconds before a progress bar appears; 0: at once; -1: never",
    ),
    _argument(
        "--signal-on-interrupt",
        dest="signal",
        help="signal for the engines when Ctrl-C is pressed while waiting: a name, a number, or 0 for none",
    ),
)
_output = _all_of(
    _argument("-r", action="store_const", dest="groupby", const="order", help="as --group-outputs=order"),
    _argument("-e", action="store_const", dest="groupby", const="engine", help="as --group-outputs=engine"),
    _argument(
        "--group-outputs",
        dest="groupby",
        choices=["engine", "order", "type"],
        default="type",
        help="'type': all stdout, all stderr, then displays; 'engine': all of one engine together; 'order': like type, "
        "with the first displays of all engines first",
    ),
    _argument("-o", "--out", dest="save_name", help="store the AsyncResult under this name"),
)


class ParallelMagics(Magics):
    """The magics of one view, each with `suffix` at the end of its name."""

    registered = True
    shell: Any

    def __init__(self, shell: Any, view: DirectView, suffix: str = "") -> None:
        self.view = view
        self.suffix = suffix
        self.last_result: AsyncResult | None = None
        self.verbose = False
        self.stream_output = by_default()
        self.progress_after = 2.0
        self.signal_on_interrupt: str | int = "SIGINT"
        self._auto: _AutoPx | None = None
        line: dict[str, Any] = {
            "px" + suffix: self.px,
            "pxresult" + suffix: self.pxresult,
            "pxconfig" + suffix: self.pxconfig,
            "autopx" + suffix: self.autopx,
        }
        if not suffix:
            line["result"] = self.pxresult  # its name of old
        self.magics = {"line": line, "cell": {"px" + suffix: self.cell_px}}
        super().__init__(shell=shell)

    @no_var_expand
    def px(self, line: str = "") -> AsyncResult | None:
        """%px CODE: run one line on the engines of the active view.

        Shows the output if the view blocks, else returns an AsyncResult.
        """
        return self._run(line)

    @magic_arguments.magic_arguments()
    @_execution
    @_output
    @_argument("--local", action="store_true", help="run the cell here too, once it was sent")
    def cell_px(self, line: str = "", cell: str = "") -> AsyncResult | None:
        """%%px [options]: run the cell on the engines of the active view. Options hold for this cell only."""
        args = _parse(self.cell_px, line)
        block = self.view.block if args.block is None else args.block
        signal = self.signal_on_interrupt if args.signal is None else _signal(args.signal)
        flags = {"targets": self._targets(args.targets)} if args.targets else {}
        with self.view.temp_flags(**flags):
            result = self._send(cell, block, args.save_name, args.verbose)
            targets = self.view.targets
        if args.local:
            self.shell.run_cell(cell)
        if not block:
            return result
        self._show(
            result,
            targets,
            groupby=args.groupby,
            stream=self.stream_output if args.stream is None else args.stream,
            progress_after=self.progress_after if args.progress_after is None else args.progress_after,
            signal=signal,
        )
        return None

    @magic_arguments.magic_arguments()
    @_execution
    def pxconfig(self, line: str = "") -> None:
        """%pxconfig [options]: change what holds when a magic is used without options."""
        args = _parse(self.pxconfig, line)
        if args.targets:
            self.view.targets = self._targets(args.targets)
        if args.block is not None:
            self.view.block = args.block
        if args.verbose is not None:
            self.verbose = args.verbose
        if args.stream is not None:
            self.stream_output = args.stream
        if args.progress_after is not None:
            self.progress_after = args.progress_after
        if args.signal is not None:
            self.signal_on_interrupt = _signal(args.signal)

    @magic_arguments.magic_arguments()
    @_output
    def pxresult(self, line: str = "") -> None:
        """%pxresult [options]: wait for the last %px and show its output; with -o, store its AsyncResult instead."""
        args = _parse(self.pxresult, line)
        if self.last_result is None:
            raise UsageError("there is no result yet: %pxresult shows that of the last %px")
        if args.save_name:
            self.shell.user_ns[args.save_name] = self.last_result
            return
        try:
            self.last_result.get()
        finally:
            if self.last_result.done():
                self.last_result.display_outputs(groupby=args.groupby)

    def autopx(self, line: str = "") -> None:
        """%autopx: from now on all input goes to the engines, until %autopx is entered again."""
        if self._auto is None:
            self._auto = _AutoPx("px" + self.suffix)
            self.shell.input_transformers_cleanup.insert(0, self._auto)
            print("%autopx enabled")
        else:
            self.shell.input_transformers_cleanup.remove(self._auto)
            self._auto = None
            print("%autopx disabled")

    # -- how -----------------------------------------------------------------------------------------------------------

    def _run(self, code: str) -> AsyncResult | None:
        result = self._send(code, self.view.block, None, None)
        if not self.view.block:
            return result
        self._show(result, self.view.targets, "type", self.stream_output, self.progress_after, self.signal_on_interrupt)
        return None

    def _send(self, code: str, block: bool, save_name: str | None, verbose: bool | None) -> AsyncResult:
        if self.verbose if verbose is None else verbose:
            print(f"{'Parallel' if block else 'Async parallel'} execution on engine(s): {_listing(self.view.targets)}")
        result = self.view.execute(code, silent=False, block=False)
        result._fname = "%px"
        self.last_result = result
        if save_name:
            self.shell.user_ns[save_name] = result
        return result

    def _show(
        self,
        result: AsyncResult,
        targets: Any,
        groupby: str,
        stream: bool,
        progress_after: float,
        signal: str | int,
    ) -> None:
        """Wait for `result`, showing its output; raises its errors."""
        try:
            # the traceback of a single engine is shown when its error is raised
            with result.stream_output(errors=not result._single) if stream else nullcontext():
                self._wait(result, progress_after)
            failure = result.exception()
            if failure is not None:
                if stream and isinstance(failure, error.CompositeError):
                    raise error.AlreadyDisplayedError(failure) from None
                raise failure
        except KeyboardInterrupt:
            self._interrupted(result, targets, signal, stream)
        finally:
            if not stream and result.done():
                result.display_outputs(groupby)  # type: ignore[arg-type]

    def _wait(self, result: AsyncResult, progress_after: float) -> None:
        if progress_after > 0:
            deadline = time.monotonic() + progress_after
            result.wait(progress_after)
            result.wait_for_output(max(0.0, deadline - time.monotonic()))
        if not result.done() and progress_after >= 0:
            result.wait_interactive()
        result.wait()
        result.wait_for_output(_STRAGGLERS)

    def _interrupted(self, result: AsyncResult, targets: Any, signal: str | int, stream: bool) -> None:
        """Pass Ctrl-C on to the engines and show what they still say."""
        print(f"Received Keyboard Interrupt. Sending signal {signal} to engines...", file=sys.stderr)
        if signal == 0:
            return
        # What has not started takes no signal: it is given up, by a message that goes the same way ahead of the signal.
        self.view.client.abort(result, targets=targets, block=False)
        self.view.client.send_signal(signal, targets=targets, block=True)
        with result.stream_output(seen=True) if stream else nullcontext():
            result.wait(_INTERRUPTED)

    def _targets(self, text: str) -> Any:
        """The engines that the text of --targets means. UsageError when it means none."""
        client = self.view.client
        if text.strip().lower() == "all":
            return "all"
        try:
            if ":" in text:
                bounds = [int(part) if part.strip() else None for part in text.strip(" []").split(":")]
                return client.ids[slice(*bounds)]
            targets = eval(text, {}, dict(self.shell.user_ns))
            targets = list(targets) if isinstance(targets, tuple | range) else targets
            client._resolve(targets)
            return targets
        except Exception as failure:
            raise UsageError(
                f"--targets {text}: {failure}; give 'all', an id, a list such as 0,2 or a slice such as ::2"
            ) from None


class _AutoPx:
    """Turns each cell that is entered into a %px of its text; except %autopx itself."""

    has_side_effects = True  # so that the prompt judges by the user's own text whether a cell is complete

    def __init__(self, magic: str) -> None:
        self._magic = magic

    def __call__(self, lines: list[str]) -> list[str]:
        code = "".join(lines)
        if not code.strip() or re.match(r"\s*%autopx\w*\s*$", code):
            return lines
        return [f"get_ipython().run_line_magic({self._magic!r}, {code!r})\n"]


def _parse(magic: Any, line: str) -> Any:
    """The options in `line`; UsageError that names the nearest option for one that does not exist."""
    try:
        return magic_arguments.parse_argstring(magic, line)
    except UsageError as failure:
        known = list(magic.parser._option_string_actions)
        for word in shlex.split(line):
            flag = word.split("=", 1)[0]
            if flag.startswith("-") and flag not in known:
                raise UsageError(f"no option {flag}: {hint(flag, known)}") from None
        raise failure


def _signal(text: str) -> str | int:
    """The signal that an option names. UsageError when there is none."""
    import signal

    names = [one.name for one in signal.Signals]
    if not text.isdigit() and text not in names:
        raise UsageError(f"--signal-on-interrupt: no signal {text}: {hint(text, names)}")
    return int(text) if text.isdigit() else text


def _listing(targets: Any) -> str:
    if isinstance(targets, list) and len(targets) > _LISTED:
        return f"{str(targets[:4])[:-1]}, ..., {str(targets[-4:])[1:]}"
    return str(targets)


def activate(view: DirectView, suffix: str = "") -> None:
    """Register the magics of `view` with the running IPython; see DirectView.activate."""
    shell = running_shell()
    shell.register_magics(ParallelMagics(shell, view, suffix))
