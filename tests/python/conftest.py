"""Shared by the Python tests: the source tree first on the path, and a client without a network."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def core():
    from fakecore import FakeCore

    return FakeCore()


@pytest.fixture
def rc(core):
    from fakecore import make_client

    with make_client(core) as client:
        yield client
