"""Shows the output of finished requests."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from .metadata import Metadata


def display_outputs(parts: Sequence[Metadata], single: bool, groupby: str, result_only: bool) -> None:
    """Show the output of `parts`; see AsyncResult.display_outputs."""
    if groupby not in ("type", "engine", "order"):
        raise ValueError(f"groupby must be 'type', 'engine' or 'order', not {groupby!r}")
    if single:
        groupby = "engine"
    head = (lambda *_: None) if single else _head
    if groupby == "engine":
        for part in parts:
            if not result_only:
                _stream(part, "stdout", head)
                _stream(part, "stderr", head)
            for output in part["outputs"]:
                head("output", part)
                _show(output)
            _result(part, head)
        return
    if not result_only:
        for name in ("stdout", "stderr"):
            for part in parts:
                _stream(part, name, head)
    if groupby == "order":
        for index in range(max((len(part["outputs"]) for part in parts), default=0)):
            for part in parts:
                if index < len(part["outputs"]):
                    head("output", part)
                    _show(part["outputs"][index])
    else:
        for part in parts:
            for output in part["outputs"]:
                head("output", part)
                _show(output)
    for part in parts:
        _result(part, head)


def _head(kind: str, part: Metadata) -> None:
    print(f"[{kind}:{part['engine_id']}]", end=" " if kind == "output" else "\n")


def _stream(part: Metadata, name: str, head: Any) -> None:
    text = part[name]
    if text:
        head(name, part)
        file = sys.stdout if name == "stdout" else sys.stderr
        print(text, end="" if text.endswith("\n") else "\n", file=file)


def _result(part: Metadata, head: Any) -> None:
    result = part["execute_result"]
    if result:
        text = result.get("data", {}).get("text/plain", "")
        if _publish(result):
            return
        print(f"Out[{part['engine_id']}:{result.get('execution_count')}]: {text}")


def _show(content: dict[str, Any]) -> None:
    if not _publish(content):
        print(content.get("data", {}).get("text/plain", ""))


def _publish(content: dict[str, Any]) -> bool:
    """Hand rich output to IPython, if we run in it."""
    if "IPython" not in sys.modules or sys.modules["IPython"].get_ipython() is None:
        return False
    from IPython.display import publish_display_data

    if set(content.get("data", {})) <= {"text/plain"}:
        return False
    publish_display_data(content["data"], content.get("metadata", {}))
    return True
