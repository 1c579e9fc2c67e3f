"""Every feature of the seed documents has a test or a reason, and the page that lists them is up to date."""

from __future__ import annotations

import coverage
import pytest


@pytest.fixture(scope="module")
def rows() -> list[coverage.Row]:
    return coverage.collect()


def test_every_row_is_there_once(rows: list[coverage.Row]) -> None:
    found = [row.id for row in rows]
    expected = {"S0": 98, "S1": 40, "S2": 15, "S3": 94, "S4": 30}
    assert sorted(found) == sorted(f"{seed}-{i}" for seed, last in expected.items() for i in range(1, last + 1))


def test_every_row_has_a_test_or_a_reason(rows: list[coverage.Row]) -> None:
    assert [row.id for row in rows if row.state == "missing"] == []


def test_page_is_fresh(rows: list[coverage.Row]) -> None:
    assert coverage.PAGE.read_text(encoding="utf-8") == coverage.page(rows), "run tools/coverage.py"


def test_names_carry_ids() -> None:
    assert coverage.ids_in("test_S4_12_parallel_decorator") == ["S4-12"]
    assert coverage.ids_in("test_S0_41_S0_9_gather") == ["S0-41", "S0-9"]
    assert coverage.ids_in("S1_28_impossible") == ["S1-28"] == coverage.ids_in("test_s1_28_impossible")
    assert coverage.ids_in("test_US_1_2") == []


def test_a_row_needs_one_reason_at_most(tmp_path) -> None:
    data = tmp_path / "rows.toml"
    data.write_text('[section]\nS0-1 = { feature = "f", none = "a", open = "b" }\n')
    with pytest.raises(ValueError, match="S0-1 needs"):
        coverage.read_rows(data)
