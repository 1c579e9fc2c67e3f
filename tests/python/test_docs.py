"""What the documents say is checked: Python blocks run and print what they claim, and links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from shell_cluster import PATIENCE, environment_in, shell_cluster

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "adr").glob("*.md"))
    if not path.is_symlink()
)
BEFORE = {
    "docs/tour.md": "import camshaft\nrc = camshaft.Client()\n",
    "docs/operations-recovery.md": (
        "import camshaft\n"
        "night = camshaft.Cluster(n=2, cluster_id='night', progress=False)\n"
        "rc = night.start_and_connect_sync()\n"
        "view, simulate = rc.load_balanced_view(), abs\n"
    ),
    "docs/operations-databases.md": "",
    "docs/reference/schemes.md": "",
    "docs/operations/launchers/batch.md": "",
    "docs/operations/launchers/generic.md": "",
    "docs/operations/launchers/others.md": "",
    "docs/operations/launchers/ssh.md": "from traitlets.config import Config as get_config\n",
}
"""Pages beside README and tutorials whose blocks run, and what their text takes for granted."""
ELSEWHERE = {"docs/operations/launchers/mpi.md": "runs with a real mpiexec: tests/launchers/test_mpi.py"}
"""Pages whose blocks need what not every machine has."""
RUNNABLE = [page for page in PAGES if page.name == "README.md" and page.parent == ROOT or "tutorials" in page.parts]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def python_blocks(page: Path) -> list[tuple[str, str | None]]:
    """Return the Python blocks of a page, each with the text block right below it (what it prints) or None."""
    blocks = [(match[1], match[2], match.start(), match.end()) for match in BLOCK.finditer(page.read_text())]
    found: list[tuple[str, str | None]] = []
    for index, (language, body, _, end) in enumerate(blocks):
        if language != "python":
            continue
        follows = index + 1 < len(blocks) and blocks[index + 1][0] == "text" and blocks[index + 1][2] == end + 1
        found.append((body, blocks[index + 1][1] if follows else None))
    return found


def run_blocks(page: Path, environment: dict[str, str], folder: Path) -> None:
    """Run a page's blocks as one script; compare what each prints with what the page says."""
    mark = "=== end of block ==="
    blocks = python_blocks(page)
    script = folder / "page.py"
    script.write_text(
        BEFORE.get(name(page), "") + "".join(f"{body}\nprint({mark!r}, flush=True)\n" for body, _ in blocks)
    )
    result = subprocess.run(
        [sys.executable, script], env=environment, cwd=folder, capture_output=True, text=True, timeout=PATIENCE
    )
    assert result.returncode == 0, f"{name(page)}:\n{result.stdout}\n{result.stderr}"
    printed = result.stdout.split(mark + "\n")
    for (body, expected), output in zip(blocks, printed, strict=False):
        assert expected is None or output == expected, f"{name(page)}, after\n{body}"


@pytest.mark.parametrize("page", RUNNABLE, ids=name)
def test_python_blocks(page: Path, tmp_path: Path) -> None:
    assert python_blocks(page), "a page that should show how to use Camshaft shows no Python"
    if "tutorials" in page.parts:
        with shell_cluster(tmp_path, n=2) as environment:
            run_blocks(page, environment, tmp_path)
    else:  # the README starts a cluster of its own
        run_blocks(page, environment_in(tmp_path), tmp_path)


@pytest.mark.parametrize("page", sorted(BEFORE))
def test_python_blocks_of_other_pages(page: str, tmp_path: Path) -> None:
    needs_cluster = "Client()" in BEFORE[page]
    with shell_cluster(tmp_path, n=2) if needs_cluster else nullcontext(environment_in(tmp_path)) as environment:
        run_blocks(ROOT / page, environment, tmp_path)


def test_every_page_with_python_runs() -> None:
    with_python = {name(page) for page in PAGES if python_blocks(page)}
    assert with_python == {*map(name, RUNNABLE), *BEFORE, *ELSEWHERE}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_python_blocks_compile(page: Path) -> None:
    for body, _ in python_blocks(page):
        compile(body, name(page), "exec")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    prose = INLINE_CODE.sub("", BLOCK.sub("", page.read_text()))
    links = [link for link in LINK.findall(prose) if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in links if not (page.parent / link).exists()] == []


# A path in a document is promised to exist when it has a folder of ours in front and is set as code.
CODE_PATH = re.compile(r"`((?:src|python|tests|tools|examples|docs|adr|bench|cmake)/[\w./-]+)`")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_are_named_exist(page: Path) -> None:
    assert [path for path in CODE_PATH.findall(page.read_text()) if not (ROOT / path).exists()] == []


def test_the_error_texts_that_pages_explain_exist() -> None:
    """Each quoted line of "Why did my engines not come?" is one that the sources print, in the same words."""
    sources = [*(ROOT / "src").rglob("*.cpp"), *(ROOT / "python").rglob("*.py")]
    # Adjacent literals are one text; placeholders differ.
    code = "".join(re.sub(r'"\s*\n\s*f?"', "", source.read_text()) for source in sources)
    page = (ROOT / "docs" / "operations-engines.md").read_text()
    lines = re.findall(r"^\| `([^`]+)`", page, re.MULTILINE)
    assert len(lines) > 10
    for line in lines:
        for piece in re.split(r"…|tcp://127.0.0.1:", line):
            words = piece.strip(" ():;,.'=")
            assert words in code or len(words) < 4, f"{words!r} of {line!r} is printed nowhere"
