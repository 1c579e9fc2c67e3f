"""Prices options over a grid of strike prices and volatilities, each pair as one task of a cluster.

By hand, against any running cluster:

    ipcluster start -n 4 &
    python mcdriver.py

In IPython, ``%run mcdriver.py`` leaves ``prices``, ``strikes`` and ``volatilities`` in your session; go on with
``plot_options(volatilities, strikes, prices['acall'])``.
"""

from __future__ import annotations

import argparse
import site
import sys
import time
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from mcpricer import black_scholes, price_options

if TYPE_CHECKING:
    from matplotlib.contour import QuadContourSet

STOCK, RATE, DAYS = 100.0, 0.05, 260
KINDS = {"ecall": "European call", "eput": "European put", "acall": "Asian call", "aput": "Asian put"}
Prices = dict[str, np.ndarray]


def study(
    rc: Any, strikes: np.ndarray, volatilities: np.ndarray, paths: int, output: Path
) -> tuple[float, float, Prices]:
    """Price the grid here and with the engines of client ``rc``; return seconds (serial, parallel) and the prices."""
    pairs = list(product(strikes, volatilities))
    tasks = [(STOCK, float(K), float(sigma), RATE, DAYS, paths, seed) for seed, (K, sigma) in enumerate(pairs)]
    print(f"{len(tasks)} pairs of strike and volatility, {paths:,} paths of {DAYS} days each")

    # Engines on this computer import mcpricer from this folder, now, so that the clock below does not count it.
    rc[:].apply_sync(site.addsitedir, str(Path(__file__).resolve().parent))
    rc[:].apply_sync(price_options, paths=2)

    start = time.perf_counter()
    serial_rows = [price_options(*task) for task in tasks]
    serial = time.perf_counter() - start

    view = rc.load_balanced_view()
    start = time.perf_counter()
    results = [view.apply_async(price_options, *task) for task in tasks]
    print(f"Submitted tasks: {list(range(len(results)))}")
    rows = [result.get() for result in results]
    parallel = time.perf_counter() - start

    if rows != serial_rows:
        raise RuntimeError("the engines found other prices than this process, although the random seeds are the same")
    shape = (len(strikes), len(volatilities))
    prices = {kind: np.array(rows)[:, i].reshape(shape) for i, kind in enumerate(KINDS)}
    print(f"serial:   {serial:6.2f} s")
    print(f"parallel: {parallel:6.2f} s on {len(rc.ids)} engines")
    print(f"Speedup:  {serial / parallel:6.2f}")
    exact = [black_scholes(STOCK, K, sigma, RATE, DAYS / 260) for K, sigma in pairs]
    error = np.abs(np.array(exact) - np.array(rows)[:, :2]).max()
    print(f"European prices are within {error:.3f} of Black and Scholes, on a stock of {STOCK:.0f}")
    plot(strikes, volatilities, prices, output)
    return serial, parallel, prices


def plot_options(volatilities: np.ndarray, strikes: np.ndarray, prices: np.ndarray) -> QuadContourSet:
    """Draw prices (one row a strike, one column a volatility) as filled contours on the current axes."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    ax = plt.gca()
    filled = ax.contourf(volatilities, strikes, prices, levels=14, cmap="viridis")
    lines = ax.contour(volatilities, strikes, prices, levels=filled.levels[2:-2:2], colors="white", linewidths=0.8)
    ax.clabel(lines, fmt="%g", fontsize=10)
    ax.set_xlabel("volatility")
    ax.set_ylabel("strike price")
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_formatter("{x:.0f}")
    ax.figure.colorbar(filled, ax=ax, pad=0.03).set_label("price")
    return filled


def plot(strikes: np.ndarray, volatilities: np.ndarray, prices: Prices, output: Path) -> None:
    """Write one picture for each kind of option, and one with all four, into ``output``."""
    import matplotlib.pyplot as plt

    output.mkdir(parents=True, exist_ok=True)
    for kind, name in KINDS.items():
        figure = plt.figure(figsize=(7, 5.2), layout="constrained")
        plot_options(volatilities, strikes, prices[kind])
        plt.title(f"{name}: price of the option")
        figure.savefig(output / f"options-{kind}.png", dpi=130)
        plt.close(figure)
    figure, axes = plt.subplots(2, 2, figsize=(11.5, 8.6), layout="constrained")
    for ax, (kind, name) in zip(axes.flat, KINDS.items(), strict=True):
        plt.sca(ax)
        plot_options(volatilities, strikes, prices[kind])
        ax.set_title(name)
    figure.suptitle(f"Monte Carlo prices of options on a stock of {STOCK:.0f}, {DAYS} days, rate {RATE:.0%}")
    figure.savefig(output / "options.png", dpi=130)
    if not plt.isinteractive():
        plt.close(figure)
    print(f"plots: {output / 'options.png'} and options-{{{','.join(KINDS)}}}.png beside it")


def grid(size: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Return ``size`` strike prices from 90 to 110 and as many volatilities from 10 % to 40 %."""
    return np.linspace(90, 110, size), np.linspace(0.10, 0.40, size)


def main() -> tuple[np.ndarray, np.ndarray, Prices]:
    """Read the command line, connect and do the study; return strikes, volatilities and prices."""
    parser = argparse.ArgumentParser(description="Price options by Monte Carlo, serially and in parallel.")
    parser.add_argument("--profile", help="profile of the running cluster (default: 'default')")
    parser.add_argument("--profile-dir", help="profile directory, instead of --profile")
    parser.add_argument("--cluster-id", help="which cluster of the profile")
    parser.add_argument("--grid", type=int, default=10, help="strikes, and volatilities (default: 10)")
    parser.add_argument("--paths", type=int, default=100_000, help="paths for each pair (default: 100000)")
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the plots (default: here)")
    options = vars(parser.parse_args())
    where = {key: options[key] for key in ("profile", "profile_dir", "cluster_id") if options[key]}

    import camshaft as ipp

    strikes, volatilities = grid(options["grid"])
    try:
        with ipp.Client(**where) as rc:
            rc.wait_for_engines(1, timeout=30)
            prices = study(rc, strikes, volatilities, options["paths"], options["output"])[2]
    except (ValueError, RuntimeError, OSError, TimeoutError) as error:
        sys.exit(f"mcdriver: {error}")
    return strikes, volatilities, prices


if __name__ == "__main__":
    strikes, volatilities, prices = main()
