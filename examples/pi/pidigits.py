"""Counts digits and pairs of digits of pi, and draws the counts.

Try it in IPython: ``%run pidigits.py`` puts these functions into your session.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D

Digits = Iterable[str]  # one character at a time


def txt_file_to_digits(filename: str | PathLike[str]) -> Iterator[str]:
    """Yield the digits of a text file one by one, as strings; blanks and line ends are left out."""
    with open(filename, encoding="ascii") as file:
        for line in file:
            yield from "".join(line.split())


def txt_files_to_digits(filenames: Iterable[str | PathLike[str]]) -> Iterator[str]:
    """Yield the digits of several files, one file after the other."""
    return chain.from_iterable(map(txt_file_to_digits, filenames))


def one_digit_freqs(digits: Digits, normalize: bool = False) -> np.ndarray:
    """Return how often 0, 1, ... 9 occur: 10 integers, or 10 fractions that add up to 1 with ``normalize``."""
    counts = [0] * 10
    for digit in digits:
        counts[int(digit)] += 1
    return _as_array(counts, normalize)


def two_digit_freqs(digits: Digits, normalize: bool = False) -> np.ndarray:
    """Return how often 00, 01, ... 99 occur, overlapping pairs included ("123" has 12 and 23): 100 integers."""
    counts = [0] * 100
    remaining = iter(digits)
    last = int(next(remaining, "0"))
    for digit in remaining:
        new = int(digit)
        counts[10 * last + new] += 1
        last = new
    return _as_array(counts, normalize)


def compute_one_digit_freqs(filename: str | PathLike[str]) -> np.ndarray:
    """Return the 10 counts of single digits in one file."""
    return one_digit_freqs(txt_file_to_digits(filename))


def compute_two_digit_freqs(filename: str | PathLike[str]) -> np.ndarray:
    """Return the 100 counts of digit pairs in one file. The file is streamed: memory does not grow with its size."""
    return two_digit_freqs(txt_file_to_digits(filename))


def reduce_freqs(freqlist: Iterable[np.ndarray]) -> np.ndarray:
    """Return the element-wise sum of arrays of counts: a list, or the result of a parallel map, finished or not."""
    arrays = iter(freqlist)
    total = np.array(next(arrays))  # a copy: what engines send back is read-only
    for freqs in arrays:
        total += freqs
    return total


def plot_one_digit_freqs(freqs: np.ndarray) -> list[Line2D]:
    """Draw 10 counts as a line with markers on the current axes, with the count expected by chance as a band."""
    import matplotlib.pyplot as plt

    ax = plt.gca()
    total = freqs.sum()
    expected, spread = total / 10, np.sqrt(total * 0.09)
    ax.axhspan(expected - spread, expected + spread, color="0.92", label="chance, ± one standard deviation")
    ax.axhline(expected, color="0.6", linewidth=1)
    lines = ax.plot(np.arange(10), freqs, "o-", color="#1f5f99", markersize=8, label="counted")
    ax.set_xticks(np.arange(10))
    ax.set_xlabel("digit")
    ax.set_ylabel("occurrences")
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_title(f"Digits of $\\pi$: the first {total:,} decimals")
    ax.legend(frameon=False)
    return lines


def plot_two_digit_freqs(freqs: np.ndarray) -> AxesImage:
    """Draw 100 counts as a 10x10 matrix on the current axes: row = first digit, column = second digit.

    Each cell shows its pair and, below, by how many standard deviations its count is off what chance would give.
    Returns the image; set a title of your own with ``plt.title``.
    """
    import matplotlib.pyplot as plt

    ax = plt.gca()
    total = freqs.sum()
    expected, spread = total / 100, np.sqrt(total * 0.0099)
    reach = np.abs(freqs - expected).max() or 1
    image = ax.imshow(freqs.reshape(10, 10), cmap="RdBu_r", vmin=expected - reach, vmax=expected + reach)
    for pair, count in enumerate(freqs):
        row, column = divmod(pair, 10)
        ink = "white" if abs(count - expected) > 0.6 * reach else "0.15"
        ax.text(column, row - 0.13, f"{pair:02d}", ha="center", va="center", fontsize=12, weight="bold", color=ink)
        off = f"{(count - expected) / spread:+z.1f}".replace("-", "\N{MINUS SIGN}")
        ax.text(column, row + 0.25, off, ha="center", va="center", fontsize=7.5, color=ink)
    ax.set_xticks(np.arange(10))
    ax.set_yticks(np.arange(10))
    ax.set_xticks(np.arange(-0.5, 10), minor=True)
    ax.set_yticks(np.arange(-0.5, 10), minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("second digit (small figures: standard deviations from chance)", labelpad=8)
    ax.set_ylabel("first digit", labelpad=8)
    ax.set_title(f"Pairs of digits of $\\pi$: {total:,} pairs")
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.9, pad=0.03, format="{x:,.0f}")
    bar.set_label("occurrences", labelpad=10)
    bar.outline.set_visible(False)
    return image


def _as_array(counts: list[int], normalize: bool) -> np.ndarray:
    freqs = np.array(counts)
    return freqs / freqs.sum() if normalize else freqs
