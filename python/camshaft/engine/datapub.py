"""Data that a running function publishes: the latest value of each key shows up in the client's ``ar.data``."""

from __future__ import annotations

from typing import Any

from ..serialize import official
from .host import current


def publish_data(data: dict[str, Any]) -> None:
    """Send `data` to the client of the running request. Raises TypeError for anything but a dict, RuntimeError when
    this is no engine."""
    if not isinstance(data, dict):
        raise TypeError(f"publish_data wants a dict, not {type(data).__name__}")
    import json

    host = current()
    keys = json.dumps({"keys": [str(key) for key in data]})
    host.publish("data_message", keys, "{}", official.serialize(data))
