"""Comms on engines: ipywidgets, and whoever uses the package `comm`, talk to the client's front end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .afterimport import AfterImport

if TYPE_CHECKING:
    from .host import Host


def _replace(module: Any, host: Host) -> None:
    from .shell import to_json

    class EngineComm(module.base_comm.BaseComm):  # type: ignore[misc]
        """A comm whose other end is the client's front end."""

        def publish_msg(
            self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **keys: Any
        ) -> None:
            content = {"data": data or {}, "comm_id": self.comm_id, **keys}
            host.publish(msg_type, to_json(content), to_json(metadata or {}), buffers or ())

    module.create_comm = EngineComm


def install(host: Host) -> None:
    """Make comms work in the code of clients. Once in a process."""
    AfterImport("comm", lambda module: _replace(module, host)).install()


def receive(host: Host, request: Any) -> None:
    """Hand a comm message from a front end to the comm that it is for; there is no answer."""
    import json  # not at the top: engines start without it

    if "comm" in sys.modules:
        message = {
            "msg_type": request.msg_type,
            "header": {"msg_type": request.msg_type, "msg_id": request.msg_id},
            "content": json.loads(request.content),
            "metadata": {},
            "buffers": list(request.buffers),
        }
        manager = sys.modules["comm"].get_comm_manager()
        try:
            getattr(manager, request.msg_type)(None, None, message)
        except BaseException as error:
            host.publish("error", json.dumps(host.describe(error)))
    request.drop()


def open_comms() -> dict[str, dict[str, str]]:
    """{comm id: {"target_name": ...}} of this engine's comms."""
    if "comm" not in sys.modules:
        return {}
    comms = sys.modules["comm"].get_comm_manager().comms
    return {comm_id: {"target_name": comm.target_name} for comm_id, comm in list(comms.items())}
