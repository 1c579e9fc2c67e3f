"""A short round of chaos for each of a few seeds; `make chaos` plays longer ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from chaos.chaos import Round, play


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_everything_ends_once(tmp_path: Path, seed: int) -> None:
    plan = play(Round(seed, tasks=200, engines=2, blows=4), tmp_path)
    print(plan.line())
    assert plan.counts["submitted"] >= 200
