"""Requests of Jupyter front ends that are no work: completion, inspection, history; and what nobody answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .host import Host


def _complete(host: Host, content: dict[str, Any]) -> dict[str, Any]:
    from IPython.core.completer import provisionalcompleter, rectify_completions

    code = content.get("code", "")
    cursor = content.get("cursor_pos")
    cursor = len(code) if cursor is None else cursor
    with provisionalcompleter():
        found = list(rectify_completions(code, host.shell().Completer.completions(code, cursor)))
    return {
        "matches": [one.text for one in found],
        "cursor_start": found[0].start if found else cursor,
        "cursor_end": found[0].end if found else cursor,
        "metadata": {},
    }


def _inspect(host: Host, content: dict[str, Any]) -> dict[str, Any]:
    from IPython.utils.tokenutil import token_at_cursor

    code = content.get("code", "")
    name = token_at_cursor(code, content.get("cursor_pos", len(code)))
    try:
        data = host.shell().object_inspect_mime(name, detail_level=content.get("detail_level", 0))
    except KeyError:
        return {"found": False, "data": {}, "metadata": {}}
    return {"found": True, "data": data, "metadata": {}}


def _is_complete(host: Host, content: dict[str, Any]) -> dict[str, Any]:
    status, indent = host.shell().input_transformer_manager.check_complete(content.get("code", ""))
    return {"status": status, "indent": " " * indent} if status == "incomplete" else {"status": status}


def _history(_host: Host, _content: dict[str, Any]) -> dict[str, Any]:
    return {"history": []}


def _comm_info(_host: Host, content: dict[str, Any]) -> dict[str, Any]:
    from .comms import open_comms

    wanted = content.get("target_name")
    return {"comms": {i: comm for i, comm in open_comms().items() if wanted in (None, comm["target_name"])}}


_HANDLERS = {
    "complete_request": _complete,
    "inspect_request": _inspect,
    "is_complete_request": _is_complete,
    "history_request": _history,
    "comm_info_request": _comm_info,
}


def answer(host: Host, request: Any) -> None:
    """Answer `request`; a type that nobody knows gets no answer, as in the original."""
    handler = _HANDLERS.get(request.msg_type)
    if request.msg_type in ("comm_open", "comm_msg", "comm_close"):
        from .comms import receive

        receive(host, request)
        return
    if handler is None:
        host.core.log(30, f"unknown request {request.msg_type}")
        request.drop()
        return
    try:
        content = {"status": "ok", **handler(host, json.loads(request.content))}
    except Exception as error:
        content = {"status": "error", **host.describe(error)}
    request.answer(json.dumps(content, default=repr), "error" if content["status"] == "error" else "ok")
