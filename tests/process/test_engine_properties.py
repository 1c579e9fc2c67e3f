"""Engine properties and tasks that ask for them, with real processes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from processes import ClusterUnderTest, wait_until
from processes import at_the_prompt as mine

Start = Callable[..., ClusterUnderTest]


@mine
def pid() -> int:
    import os

    return os.getpid()


@mine
def tell(name: str, value: Any) -> dict[str, Any]:
    """Change a property of the engine that this runs on."""
    from camshaft.engine import properties

    properties[name] = value
    return dict(properties)


def test_S3_73_engines_declare_what_they_are(cluster: Start) -> None:
    site = cluster(0)
    site.add_engine('--properties={"rack": 3, "host": "renamed"}')
    site.add_engine()
    rc = site.client(engines=2)
    found = rc.engine_properties()
    pids = dict(zip(rc.ids, rc[:].apply_sync(pid), strict=True))
    for number, properties in found.items():
        assert properties["pid"] == pids[number]
        assert properties["cores"] == len(os.sched_getaffinity(0))
        assert properties["memory"] > 1 << 20 and properties["gpus"] >= 0
        assert properties["python"].startswith("3.")
    hosts = {properties.get("rack"): properties["host"] for properties in found.values()}
    assert hosts == {3: "renamed", None: os.uname().nodename}


def test_S3_73_properties_change_on_both_sides(cluster: Start) -> None:
    site = cluster(2)
    rc = site.client()
    assert rc.set_properties({"rack": 1, "pid": None}, 0)["rack"] == 1
    # the engine hears of it, and what it changes is seen here
    wait_until(lambda: rc[0].apply_sync(tell, "seen", True).get("rack") == 1, "the engine to hear of the change")
    wait_until(lambda: rc[0].properties.get("seen"), "the client to hear of the change")
    assert "pid" not in rc[0].properties and "rack" not in rc[1].properties
    other = site.client(engines=2)
    assert other[0].properties == rc[0].properties
    with pytest.raises(IndexError):
        rc.set_properties({"a": 1}, 7)


def test_S3_73_properties_survive_a_new_controller(cluster: Start) -> None:
    """An engine that registers again tells all it knows, with what clients have set."""
    site = cluster(1, controller_args=["--reuse", "--ping=100"])
    with site.client() as rc:
        rc.set_properties({"rack": 9})
        rc[0].apply_sync(tell, "mine", 1)
        wait_until(lambda: rc[0].properties.get("mine"), "the change")
    before = site.controller
    before.kill()
    site.controller = site.processes.start(before.popen.args)
    rc = site.client(engines=1)
    found = rc.engine_properties()[rc.ids[0]]
    assert found["rack"] == 9 and found["mine"] == 1 and found["cores"] >= 1
