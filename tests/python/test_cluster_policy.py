"""How many engines a cluster should have: more at once, fewer only after a while."""

from __future__ import annotations

import pytest
from camshaft.cluster.policy import Policy, choose_to_leave


def test_more_at_once_within_the_limits() -> None:
    policy = Policy(1, 8)
    assert policy.decide(0, 1, 0) == 1
    assert policy.decide(1, 1, 5) == 5
    assert policy.decide(2, 5, 500) == 8
    assert policy.decide(3, 0, 0) == 1


def test_fewer_only_after_patience_and_as_many_as_the_busiest_moment_needed() -> None:
    policy = Policy(1, 8, patience=10)
    assert policy.decide(0, 8, 2) == 8
    assert policy.decide(5, 8, 4) == 8
    assert policy.decide(9.9, 8, 0) == 8
    assert policy.decide(10, 8, 0) == 4
    assert policy.decide(11, 4, 0) == 4
    assert policy.decide(21, 4, 0) == 1


def test_a_busy_moment_makes_patience_start_again() -> None:
    policy = Policy(1, 8, patience=10)
    assert policy.decide(0, 4, 1) == 4
    assert policy.decide(9, 4, 4) == 4
    assert policy.decide(11, 4, 0) == 4
    assert policy.decide(20, 4, 0) == 4
    assert policy.decide(21, 4, 0) == 1


def test_beyond_the_maximum_is_left_at_once() -> None:
    assert Policy(1, 3).decide(0, 5, 100) == 3
    assert Policy(1, 3).decide(0, 5, 0) == 3


def test_tasks_per_engine() -> None:
    policy = Policy(1, 100, tasks_per_engine=4)
    assert policy.decide(0, 1, 1) == 1
    assert policy.decide(1, 1, 9) == 3


@pytest.mark.parametrize("bad", [(0, 2), (3, 2), (1, 1, 0.0), (1, 1, 1.0, -1.0)])
def test_bad_limits(bad: tuple) -> None:
    with pytest.raises(ValueError):
        Policy(*bad)


def test_idle_and_newest_leave_first() -> None:
    assert choose_to_leave({0: 0, 1: 3, 2: 0, 3: 1}, 3) == [2, 0, 3]
    assert choose_to_leave({0: 0}, 5) == [0]
    assert choose_to_leave({0: 0}, -1) == []
