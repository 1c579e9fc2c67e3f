"""Writes docs/reference/options.md: what each program says about its options (--help-all).

python tools/command_docs.py          # write the page
python tools/command_docs.py --check  # exit status 1 when the page is stale
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "options.md"
BIN = Path(os.environ.get("CAMSHAFT_BIN", ROOT / "build" / "dev" / "bin"))
PROGRAMS = ("ipcluster", "ipcontroller", "ipengine", "iplogger")
_HEAD = """# Every option

What `--help-all` of each program says; [commands](commands.md) tells more about those that matter most. Everything with
a dot in its name can stand in [configuration files](configuration.md) as `c.Class.trait = value`. This page is written
by `tools/command_docs.py`; do not edit it.
"""


def page(binaries: Path = BIN) -> str:
    """The text of the page, by the programs in `binaries`. CalledProcessError when one of them fails."""
    parts = [_HEAD]
    for program in PROGRAMS:
        done = subprocess.run(
            [str(binaries / program), "--help-all"], capture_output=True, text=True, timeout=60, check=True
        )
        parts.append(f"\n## {program}\n```text\n{done.stdout.rstrip()}\n```\n")
    return "".join(parts)


def main(argv: list[str] | None = None) -> int:
    """Write or check the page; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(argv)
    text = page()
    if not options.check:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print(f"{PAGE.relative_to(ROOT)} is stale: run tools/command_docs.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
