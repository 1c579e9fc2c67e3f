"""The demos as users run them: scripts against a cluster that was started in a shell, and all of `make demo`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from shell_cluster import PATIENCE, ROOT, environment_in, shell_cluster

EXAMPLES = ROOT / "examples"


def run(script: Path, *arguments: str, environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, script, *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_scripts_against_a_running_cluster(tmp_path: Path) -> None:
    with shell_cluster(tmp_path) as environment:
        pi = run(
            EXAMPLES / "pi" / "parallelpi.py", "--digits=30000", "--profile=default", "--output=plots",
            environment=environment, folder=tmp_path,
        )  # fmt: skip
        assert pi.returncode == 0, pi.stderr
        assert re.search(r"^parallel: .* digits/s on [12] engines$", pi.stdout, re.MULTILINE)
        assert re.search(r"^Speedup: +\d+\.\d\d$", pi.stdout, re.MULTILINE)
        options = run(
            EXAMPLES / "options" / "mcdriver.py", "--grid=3", "--paths=200", "--output=plots",
            environment=environment, folder=tmp_path,
        )  # fmt: skip
        assert options.returncode == 0, options.stderr
        assert "Submitted tasks: [0, 1, 2, 3, 4, 5, 6, 7, 8]\n" in options.stdout
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {
        *("pi-pairs.png", "pi-digits.png", "options.png"),
        *(f"options-{kind}.png" for kind in ("ecall", "eput", "acall", "aput")),
    }


def test_whole_demo(tmp_path: Path) -> None:
    demo = run(
        EXAMPLES / "demo.py", "--engines=2", "--digits=30000", "--paths=20", "--output=plots",
        environment=environment_in(tmp_path), folder=tmp_path,
    )  # fmt: skip
    assert demo.returncode == 0, demo.stderr
    table = demo.stdout.splitlines()[-4:]
    assert table[0].split()[:3] == ["serial", "parallel", "speed-up"]
    assert table[1].startswith("digits of pi ") and table[2].startswith("prices of options ")
    assert len(list((tmp_path / "plots").glob("*.png"))) == 7
    assert list((tmp_path / "ipython" / "profile_default" / "security").glob("*.json")) == []  # it is all stopped


@pytest.mark.parametrize("script", ["pi/parallelpi.py", "options/mcdriver.py", "demo.py"])
def test_help(script: str, tmp_path: Path) -> None:
    result = run(EXAMPLES / script, "--help", environment=environment_in(tmp_path), folder=tmp_path)
    assert result.returncode == 0 and "--output" in result.stdout


def test_no_cluster_gives_one_clear_line(tmp_path: Path) -> None:
    missing = tmp_path / "no" / "profile"
    script = EXAMPLES / "pi" / "parallelpi.py"
    result = run(script, f"--profile-dir={missing}", environment=environment_in(tmp_path), folder=tmp_path)
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith("parallelpi: ") and str(missing) in last and "Traceback" not in result.stderr


def test_demo_says_what_digits_it_can_do(tmp_path: Path) -> None:
    result = run(EXAMPLES / "demo.py", "--digits=100", environment=environment_in(tmp_path), folder=tmp_path)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("demo: 100 digits cannot be split evenly into 15 files")
