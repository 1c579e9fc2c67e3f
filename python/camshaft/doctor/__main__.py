"""``python -m camshaft.doctor``: what `ipcluster doctor` runs. Exit status 1 when something is wrong."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from .examination import examine


def _say(state: str, side: str, check: str, text: str) -> None:
    print(f"{state:<6} {side}, {check}: {text}", flush=True)


def _together(sides: list[str]) -> str:
    """Name many engines in a few words: 'engines 0, 1, 2', or '100 engines, from 0 to 99'."""
    numbers = [side.split()[1] for side in sides]
    if len(numbers) <= 8:
        return f"engines {', '.join(numbers)}"
    return f"{len(numbers)} engines, from {numbers[0]} to {numbers[-1]}"


def main(argv: list[str] | None = None) -> int:
    """Print the findings as they come, or all as JSON; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m camshaft.doctor", allow_abbrev=False)
    parser.add_argument("--profile-dir", required=True)
    parser.add_argument("--cluster-id", default="")
    parser.add_argument("--controller", type=json.loads, required=True, help="JSON: ip, location, ports, ...")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    found = []
    alike: dict[tuple[str, str, str], list[str]] = {}  # what engines have in common is said once
    quiet = options.json
    progress = (lambda line: None) if quiet else lambda line: print(f"...    {line}", file=sys.stderr, flush=True)
    for finding in examine(options.profile_dir, options.cluster_id, options.controller, progress):
        found.append(finding)
        if options.json:
            continue
        if finding.side.startswith("engine "):
            alike.setdefault((finding.state, finding.check, finding.text), []).append(finding.side)
        else:
            _say(finding.state, finding.side, finding.check, finding.text)
    for (state, check, text), sides in alike.items():
        _say(state, sides[0] if len(sides) == 1 else _together(sides), check, text)
    wrong = sum(finding.state == "wrong" for finding in found)
    if options.json:
        print(json.dumps([asdict(finding) for finding in found], indent=2))
    else:
        print("nothing is wrong" if wrong == 0 else f"{wrong} of {len(found)} findings say that something is wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
