"""Small HTML tables for notebooks: what a Client, a view, a result or a Cluster is, at a glance."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from ..folding import fold, span

if TYPE_CHECKING:
    from ..asyncresult import AsyncResult
    from ..client import Client
    from ..cluster import Cluster
    from ..view import View

__all__ = ["client_html", "cluster_html", "result_html", "view_html"]

_ROWS = 12
"""Longer tables are cut, with a line that counts the rest."""
_PROPERTIES = ("host", "pid", "python", "cores", "memory", "gpus")
_ERRORS = 4
_PATIENCE = 1.0
"""Seconds that a table may take to make."""
_STYLE = "text-align:left;vertical-align:top"
_COLOURS = {"pending": "#b58900", "finished": "#2e8540", "failed": "#c0392b"}


def client_html(client: Client) -> str:
    """The client's engines: ids, hosts, what they are."""
    if client._core.closed:
        return _card("Client", "closed", [])
    engines = client._engines()
    known = _properties(client)
    names = [name for name in _PROPERTIES if any(properties.get(name) for properties in known.values())]
    rows = [
        [str(number), *(_short(name, known.get(number, {}).get(name)) for name in names), uuid[-8:]]
        for number, uuid in engines.items()
    ]
    outstanding = len(client.outstanding)
    summary = f"{_count(len(engines), 'engine')}, {_count(outstanding, 'message')} outstanding"
    return _card("Client", summary, [_table(["engine", *names, "uuid"], rows)])


def view_html(view: View) -> str:
    """A view: its engines and the flags that are not as usual."""
    targets = view.targets
    where = "all engines"
    if targets not in ("all", None):
        one = not isinstance(targets, list) or len(targets) == 1
        where = f"{'engine' if one else 'engines'} {span(targets if isinstance(targets, list) else [targets])}"
    flags = [
        [name, _text(getattr(view, name))] for name in view._flag_names if name != "targets" and getattr(view, name)
    ]
    done = len(view.history) - len(view.outstanding)
    summary = f"{where} ({len(view)} now), {_count(len(view.history), 'message')} sent, {done} answered"
    return _card(type(view).__name__, summary, [_table(["flag", "value"], flags)] if flags else [])


def result_html(result: AsyncResult) -> str:
    """A result: how far it is, how long it took, what failed."""
    done = result.done()
    state = "pending" if not done else "failed" if result._failed() else "finished"
    total = len(result) or 1
    parts = [_bar(result.progress / total, _COLOURS[state])]
    facts = [["done", f"{result.progress} of {len(result)}"]]
    metadata = result._metadata()
    if done:
        facts.append(["wall time", _seconds(result.wall_time)])
        if len(metadata) > 1 and result.wall_time > 0:
            facts.append(["work", f"{_seconds(result.serial_time)} ({result.speedup:.1f} x)"])
    elif any(m["submitted"] for m in metadata):
        facts.append(["elapsed", _seconds(result.elapsed)])
    engines = {i for m in metadata for i in (m["engine_id"] if isinstance(m["engine_id"], list) else [m["engine_id"]])}
    engines.discard(None)
    if engines:
        facts.append(["engines", span(engines)])
    parts.append(_table([], facts))
    if state == "failed":
        parts.append(_failures(result))
    return _card(f"{type(result).__name__}: {result._fname}", state, parts, _COLOURS[state])


def cluster_html(cluster: Cluster) -> str:
    """A cluster: whether it runs, and its sets of engines."""
    facts = [["cluster id", repr(cluster.cluster_id)], ["profile", str(cluster.profile)]]
    sets = {
        name: sum(engine["exit_code"] is None for engine in engines.values())
        for name, engines in cluster.engine_sets.items()
    }
    facts += [
        ["engines" if len(sets) == 1 else f"engines {name}", _count(living, "process", "es")]
        for name, living in sets.items()
    ]
    if cluster.n:
        facts.append(["wanted", _count(cluster.n, "engine")])
    state = "running" if cluster.running else "not running"
    return _card("Cluster", state, [_table([], facts)], _COLOURS["finished" if cluster.running else "pending"])


def _failures(result: AsyncResult) -> str:
    from ..error import RemoteError

    errors = []
    for request in result._requests:
        if request.done and request.status != "ok":
            error = result._decode(request)
            if not isinstance(error, RemoteError):
                error = RemoteError(type(error).__name__, str(error), "")
            errors.append((error.engine_info.get("engine_id", "?"), (error.ename, error.evalue)))
    groups = fold(errors, 2)  # there are no tracebacks here that could differ
    rows = [[span(engines), ename, evalue] for engines, (ename, evalue) in groups[:_ERRORS]]
    rest = sum(len(engines) for engines, _ in groups[_ERRORS:])
    return _table(["engine", "error", "text"], rows) + (f"<div>and {rest} more</div>" if rest else "")


def _properties(client: Client) -> dict[int, dict[str, Any]]:
    """What the controller knows of the engines; nothing if it is not ours, or too busy to say so at once."""
    properties: dict[int, dict[str, Any]] = {}
    numbers = client._ids_by_uuid()
    for member in getattr(client, "members", (client,)):  # a FederatedClient has several
        engines = member._engines()
        if not engines:
            continue
        question = json.dumps({"targets": list(engines), "changes": None})
        request = member._core.submit("query", "properties_request", question)
        if member._core.wait([request], _PATIENCE) and request.status == "ok":
            told = json.loads(request.content).get("properties", {})
            properties.update((numbers[engines[int(number)]], found) for number, found in told.items())
    return properties


def _card(title: str, summary: str, parts: Sequence[str], colour: str = "#555") -> str:
    head = f"<b>{escape(title)}</b> <span style='color:{colour}'>{escape(summary)}</span>"
    return f"<div style='font-family:sans-serif;font-size:90%'><div>{head}</div>{''.join(parts)}</div>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Iterable[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag} style='{_STYLE}'>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(line(row, "td") for row in rows[:_ROWS])
    if len(rows) > _ROWS:
        body += line([f"and {len(rows) - _ROWS} more"], "td")
    return f"<table>{line(head, 'th') if head else ''}{body}</table>"


def _bar(part: float, colour: str) -> str:
    inner = f"<div style='width:{100 * min(part, 1):.0f}%;height:6px;background:{colour}'></div>"
    return f"<div style='width:16em;background:#ddd;margin:3px 0'>{inner}</div>"


def _count(number: int, noun: str, plural: str = "s") -> str:
    return f"{number} {noun}{'' if number == 1 else plural}"


def _seconds(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds:.1f} s" if seconds < 90 else f"{seconds / 60:.1f} min"


def _short(name: str, value: Any) -> str:
    if name == "memory" and isinstance(value, int | float):
        return f"{value / 2**30:.1f} GiB"
    return "" if value is None else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
