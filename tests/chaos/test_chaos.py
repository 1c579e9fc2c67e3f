"""A short round of chaos for each of a few seeds; `make chaos` plays longer ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from chaos.chaos import Round, play
from chaos.network import why_not


@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_everything_ends_once(tmp_path: Path, seed: int) -> None:
    cuts = (0.3, 1.0) if seed > 2 and not why_not() else ()
    plan = play(Round(seed, tasks=200, engines=2, blows=4, database=seed % 2 == 0, cuts=cuts), tmp_path)
    print(plan.line())
    assert plan.counts["submitted"] >= 200
