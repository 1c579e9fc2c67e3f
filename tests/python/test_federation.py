"""Federations, without controllers: how tasks are spread, and how rows of requests are joined."""

from __future__ import annotations

import json

import pytest
from camshaft.federation.fitting import fits
from camshaft.federation.requests import FederatedRequests
from camshaft.federation.spread import Spread


class Question:
    done = False
    content = "{}"


class Core:
    """As much of a ClientCore as a Spread looks at."""

    def __init__(self, engines: int) -> None:
        self.generation = 1
        self.closed = False
        self.reach = "here"
        self.pending = 0
        self.asked: list[Question] = []
        self._engines = {number: str(number) for number in range(engines)}

    def engines(self) -> dict[int, str]:
        return self._engines

    def submit(self, channel: str, msg_type: str, content: str) -> Question:
        assert (channel, msg_type) == ("query", "queue_request")
        self.asked.append(Question())
        self.pending += 1
        return self.asked[-1]

    def tell(self, **counts: int) -> None:
        """Answer the last question."""
        unassigned = counts.pop("unassigned", 0)
        engines = {name[1:]: {"queue": 0, "completed": 9, "tasks": n} for name, n in counts.items()}
        self.asked[-1].content = json.dumps({"status": "ok", "unassigned": unassigned, **engines})
        self.asked[-1].done = True
        self.pending -= 1


class Clocked(Spread):
    """Looks at other clients' tasks at the next choice."""

    def look_again(self) -> None:
        self._next_look = 0.0


def test_tasks_are_spread_by_the_number_of_engines() -> None:
    cores = [Core(1), Core(3)]
    spread = Spread(cores)
    for _ in range(40):
        cores[spread.choose([0, 1])].pending += 1
    counts = [core.pending - len(core.asked) for core in cores]
    assert counts == [10, 30]


def test_controllers_that_are_away_or_without_engines_come_last() -> None:
    cores = [Core(4), Core(1)]
    spread = Spread(cores)
    cores[0].reach = "away"
    assert spread.choose([0, 1]) == 1
    cores[1].closed = True
    assert spread.choose([0, 1]) == 0
    cores[0].reach, cores[1].closed = "here", False
    cores[0]._engines, cores[0].generation = {}, 2
    cores[1].pending = 100
    assert spread.choose([0, 1]) == 1
    assert spread.choose([0]) == 0


def test_tasks_of_other_clients_count() -> None:
    cores = [Core(2), Core(2)]
    spread = Clocked(cores)
    assert spread.choose([0, 1]) == 0
    cores[0].pending += 1
    cores[0].tell(e0=3, e1=2, unassigned=10)  # one of these 15 is ours
    cores[1].tell(e0=0, e1=1)
    spread.look_again()
    for _ in range(10):
        assert spread.choose([0, 1]) == 1
        cores[1].pending += 1
    cores[0].tell()
    cores[1].tell(e0=5, e1=5)  # all of these are ours
    spread.look_again()
    assert spread.choose([0, 1]) == 0


def test_an_answer_that_is_none_changes_nothing() -> None:
    core = Core(1)
    spread = Clocked([core, Core(1)])
    spread.choose([0, 1])
    core.tell()
    core.asked[-1].content = '{"status": "error", "ename": "KeyError"}'
    spread.look_again()
    core.pending = 0
    assert spread.choose([0, 1]) == 0


def test_blocks_grow_with_what_was_sent() -> None:
    spread = Spread([Core(4), Core(0)])
    assert [spread.block(0, sent) for sent in (0, 100, 6400, 10**6)] == [4, 4, 100, 1024]
    assert spread.block(1, 0) == 1


class Row(list):
    """As much of Requests as a FederatedRequests looks at: texts in place of requests."""

    def all_done(self) -> bool:
        return all(one.endswith("!") for one in self)

    all_ok = all_done

    def done_count(self) -> int:
        return sum(one.endswith("!") for one in self)

    def msg_ids(self) -> list[str]:
        return list(self)

    def small_results(self) -> list[bytes]:
        return [one.encode() for one in self]


def test_blocks_of_requests_are_one_row() -> None:
    rows = FederatedRequests()
    assert len(rows) == 0
    assert rows.all_done()
    rows.add(0, Row("abc"))
    rows.add(1, Row(["d!"]))
    rows.add(0, Row("ef"))
    assert list(rows) == rows.msg_ids() == ["a", "b", "c", "d!", "e", "f"]
    assert [rows[n] for n in (0, 2, 3, 4, 5, -1, -6)] == ["a", "c", "d!", "e", "f", "f", "a"]
    assert rows[1:5:2] == ["b", "d!"]
    assert rows[::-1] == list(reversed(list(rows)))
    assert (rows.done_count(), rows.all_done(), rows.all_ok()) == (1, False, False)
    assert rows.small_results()[3] == b"d!"
    assert [(place, len(row)) for place, row in rows.groups()] == [(0, 3), (1, 1), (0, 2)]
    for index in (6, -7):
        with pytest.raises(IndexError):
            rows[index]


@pytest.mark.parametrize(
    ("where", "resources", "expected"),
    [
        ([], {}, True),
        ([["cores", ">=", 8]], {}, True),
        ([["cores", ">", 8]], {}, False),
        ([["cores", "<", "9"]], {}, False),
        ([["cores", "==", 8.0], ["host", "!=", "b"]], {}, True),
        ([["none", "!=", 1]], {}, False),
        ([["host", "in", ["a", "c"]]], {}, True),
        ([["tags", "contains", "ssd"]], {}, True),
        ([["host", "contains", 1]], {}, False),
        ([["host", "has", True]], {}, True),
        ([["gone", "has", False], ["host", "has", True]], {}, True),
        ([["host", "has", False]], {}, False),
        ([], {"gpu": 2}, True),
        ([], {"gpu": 2.5}, False),
        ([], {"host": 1}, False),
    ],
)
def test_engines_that_fit(where: list, resources: dict, expected: bool) -> None:
    properties = {"cores": 8, "host": "a", "tags": ["ssd"], "gpu": 2}
    assert fits(properties, where, resources) is expected
