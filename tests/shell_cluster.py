"""A cluster as a user starts it in a shell, for tests that run scripts against it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IPCLUSTER = Path(sys.executable).with_name("ipcluster")
PATIENCE = 60  # seconds after which a test gives up


def environment_in(folder: Path) -> dict[str, str]:
    """Return an environment whose profiles and caches are in ``folder``, and in which `import camshaft` is this one."""
    paths = [str(ROOT / "python"), os.environ.get("PYTHONPATH", "")]
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("IPP_")},
        "IPYTHONDIR": str(folder / "ipython"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "MPLBACKEND": "Agg",
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
    }


@contextmanager
def shell_cluster(folder: Path, n: int = 2) -> Iterator[dict[str, str]]:
    """Run `ipcluster start -n <n>` with files in ``folder``; yield the environment in which clients find it."""
    environment = environment_in(folder)
    log = folder / "ipcluster.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [IPCLUSTER, "start", "-n", str(n)], env=environment, cwd=folder, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while "IPython cluster: started" not in log.read_text():  # all engines, not the controller alone
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"no cluster came up:\n{log.read_text()}")
            time.sleep(0.02)
        yield environment
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
