"""What one side of a cluster sees: gathered in this process, and by engines, to which `gather` is sent."""

from __future__ import annotations

from typing import Any


def gather(host: str, port: int) -> dict[str, Any]:
    """Return what this process sees of its computer, and of the controller at `host` and `port` (0: of none).

    Stands for itself, so that an engine needs nothing but its Python: host, names, time (seconds since 1970), versions,
    limits, folders, and `reached`: '' or why the controller cannot be reached.
    """
    import importlib
    import os
    import resource
    import shutil
    import socket
    import sys
    import tempfile
    import time

    def addresses(name: str) -> list[str]:
        try:
            return sorted({str(one[4][0]) for one in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)})
        except OSError:
            return []

    def version(module: str) -> str:
        try:
            return str(getattr(importlib.import_module(module), "__version__", "?"))
        except ImportError:
            return ""

    def reach() -> str:
        if port == 0:
            return ""
        try:
            socket.create_connection((host, port), timeout=5).close()
        except OSError as error:
            return error.strerror or str(error)
        return ""

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    folder = tempfile.gettempdir()
    name = socket.gethostname()
    return {
        "host": name,
        "pid": os.getpid(),
        "addresses": addresses(name),
        "controller_addresses": addresses(host),
        "reached": reach(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "executable": sys.executable,
        "camshaft": version("camshaft"),
        "numpy": version("numpy"),
        "open_files": [soft, hard],
        "temporary": [folder, os.access(folder, os.W_OK), shutil.disk_usage(folder).free],
        "time": time.time(),
    }
