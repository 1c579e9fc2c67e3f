"""``python -m camshaft.doctor``: what `ipcluster doctor` runs. Exit status 1 when something is wrong."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from .examination import examine


def main(argv: list[str] | None = None) -> int:
    """Print the findings as they come, or all as JSON; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m camshaft.doctor", allow_abbrev=False)
    parser.add_argument("--profile-dir", required=True)
    parser.add_argument("--cluster-id", default="")
    parser.add_argument("--controller", type=json.loads, required=True, help="JSON: ip, location, ports, version")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    found = []
    for finding in examine(options.profile_dir, options.cluster_id, options.controller):
        found.append(finding)
        if not options.json:
            print(f"{finding.state:<6} {finding.side}, {finding.check}: {finding.text}", flush=True)
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
