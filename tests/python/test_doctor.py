"""What the doctor concludes from what it sees."""

from __future__ import annotations

from typing import Any

import pytest
from camshaft.doctor import findings
from camshaft.doctor.facts import gather
from camshaft.doctor.findings import Finding


def facts(**changes: Any) -> dict[str, Any]:
    usual = {
        "host": "node7",
        "pid": 1,
        "addresses": ["10.0.0.7"],
        "controller_addresses": ["10.0.0.1"],
        "reached": "",
        "python": "3.11.2",
        "executable": "/opt/bin/python3",
        "camshaft": "0.1.0",
        "numpy": "2.1.0",
        "open_files": [1024, 65536],
        "temporary": ["/tmp", True, 10**10],
        "time": 1000.0,
    }
    return {**usual, **changes}


def trouble(found: Any) -> list[tuple[str, str]]:
    """State and text of everything that is not fine."""
    return [(one.state, one.text) for one in found if one.state != "ok"]


def engine(**changes: Any) -> list[tuple[str, str]]:
    return trouble(findings.of_engine("engine 3", facts(**changes), facts(), (999.9, 1000.1), "head"))


def test_here_and_now_nothing_is_missing() -> None:
    seen = gather("localhost", 0)
    assert seen.keys() == facts().keys()
    assert seen["camshaft"]
    assert seen["reached"] == ""


def test_a_healthy_side_is_fine() -> None:
    assert trouble(findings.of_side("controller", facts())) == []
    assert engine() == []


@pytest.mark.parametrize(
    ("changes", "state", "says"),
    [
        ({"addresses": []}, "wrong", "its own name node7 cannot be resolved: add it to /etc/hosts"),
        ({"open_files": [256, 512]}, "wrong", "at most 512 files may be open: raise the hard limit"),
        ({"temporary": ["/tmp", False, 0]}, "wrong", "/tmp cannot be written to: set TMPDIR"),
        ({"temporary": ["/tmp", True, 2**20]}, "wrong", "/tmp has only 1 MB left"),
        ({"numpy": ""}, "note", "there is no numpy in /opt/bin/python3: install it"),
    ],
)
def test_a_side_by_itself(changes: dict[str, Any], state: str, says: str) -> None:
    [found] = trouble(findings.of_side("engine 3", facts(**changes)))
    assert found[0] == state
    assert says in found[1]


@pytest.mark.parametrize(
    ("changes", "state", "says"),
    [
        ({"time": 1045.0}, "wrong", "its clock is 45 s ahead: let NTP set the clock of node7"),
        ({"time": 940.0}, "wrong", "its clock is 60 s behind"),
        ({"python": "3.12.1"}, "wrong", "runs Python 3.12.1 and clients here 3.11.2"),
        ({"camshaft": "0.0.9"}, "wrong", "has 0.0.9, and this side 0.1.0: install the same in /opt/bin/python3"),
        ({"camshaft": ""}, "note", "an engine of the original"),
        ({"numpy": "1.26.4"}, "wrong", "arrays need the same major version"),
        ({"reached": "Connection refused"}, "note", "(Connection refused): look for a firewall; see --ports"),
        ({"reached": "x", "controller_addresses": []}, "note", "cannot resolve head"),
    ],
)
def test_an_engine_beside_the_controller(changes: dict[str, Any], state: str, says: str) -> None:
    [found] = engine(**changes)
    assert found[0] == state
    assert says in found[1]


def test_addresses() -> None:
    assert trouble(findings.of_addresses("127.0.0.1", "head", [], "")) == []
    assert trouble(findings.of_addresses("*", "head", ["10.0.0.1"], "")) == []
    [(state, text)] = trouble(findings.of_addresses("10.9.9.9", "head", ["10.0.0.1"], "no address of this computer"))
    assert (state, "cannot listen on 10.9.9.9" in text) == ("wrong", True)
    assert "cannot be resolved" in trouble(findings.of_addresses("*", "head", [], ""))[0][1]
    assert trouble(findings.of_addresses("*", "head", ["127.0.1.1"], ""))[0][0] == "note"


def test_ports() -> None:
    pool = list(range(10101, 10121))
    assert trouble(findings.of_ports([], [], False)) == []
    assert trouble(findings.of_ports(pool, pool[:6], False)) == []
    [(state, text)] = trouble(findings.of_ports(pool, pool[:7], False))
    assert (state, "only 13 of the 20 ports" in text) == ("wrong", True)
    assert trouble(findings.of_ports(pool, pool, True)) == []  # the controller that runs has them


def test_permissions() -> None:
    def told(**changes: Any) -> list[tuple[str, str]]:
        usual = {"writable": True, "modes": {"/p/security": 0o40700}, "age": 0.0}
        return trouble(findings.of_permissions("/p", **{**usual, **changes}))

    assert told() == []
    assert "cannot be written to" in told(writable=False)[0][1]
    assert told(modes={"/p/security/x.json": 0o100640}) == [
        ("wrong", "others may read /p/security/x.json, and with it use your cluster: chmod go= /p/security/x.json")
    ]
    assert "the clock of the disk" in told(age=30.0)[0][1]


def test_a_finding_is_a_value() -> None:
    assert Finding("ok", "a", "b", "c") == Finding("ok", "a", "b", "c")
