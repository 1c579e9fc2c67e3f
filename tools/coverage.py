"""Writes docs/coverage.md: every feature of the seed documents, and the test that shows it.

The features are in tests/seeds/rows.toml. A test belongs to a row when its name carries the row's id
(`test_S4_12_...`, or `TEST(Scheduler, S1_28_...)` in C++; one name may carry several ids). A row without a test says
why in the data file: `none` (documentation, outside of the project, or served elsewhere) or `open` (what is missing).

    python tools/coverage.py          # write the page
    python tools/coverage.py --check  # exit status 1 when the page is stale or a row has neither test nor reason
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import tomllib

ROOT = Path(__file__).resolve().parents[1]
ROWS = ROOT / "tests" / "seeds" / "rows.toml"
PAGE = ROOT / "docs" / "coverage.md"

_PYTHON_TEST = re.compile(r"^\s*(?:async )?def (test_\w*[Ss]\d_\d+\w*)\(", re.MULTILINE)
_CPP_TEST = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w*S\d_\d+\w*)\s*\)", re.MULTILINE)
_ID = re.compile(r"(?:(?<=_)|^)[Ss](\d)_(\d+)(?=_|$)")


@dataclass
class Row:
    """One feature. `reason` is why it has no test: ("none" or "open", text), or None."""

    id: str
    feature: str
    section: str
    reason: tuple[str, str] | None = None
    tests: list[tuple[str, str]] = field(default_factory=list)
    """(file relative to the root, name of the test)."""

    @property
    def state(self) -> str:
        """'tested', 'none', 'open' or 'missing'."""
        if self.reason is not None and self.reason[0] == "open":
            return "open"
        if self.tests:
            return "tested"
        return self.reason[0] if self.reason is not None else "missing"


def read_rows(path: Path = ROWS) -> list[Row]:
    """The rows of the data file, in its order. ValueError for a row with unknown keys or two reasons."""
    rows = []
    for section, members in tomllib.loads(path.read_text(encoding="utf-8")).items():
        for number, entry in members.items():
            reasons = [(kind, entry[kind]) for kind in ("none", "open") if kind in entry]
            if set(entry) - {"feature", "none", "open"} or len(reasons) > 1 or "feature" not in entry:
                raise ValueError(f"{path.name}: {number} needs a feature, and at most one of none and open")
            rows.append(Row(number, entry["feature"], section, reasons[0] if reasons else None))
    return rows


def ids_in(name: str) -> list[str]:
    """The row ids that the name of a test carries: ['S0-41', 'S0-42'] for test_S0_41_S0_42_gather."""
    return [f"S{a}-{b}" for a, b in _ID.findall(name)]


def tests_in(root: Path) -> Iterator[tuple[str, str]]:
    """(file, name) of all tests below `root` whose names carry ids."""
    for path in sorted((root / "tests").rglob("test_*.py")):
        for name in _PYTHON_TEST.findall(path.read_text(encoding="utf-8")):
            yield str(path.relative_to(root)), name
    for path in sorted((root / "src").rglob("*_test.cpp")):
        for suite, name in _CPP_TEST.findall(path.read_text(encoding="utf-8")):
            yield str(path.relative_to(root)), f"{suite}_{name}"


def collect(root: Path = ROOT) -> list[Row]:
    """The rows with their tests. ValueError when a test names a row that does not exist."""
    rows = read_rows(root / ROWS.relative_to(ROOT))
    by_id = {row.id: row for row in rows}
    for file, name in tests_in(root):
        for number in ids_in(name):
            if number not in by_id:
                raise ValueError(f"{file}: {name} names {number}, which is no row of {ROWS.name}")
            by_id[number].tests.append((file, name))
    return rows


def page(rows: list[Row]) -> str:
    """The text of docs/coverage.md."""
    count = {state: sum(row.state == state for row in rows) for state in ("tested", "none", "open", "missing")}
    lines = [
        "# The seeds, feature by feature",
        "",
        "Camshaft re-makes the system that five documents of 2008 to 2018 describe. This page lists each feature of",
        "them, with the tests that show it. It is written by `tools/coverage.py` from `tests/seeds/rows.toml`",
        "and the names of the tests; do not edit it.",
        "",
        f"**{len(rows)} features: {count['tested']} tested, {count['none']} need no test, {count['open']} open.**",
        "",
        "*Open* rows say what is missing; rows that need no test say why.",
    ]
    section = None
    for row in rows:
        if row.section != section:
            section = row.section
            lines += ["", f"## {section}", "| row | feature | test, or why there is none |", "|---|---|---|"]
        lines.append(f"| {row.id} | {_cell(row.feature)} | {_proof(row)} |")
    return "\n".join(lines) + "\n"


def _proof(row: Row) -> str:
    if row.state in ("open", "none", "missing"):
        kind, text = row.reason or ("missing", "neither test nor reason")
        text = text if kind == "none" else f"**{kind}**: {text}"
        return _cell(text)
    return _names(row)


def _names(row: Row) -> str:
    """Links to the row's tests: those of the seeds, if there are any, so that the page does not change with others."""
    chosen = [test for test in row.tests if test[0].startswith("tests/seeds/")] or row.tests
    shown = [f"[{name.removeprefix('test_')}](../{file})" for file, name in chosen[:3]]
    return ", ".join([*shown, *([f"and {len(chosen) - 3} more"] if len(chosen) > 3 else [])])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description="Write docs/coverage.md from the rows and the names of the tests.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit status 1 when something is wrong")
    check = parser.parse_args().check
    rows = collect()
    text = page(rows)
    missing = [row.id for row in rows if row.state == "missing"]
    if check:
        stale = not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text
        if missing or stale:
            problems = [f"rows with neither test nor reason: {', '.join(missing)}"] if missing else []
            problems += ["docs/coverage.md is stale: run tools/coverage.py"] if stale else []
            sys.exit("coverage: " + "; ".join(problems))
        return
    PAGE.write_text(text, encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {len(rows)} rows, {len(missing)} with neither test nor reason")


if __name__ == "__main__":
    main()
