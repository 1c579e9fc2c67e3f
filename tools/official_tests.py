#!/usr/bin/env python3
"""Run the original's own test modules, as they are in its wheel, against our controller and engines.

    tools/official_tests.py [module ...]

Modules are names such as `view` or `lbview`; default: all that test what a client sees. Prints one line for each module
and each test that failed, and ends with status 1 if any did that is not in KNOWN. Needs `make build`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = (
    "client",
    "view",
    "view_broadcast",
    "lbview",
    "asyncresult",
    "remotefunction",
    "dependency",
    "executor",
    "joblib",
    "magics",
    "serialize",
    "canning",
)
KNOWN = {
    "test_resubmit_inflight": "resubmit refuses what is still pending, as the manual of 2012 says",
}
"""Tests of what we do otherwise, and why."""
LIMIT = 1800
"""Seconds for one module."""


def run(module: str, folder: Path) -> tuple[dict[str, int], list[str]]:
    """Run one module in `folder`; returns {outcome: count} and a line for each test that did not pass."""
    report = folder / f"{module}.xml"
    env = {key: value for key, value in os.environ.items() if not key.startswith("IPP_")}
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT / "python"), str(ROOT / "tests")])
    env["IPYTHONDIR"] = str(folder / "ip")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "official_plugin", "-p", "no:cacheprovider"]
    command += [f"--rootdir={folder}", "-c", str(folder / "pytest.ini"), f"--junitxml={report}"]
    command += ["--pyargs", f"ipyparallel.tests.test_{module}"]
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\ntimeout = 120\n")
    with (folder / f"{module}.log").open("w") as log:
        subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=LIMIT)
    counts = {"passed": 0, "failed": 0, "known": 0, "skipped": 0}
    lines = []
    if not report.exists():
        return counts | {"failed": 1}, [f"the run itself failed: see {folder / f'{module}.log'}"]
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        trouble = case.find("failure") if case.find("failure") is not None else case.find("error")
        skipped = case.find("skipped")
        if trouble is not None and case.get("name") in KNOWN:
            counts["known"] += 1
            lines.append(f"known   {case.get('name')}: {KNOWN[str(case.get('name'))]}")
        elif trouble is not None:
            counts["failed"] += 1
            reason = (trouble.get("message") or "").strip().splitlines() or ["?"]
            lines.append(f"failed  {case.get('name')}: {reason[0][:200]}")
        elif skipped is not None:
            counts["skipped"] += 1
            lines.append(f"skipped {case.get('name')}: {(skipped.get('message') or '').splitlines()[0][:200]}")
        else:
            counts["passed"] += 1
    return counts, lines


def main(wanted: list[str]) -> int:
    """Run the modules `wanted`; returns the exit status."""
    unknown = sorted(set(wanted) - set(MODULES))
    if unknown:
        print(f"no module {', '.join(unknown)}: there are {', '.join(MODULES)}", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="official-tests-"))
    failed = 0
    for module in wanted or MODULES:
        counts, lines = run(module, folder)
        failed += counts["failed"]
        print(f"{module:16} " + ", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
        for line in lines:
            print(f"    {line}")
        sys.stdout.flush()
    print(f"logs: {folder}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
