"""From `kill -9` of the controller to all engines back: seconds from the start of the next one, by cluster size."""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import camshaft
import systems


def measure(binaries: Path, engines: int, rounds: int) -> list[float]:
    """Seconds until a client that was there all the time has an answer from each engine, in each of `rounds`."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        file = directory / "security" / "ipcontroller-client.json"
        first = systems.controller("camshaft", binaries, directory, "--reuse")
        controller: Any = first.__enter__()
        try:
            with systems.engines("camshaft", binaries, directory, engines), camshaft.Client(str(file)) as rc:
                rc.wait_for_engines(engines, timeout=120)
                rc[:].apply_sync(abs, -1)
                for _ in range(rounds):
                    controller.kill()
                    controller.wait()
                    began = time.perf_counter()
                    first = systems.controller("camshaft", binaries, directory, "--reuse")
                    controller = first.__enter__()
                    asked = rc[list(range(engines))] if len(rc) == engines else None
                    while asked is None:
                        time.sleep(0.001)
                        asked = rc[list(range(engines))] if len(rc) == engines else None
                    asked.apply_sync(abs, -1)
                    found.append(time.perf_counter() - began)
        finally:
            first.__exit__(None, None, None)
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--binaries", type=Path, default=Path(__file__).resolve().parent.parent / "build" / "dev" / "bin"
    )
    parser.add_argument("--engines", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    for engines in given.engines:
        seconds = measure(given.binaries, engines, given.rounds)
        print(
            f"{engines:4d} engines back after {statistics.median(seconds):.3f} s "
            f"(of {given.rounds}: {min(seconds):.3f} to {max(seconds):.3f})"
        )


if __name__ == "__main__":
    main()
