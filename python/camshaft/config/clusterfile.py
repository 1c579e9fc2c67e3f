"""The cluster files of 2008: Python files with two dictionaries, ``controller`` and ``engines``, and no ``c``.

controller = dict(host="head", engine_port=None)
engines = dict(node1=2, node2=2)
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from traitlets.config.loader import Config

_PORT = 10105
"""Where engines of 2008 looked for their controller."""


def settings(namespace: Mapping[str, Any]) -> Config:
    """Return what such a file means today, nothing for any other file.

    Engines, and a controller on another computer, are started through ssh; the controller listens on all addresses.
    TypeError for numbers of engines that are none.
    """
    config = Config()
    engines, controller = namespace.get("engines"), namespace.get("controller")
    if isinstance(engines, dict) and engines:
        counts = [one.get("n", 1) if isinstance(one, dict) else one for one in engines.values()]
        for host, count in zip(engines, counts, strict=True):
            if not isinstance(count, int) or count < 1:
                raise TypeError(f"engines[{host!r}] is {count!r}, and should be a number of engines")
        config.Cluster.engine_launcher_class = "ssh"
        config.Cluster.n = sum(counts)
        config.SSHEngineSetLauncher.engines = dict(engines)
    if isinstance(controller, dict) and "host" in controller:
        host = controller["host"]
        port = controller.get("engine_port", _PORT)
        config.Cluster.controller_ip = "*"
        if port is not None:
            config.Cluster.controller_args = [f"--port={int(port)}"]
        if host not in ("localhost", "127.0.0.1", socket.gethostname(), socket.getfqdn()):
            config.Cluster.controller_launcher_class = "ssh"
            config.SSHControllerLauncher.hostname = host
    return config
