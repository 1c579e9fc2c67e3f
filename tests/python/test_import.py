"""What `import camshaft` brings along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = str(Path(__file__).resolve().parents[2] / "python")
HEAVY = {"numpy", "IPython", "asyncio", "logging", "concurrent.futures", "json", "pickle", "typing", "zmq", "tqdm"}


def imported(program):
    """Names of the modules that `program` imports, beyond what Python starts with."""
    start = f"import sys; sys.path.insert(0, {ROOT!r}); before = set(sys.modules)"
    code = "\n".join([start, program, "print(*(set(sys.modules) - before))"])
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def test_import_is_light():
    modules = imported("import camshaft; dir(camshaft)")
    assert not modules & HEAVY
    assert len(modules) <= 5


def test_a_client_needs_neither_numpy_nor_ipython_nor_asyncio():
    modules = imported(
        "import camshaft; camshaft.Client; camshaft.DirectView; camshaft.LoadBalancedView; camshaft.Reference"
    )
    assert not modules & {"numpy", "IPython", "asyncio", "traitlets", "zmq", "ipyparallel", "tqdm"}


def test_every_name_is_there():
    import camshaft

    for name in camshaft.__all__:
        if name == "Cluster":
            continue  # lives in camshaft.cluster
        assert getattr(camshaft, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = camshaft.nope
    assert camshaft.RemoteError is camshaft.error.RemoteError
