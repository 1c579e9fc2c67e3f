"""One cluster of four engines for all tests of the seed features; each test finds the engines' namespaces empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import camshaft as ipp
import pytest
from processes import ClusterUnderTest, at_the_prompt, whole_cluster


@pytest.fixture(scope="session")
def seed_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterUnderTest]:
    """A controller and four engines of ours."""
    with whole_cluster(tmp_path_factory.mktemp("seeds"), 4) as started:
        yield started


@pytest.fixture
def rc(seed_cluster: ClusterUnderTest) -> Iterator[ipp.Client]:
    """A client that sees engines 0 to 3; what a test leaves on them is removed."""
    client = seed_cluster.client()
    yield client
    client.wait(timeout=30)
    client.clear(block=True)
    client.close()


@pytest.fixture
def dv(rc: ipp.Client) -> ipp.DirectView:
    """All engines."""
    return rc[:]


@pytest.fixture
def lv(rc: ipp.Client) -> ipp.LoadBalancedView:
    """Whichever engine is free."""
    return rc.load_balanced_view()


class Gate:
    """Keeps work on engines until it is opened: `apply_async(gate.hold, gate.path)`, or code after `gate.code`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.path = str(file)
        self.code = f"import os, time\nwhile not os.path.exists({self.path!r}): time.sleep(0.01)\n"

    @staticmethod
    @at_the_prompt
    def hold(path: str, value: Any = None) -> Any:
        """Wait for the gate, then return `value`."""
        import os
        import time

        while not os.path.exists(path):
            time.sleep(0.01)
        return value

    def open(self) -> None:
        """Let all tasks go on."""
        self._file.touch()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A gate that is opened at the latest when the test is over."""
    made = Gate(tmp_path / "gate")
    yield made
    made.open()


@pytest.fixture
def typed() -> Callable[..., dict[str, Any]]:
    """`typed(code, **names)`: run code as if it were typed at a prompt that knows `names`; return all names."""

    def run(code: str, **names: Any) -> dict[str, Any]:
        space: dict[str, Any] = {"__name__": "__main__", **names}
        exec(compile(code, "<typed>", "exec"), space)
        return space

    return run
