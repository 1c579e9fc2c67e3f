"""Shows the output of requests: under headers that name the engines, said once where many engines say the same."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from .error import CompositeError, RemoteError
from .folding import fold, merged, span
from .metadata import Metadata

__all__ = ["Printer", "display_outputs", "results", "running_shell", "show"]

_RED, _NORMAL = "\x1b[31m", "\x1b[0m"


class Printer:
    """Writes what engines say to the local streams.

    A header is not repeated while the same engines go on writing to the same stream, and starts on a line of its own.
    """

    def __init__(self, headers: bool = True) -> None:
        self._headers = headers
        self._last: tuple[str, str] | None = None
        self._open = False

    def text(self, name: str, ids: Sequence[Any], text: str) -> None:
        """Write `text` of the stream `name` ('stdout' or 'stderr') of the engines `ids`."""
        if not text:
            return
        file = sys.stderr if name == "stderr" else sys.stdout
        source = (name, span(ids))
        if source != self._last:
            self.end_line()
            if self._headers:
                file.write(f"[{name}:{source[1]}] \n")
            text = text.lstrip("\r")
        self._last = source
        file.write(text)
        self._open = not text.endswith("\n")
        file.flush()

    def end_line(self) -> None:
        """Leave a line that was not finished."""
        if self._open and self._last is not None:
            print(file=sys.stderr if self._last[0] == "stderr" else sys.stdout)
        self._open = False
        self._last = None

    def rich(self, ids: Sequence[Any], content: dict[str, Any]) -> None:
        """Show one display."""
        self.end_line()
        if self._headers:
            print(f"[output:{span(ids)}]")
        show(content, ids)

    def result(self, ids: Sequence[Any], content: dict[str, Any]) -> None:
        """Show the value of a cell, under its prompt number if all engines have the same."""
        self.end_line()
        text = content.get("data", {}).get("text/plain", "")
        count = content.get("execution_count")
        label = _coloured(f"Out[{span(ids)}]:" if count is None else f"Out[{span(ids)}:{count}]:")
        text = f"{label}{chr(10) if chr(10) in text else ' '}{text}"
        if _is_rich(content):
            if hasattr(running_shell(), "kernel"):  # which shows one of the forms only
                print(label)
            _publish({**content, "data": {**content["data"], "text/plain": text}}, ids)
        else:
            print(text)

    def failures(self, errors: Sequence[tuple[Any, RemoteError]], shown: int) -> int:
        """Show errors on stderr: `CompositeError.tb_limit` whole tracebacks (less those `shown` before), then one line
        for each. Returns how many tracebacks have been shown by now."""
        self.end_line()
        for error, ids in merged(errors):
            if shown < CompositeError.tb_limit:
                shown += 1
                lines = error.render_traceback()
                if len(ids) > 1:
                    lines[0] = f"[engines {span(ids)}:{error.engine_info.get('method', '?')}]"
                print("\n".join(lines), file=sys.stderr)
            else:
                head = f"[engines {span(ids)}] {error.ename}: {error.evalue}" if len(ids) > 1 else str(error)
                print(head, file=sys.stderr)
        sys.stderr.flush()
        return shown


def display_outputs(parts: Sequence[Metadata], single: bool, groupby: str, result_only: bool) -> None:
    """Show the output of `parts`; see AsyncResult.display_outputs."""
    if groupby not in ("type", "engine", "order"):
        raise ValueError(f"groupby must be 'type', 'engine' or 'order', not {groupby!r}")
    printer = Printer(headers=not single)
    if single or groupby == "engine":
        for part in parts:
            if not result_only:
                _streams(printer, [part], "stdout")
                _streams(printer, [part], "stderr")
            for output in part["outputs"]:
                printer.rich([part["engine_id"]], output)
            _results(printer, [part])
        return
    if not result_only:
        _streams(printer, parts, "stdout")
        _streams(printer, parts, "stderr")
    if groupby == "order":
        for index in range(max((len(part["outputs"]) for part in parts), default=0)):
            _rich(printer, [(part, part["outputs"][index]) for part in parts if index < len(part["outputs"])])
    else:
        _rich(printer, [(part, output) for part in parts for output in part["outputs"]])
    _results(printer, parts)


def _streams(printer: Printer, parts: Sequence[Metadata], name: str) -> None:
    for ids, text in fold([(part["engine_id"], part[name]) for part in parts if part[name]]):
        printer.text(name, ids, text)
        printer.end_line()


def _rich(printer: Printer, outputs: Sequence[tuple[Metadata, dict[str, Any]]]) -> None:
    for ids, text in fold([(part["engine_id"], json.dumps(content, sort_keys=True)) for part, content in outputs]):
        printer.rich(ids, json.loads(text))


def _results(printer: Printer, parts: Sequence[Metadata]) -> None:
    results(printer, [(part["engine_id"], part["execute_result"]) for part in parts if part["execute_result"]])


def results(printer: Printer, found: Sequence[tuple[Any, dict[str, Any]]]) -> None:
    """Show the values of cells, [(engine, content), ...]."""
    keys = [{name: value for name, value in content.items() if name != "execution_count"} for _, content in found]
    for indexes, _ in fold([(index, json.dumps(key, sort_keys=True)) for index, key in enumerate(keys)]):
        counts = {found[index][1].get("execution_count") for index in indexes}
        count = counts.pop() if len(counts) == 1 else None
        content = {**keys[indexes[0]], "execution_count": count}
        printer.result([found[index][0] for index in indexes], content)


def show(content: dict[str, Any], ids: Sequence[Any] = ()) -> None:
    """Show one display as well as this program can."""
    if _is_rich(content):
        _publish(content, ids)
    else:
        print(content.get("data", {}).get("text/plain", ""))


def running_shell() -> Any:
    """The IPython shell that we run in, or None. Does not import IPython."""
    if "IPython" not in sys.modules:
        return None
    return sys.modules["IPython"].get_ipython()


def _coloured(label: str) -> str:
    shell = running_shell()
    if shell is None or str(getattr(shell, "colors", "nocolor")).lower() == "nocolor":
        return label
    if not (hasattr(shell, "kernel") or sys.stdout.isatty()):
        return label
    return f"{_RED}{label}{_NORMAL}"


def _is_rich(content: dict[str, Any]) -> bool:
    return running_shell() is not None and not set(content.get("data", {})) <= {"text/plain"}


def _publish(content: dict[str, Any], ids: Sequence[Any]) -> None:
    from IPython.display import publish_display_data

    engine = ids[0] if len(ids) == 1 else list(ids)
    publish_display_data(content["data"], {**content.get("metadata", {}), **({"engine": engine} if ids else {})})
