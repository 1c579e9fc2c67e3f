"""Prices European and Asian options by simulating many paths of a stock price.

A European option pays by the price on the last day, an Asian option by the mean of the daily prices. The right to buy
at the strike price is a call, the right to sell is a put.
"""

from __future__ import annotations

from math import erf, exp, log, sqrt

import numpy as np

DAYS_PER_YEAR = 260  # trading days


def price_options(
    S: float = 100.0,
    K: float = 100.0,
    sigma: float = 0.25,
    r: float = 0.05,
    days: int = 260,
    paths: int = 10000,
    seed: int | None = None,
) -> tuple[float, float, float, float]:
    """Return Monte Carlo prices of a European call, European put, Asian call and Asian put.

    ``S`` is the stock price today, ``K`` the strike price, ``sigma`` the volatility and ``r`` the interest rate (both a
    year), ``days`` the trading days until the options expire (260 a year). The same ``seed`` gives the same prices.

    Half of the ``paths`` mirror the other half: where one goes up, its twin goes down by the same random number
    (antithetic variates). Memory is a few numbers a path, whatever the number of days. The error of a price shrinks
    with the square root of ``paths``.

    Raises ValueError when ``days`` < 1 or ``paths`` is not a positive even number.
    """
    if days < 1:
        raise ValueError(f"the options must run for at least 1 day, not {days}")
    if paths < 2 or paths % 2:
        raise ValueError(f"paths must be an even number, 2 or more, not {paths}")
    rng = np.random.default_rng(seed)
    dt = 1 / DAYS_PER_YEAR
    drift = exp((r - sigma**2 / 2) * dt)
    jump = np.empty(paths // 2)
    price = np.full((2, paths // 2), float(S))  # paths and their twins
    total = np.zeros_like(price)
    for _ in range(days):
        rng.standard_normal(out=jump)
        jump *= sigma * sqrt(dt)
        np.exp(jump, out=jump)
        price *= drift
        price[0] *= jump
        price[1] /= jump
        total += price
    mean = total / days
    discount = exp(-r * days * dt)
    payoffs = (price - K, K - price, mean - K, K - mean)
    ecall, eput, acall, aput = (discount * float(np.maximum(p, 0, out=p).mean()) for p in payoffs)
    return ecall, eput, acall, aput


def black_scholes(S: float, K: float, sigma: float, r: float, T: float) -> tuple[float, float]:
    """Return the exact prices of a European call and put that expire in ``T`` years (Black and Scholes, 1973)."""
    d1 = (log(S / K) + (r + sigma**2 / 2) * T) / (sigma * sqrt(T))
    d2 = d1 - sigma * sqrt(T)
    call = S * _normal_cdf(d1) - K * exp(-r * T) * _normal_cdf(d2)
    return call, call - S + K * exp(-r * T)


def _normal_cdf(x: float) -> float:
    return (1 + erf(x / sqrt(2))) / 2
