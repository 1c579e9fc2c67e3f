"""Runs both demos on a local cluster of our own: what ``make demo`` calls.

``python examples/demo.py --help`` tells how to run it with other sizes.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "pi"), str(HERE / "options")]
os.environ.setdefault("MPLBACKEND", "Agg")  # pictures go to files: no display is needed


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(engines: int, digits: int, paths: int, output: Path) -> None:
    """Start a cluster, run the demos with it, stop it, and print one table."""
    import camshaft as ipp
    import mcdriver
    import parallelpi

    start = time.perf_counter()
    with ipp.Cluster(n=engines) as rc:
        print(f"cluster: {len(rc.ids)} engines, ready in {time.perf_counter() - start:.2f} s")
        print("\n== Digits of pi ==")
        pi = parallelpi.study(rc, digits, 15, output)
        print("\n== Prices of options ==")
        options = mcdriver.study(rc, *mcdriver.grid(), paths, output)[:2]
    print(f"\n{'':20}{'serial':>10}{'parallel':>10}{'speed-up':>10}   ({engines} engines, {cores()} cores)")
    for name, (serial, parallel) in {"digits of pi": pi, "prices of options": options}.items():
        print(f"{name:20}{serial:8.2f} s{parallel:8.2f} s{serial / parallel:10.2f}")
    print(f"plots: {output}/*.png")


def main() -> int:
    """Read the command line and run; return the exit status."""
    parser = argparse.ArgumentParser(description="Run both demos on a local cluster.")
    parser.add_argument("--engines", type=int, default=max(2, cores()), help="default: one for each core, at least 2")
    parser.add_argument("--digits", type=int, default=15_000_000, help="digits of pi, in 15 files")
    parser.add_argument("--paths", type=int, default=100_000, help="paths for each pair of strike and volatility")
    parser.add_argument("--output", type=Path, default=Path("build/demo"), help="folder for the plots")
    args = parser.parse_args()
    try:
        run(args.engines, args.digits, args.paths, args.output)
    except KeyboardInterrupt:
        print("\nstopped: the cluster is down", file=sys.stderr)
        return 130
    except (ValueError, RuntimeError, OSError, TimeoutError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
