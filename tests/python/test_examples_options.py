"""The demo of options pricing: prices against exact facts, and the plots, without a cluster."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from math import exp, sqrt
from pathlib import Path

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "options"


@pytest.fixture(scope="module", autouse=True)
def example_on_path() -> Iterator[None]:
    """Let this module import the example as a user does who stands in its folder."""
    sys.path.insert(0, str(EXAMPLE))
    yield
    sys.path.remove(str(EXAMPLE))


def test_black_scholes_against_a_textbook() -> None:
    from mcpricer import black_scholes

    call, put = black_scholes(S=42, K=40, sigma=0.2, r=0.1, T=0.5)  # Hull, "Options, Futures and Other Derivatives"
    assert call == pytest.approx(4.76, abs=0.005)
    assert put == pytest.approx(0.81, abs=0.005)


CASES = [(100, 100, 0.25, 0.05, 260), (100, 90, 0.1, 0.05, 260), (100, 110, 0.4, 0.05, 260), (50, 55, 0.3, 0.0, 65)]


def repeated(S: float, K: float, sigma: float, r: float, days: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the means of 50 independent runs, and the standard errors of those means, of the four prices."""
    from mcpricer import price_options

    runs = np.array([price_options(S, K, sigma, r, days, paths=2000, seed=seed) for seed in range(50)])
    return runs.mean(axis=0), runs.std(axis=0, ddof=1) / sqrt(len(runs))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_european_prices_agree_with_black_scholes(case: tuple[float, float, float, float, int]) -> None:
    from mcpricer import black_scholes

    S, K, sigma, r, days = case
    price, error = repeated(*case)
    exact = np.array(black_scholes(S, K, sigma, r, days / 260))
    assert (error[:2] < 0.01 * S).all()
    assert (np.abs(price[:2] - exact) < 4 * error[:2]).all(), (price, exact, error)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_put_call_parity(case: tuple[float, float, float, float, int]) -> None:
    S, K, _, r, days = case
    price, error = repeated(*case)
    discount = exp(-r * days / 260)
    mean_forward = S * np.mean([exp(r * day / 260) for day in range(1, days + 1)])
    tolerance = 4 * np.hypot(error[0::2], error[1::2])
    assert abs(price[0] - price[1] - (S - K * discount)) < tolerance[0]
    assert abs(price[2] - price[3] - discount * (mean_forward - K)) < tolerance[1]


def test_a_call_that_expires_tomorrow_and_one_without_chance() -> None:
    from mcpricer import price_options

    european_call, european_put, asian_call, asian_put = price_options(days=1, paths=1000, seed=3)
    assert (european_call, european_put) == (asian_call, asian_put)  # one price is its own mean
    call, put, *_ = price_options(S=100, K=60, sigma=1e-9, r=0.05, days=260, paths=2)
    assert call == pytest.approx(100 - 60 * exp(-0.05))
    assert put == 0


def test_seeds_repeat() -> None:
    from mcpricer import price_options

    assert price_options(paths=100, seed=5) == price_options(paths=100, seed=5)
    assert price_options(paths=100, seed=5) != price_options(paths=100, seed=6)


@pytest.mark.parametrize("wrong, hint", [({"paths": 3}, "even number"), ({"paths": 0}, "even"), ({"days": 0}, "1 day")])
def test_wrong_arguments(wrong: dict[str, int], hint: str) -> None:
    from mcpricer import price_options

    with pytest.raises(ValueError, match=hint):
        price_options(**wrong)


def test_the_grid_of_the_study() -> None:
    import mcdriver

    strikes, volatilities = mcdriver.grid()
    assert len(strikes) == len(volatilities) == 10
    assert (strikes[0], strikes[-1], volatilities[0], volatilities[-1]) == (90, 110, 0.10, 0.40)


def test_plots(tmp_path: Path) -> None:
    import matplotlib.pyplot as plt
    import mcdriver
    from mcpricer import black_scholes

    strikes, volatilities = mcdriver.grid(5)
    call = np.array([[black_scholes(100, K, sigma, 0.05, 1)[0] for sigma in volatilities] for K in strikes])
    filled = mcdriver.plot_options(volatilities, strikes, call)
    assert filled.axes.get_xlabel() == "volatility" and filled.axes.get_ylabel() == "strike price"
    assert filled.get_clim()[0] <= call.min() and filled.get_clim()[1] >= call.max() - 2
    plt.close("all")

    mcdriver.plot(strikes, volatilities, dict.fromkeys(mcdriver.KINDS, call), tmp_path)
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == sorted(["options.png", *(f"options-{kind}.png" for kind in ("ecall", "eput", "acall", "aput"))])
    for name in written:
        picture = plt.imread(tmp_path / name)
        assert picture.shape[0] > 400 and picture[..., :3].std() > 0.1
    assert plt.get_fignums() == []
