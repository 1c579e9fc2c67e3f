"""Counts pairs of digits in the decimals of pi: on one processor, then on all engines of a cluster.

By hand, against any running cluster:

    ipcluster start -n 4 &
    python parallelpi.py                       # 15 files of a million digits
    python parallelpi.py --digits 150000000    # the full study: 15 files of ten million digits
"""

from __future__ import annotations

import argparse
import site
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pidata
from pidigits import (
    compute_two_digit_freqs,
    one_digit_freqs,
    plot_one_digit_freqs,
    plot_two_digit_freqs,
    reduce_freqs,
    txt_files_to_digits,
)


def study(rc: Any, digits: int, files: int, output: Path) -> tuple[float, float]:
    """Do the study with the engines of client ``rc``; print and plot it; return seconds (serial, parallel)."""
    start = time.perf_counter()
    names = [str(path) for path in pidata.pi_files(digits, files)]
    print(f"{digits:,} digits of pi in {files} files (ready in {time.perf_counter() - start:.1f} s)")
    check_first_million(names, digits)

    # Engines on this computer read the files where they are. They import pidigits from this folder, now, so that the
    # clock below does not count it.
    rc[:].apply_sync(site.addsitedir, str(Path(__file__).resolve().parent))
    rc[:].apply_sync(one_digit_freqs, "3")

    start = time.perf_counter()
    serial_freqs = reduce_freqs([compute_two_digit_freqs(name) for name in names])
    serial = time.perf_counter() - start

    view = rc.load_balanced_view()
    start = time.perf_counter()
    freqs = reduce_freqs(view.map(compute_two_digit_freqs, names))
    parallel = time.perf_counter() - start

    if not np.array_equal(freqs, serial_freqs):
        raise RuntimeError("the engines counted other pairs than this process")
    print(f"serial:   {serial:6.2f} s, {digits / serial:12,.0f} digits/s")
    print(f"parallel: {parallel:6.2f} s, {digits / parallel:12,.0f} digits/s on {len(rc.ids)} engines")
    print(f"Speedup:  {serial / parallel:6.2f}")
    ranking = [f"{pair:02d}" for pair in np.argsort(freqs)]
    print(f"most frequent pairs: {', '.join(ranking[:-4:-1])}; least frequent: {', '.join(ranking[:3])}")
    plot(freqs, names, digits, output)
    return serial, parallel


def check_first_million(names: Sequence[str], digits: int) -> None:
    """Compare the first million digits with published facts. Raises RuntimeError when the files are wrong."""
    million = 1_000_000
    if digits < million:
        return
    decimals = "".join(islice(txt_files_to_digits(names), million))
    counts = tuple(int(n) for n in one_digit_freqs(decimals))
    if (
        counts != pidata.MILLION_COUNTS
        or not decimals.startswith(pidata.FIRST_DIGITS)
        or not decimals.endswith(pidata.MILLIONTH_DIGITS)
    ):
        raise RuntimeError(f"the files in {Path(names[0]).parent} do not hold pi: remove that folder and try again")
    print("the first million digits agree with published counts, first and last digits")


def plot(freqs: np.ndarray, names: Sequence[str], digits: int, output: Path) -> None:
    """Write pi-pairs.png and pi-digits.png (the first 10,000 digits) into ``output``."""
    import matplotlib.pyplot as plt

    output.mkdir(parents=True, exist_ok=True)
    few = min(digits, 10_000)
    pairs = plt.figure(figsize=(9.8, 8.4), layout="constrained")
    plot_two_digit_freqs(freqs)
    plt.title(f"Pairs of digits among the first {digits:,} decimals of $\\pi$", pad=12)
    pairs.savefig(output / "pi-pairs.png", dpi=130)
    singles = plt.figure(figsize=(8, 4.5), layout="constrained")
    plot_one_digit_freqs(one_digit_freqs(islice(txt_files_to_digits(names), few)))
    singles.savefig(output / "pi-digits.png", dpi=130)
    if not plt.isinteractive():
        plt.close(pairs)
        plt.close(singles)
    print(f"plots: {output / 'pi-pairs.png'}, {output / 'pi-digits.png'}")


def main() -> None:
    """Read the command line, connect and do the study."""
    parser = argparse.ArgumentParser(description="Count pairs of digits of pi, serially and in parallel.")
    parser.add_argument("--profile", help="profile of the running cluster (default: 'default')")
    parser.add_argument("--profile-dir", help="profile directory, instead of --profile")
    parser.add_argument("--cluster-id", help="which cluster of the profile")
    parser.add_argument("--digits", type=int, default=15_000_000, help="digits in all files together")
    parser.add_argument("--files", type=int, default=15)
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the plots (default: here)")
    options = vars(parser.parse_args())
    where = {key: options[key] for key in ("profile", "profile_dir", "cluster_id") if options[key]}

    import camshaft as ipp

    try:
        with ipp.Client(**where) as rc:
            rc.wait_for_engines(1, timeout=30)
            study(rc, options["digits"], options["files"], options["output"])
    except (ValueError, RuntimeError, OSError, TimeoutError) as error:
        sys.exit(f"parallelpi: {error}")


if __name__ == "__main__":
    main()
