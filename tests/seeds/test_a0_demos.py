"""The demos of 2011: digits of pi and prices of options, on four engines."""

from __future__ import annotations

import os
import runpy
import site
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import camshaft as ipp
import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FILES, DIGITS = 15, 15_000


@pytest.fixture(scope="module", autouse=True)
def examples_on_path() -> Iterator[None]:
    folders = [str(EXAMPLES / "pi"), str(EXAMPLES / "options")]
    sys.path[:0] = folders
    yield
    for folder in folders:
        sys.path.remove(folder)


@pytest.fixture(scope="module")
def pidigits() -> ModuleType:
    import pidigits

    return pidigits


@pytest.fixture(scope="module")
def pi_files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    import pidata

    return [str(path) for path in pidata.pi_files(DIGITS, FILES, tmp_path_factory.mktemp("pi"))]


@pytest.fixture
def with_pidigits(rc: ipp.Client) -> ipp.Client:
    """A client whose engines can import the demo."""
    rc[:].apply_sync(site.addsitedir, str(EXAMPLES / "pi"))
    return rc


def test_S0_2_running_the_helper_gives_its_functions() -> None:
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    shell.run_line_magic("run", str(EXAMPLES / "pi" / "pidigits.py"))
    assert callable(shell.user_ns["one_digit_freqs"])
    assert callable(runpy.run_path(str(EXAMPLES / "pi" / "pidigits.py"))["reduce_freqs"])


def test_S0_3_S0_4_one_digit_frequencies_of_ten_thousand(pidigits: ModuleType) -> None:
    from pidata import pi_decimals

    digits = pi_decimals(10_000)
    assert digits[:40] == "1415926535897932384626433832795028841971"
    freqs = pidigits.one_digit_freqs(iter(digits))
    assert len(freqs) == 10 and freqs.sum() == 10_000
    assert abs(freqs - 1000).max() < 150 and freqs.std() > 5


def test_S0_5_S0_10_plots_return_what_they_drew(pidigits: ModuleType) -> None:
    import matplotlib.pyplot as plt

    lines = pidigits.plot_one_digit_freqs(np.arange(10))
    assert isinstance(lines, list) and list(lines[0].get_ydata()) == list(range(10))
    assert lines[0].get_marker() not in ("", "None")
    plt.figure()
    image = pidigits.plot_two_digit_freqs(np.arange(100))
    assert image.get_array().shape == (10, 10) and image.colorbar is not None
    assert {text.get_text() for text in image.axes.texts} >= {"00", "41", "99"}
    plt.title("150m digits of pi")
    plt.close("all")


def test_S0_6_fifteen_files_with_the_names_of_the_study(pi_files: list[str]) -> None:
    assert [Path(name).name for name in pi_files] == [f"pi200m.ascii.{i:02d}of20" for i in range(1, 16)]


def test_S0_7_engines_fetch_what_they_do_not_have(
    with_pidigits: ipp.Client, pi_files: list[str], tmp_path: Path
) -> None:
    import pidata

    dv = with_pidigits[:]
    before = dv.apply_sync(os.getcwd)[0]
    dv.apply_sync(os.chdir, str(tmp_path))
    dv.execute(f"import os; os.environ['XDG_CACHE_HOME'] = {str(tmp_path / 'cache')!r}", block=True)
    names = [Path(name).name for name in pi_files]
    try:
        sizes = dv.map_sync(pidata.fetch_pi_file, names, [1000] * FILES)
        assert sizes == [Path(name).stat().st_size for name in pi_files]
        stamps = [(tmp_path / name).stat().st_mtime_ns for name in names]
        assert dv.map_sync(pidata.fetch_pi_file, names, [1000] * FILES) == sizes
        assert [(tmp_path / name).stat().st_mtime_ns for name in names] == stamps  # not fetched again
        with pytest.raises(ipp.RemoteError, match="none of the 15 files"):
            with_pidigits[0].apply_sync(pidata.fetch_pi_file, "other.txt", 1000)
    finally:
        dv.apply_sync(os.chdir, before)
    assert [Path(tmp_path / name).read_text() for name in names] == [Path(name).read_text() for name in pi_files]


def test_S0_8_S0_9_S0_14_pairs_of_digits_line_by_line(
    with_pidigits: ipp.Client, pidigits: ModuleType, pi_files: list[str]
) -> None:
    v = with_pidigits.load_balanced_view()
    freqs_all = v.map(pidigits.compute_two_digit_freqs, pi_files)
    freqs = pidigits.reduce_freqs(freqs_all)  # an unfinished map result, iterated
    assert len(freqs) == 100 and freqs.sum() == DIGITS - FILES
    assert freqs_all[0].sum() == DIGITS // FILES - 1  # and indexed
    assert list(pidigits.reduce_freqs(freqs_all.get())) == list(freqs)
    assert list(freqs) == list(pidigits.reduce_freqs(list(map(pidigits.compute_two_digit_freqs, pi_files))))


def test_S0_12_S0_13_parallelpi_reports_its_speedup(seed_cluster, tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "pi" / "parallelpi.py"), f"--profile-dir={seed_cluster.profile_dir}"]
    environment = {**seed_cluster.processes.env, "XDG_CACHE_HOME": str(tmp_path), "MPLBACKEND": "Agg"}
    done = subprocess.run(
        [*command, "--digits=150000", f"--output={tmp_path}"],
        env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "digits/s on 4 engines" in done.stdout and "Speedup:" in done.stdout
    assert (tmp_path / "pi-pairs.png").stat().st_size > 10_000


def test_S0_15_relative_fluctuation_falls_with_the_number_of_digits(pidigits: ModuleType) -> None:
    from pidata import MILLION_COUNTS, pi_decimals

    many, few = np.array(MILLION_COUNTS), pidigits.one_digit_freqs(pi_decimals(10_000))
    assert many.std() / many.mean() < few.std() / few.mean() / 3
    pairs = pidigits.two_digit_freqs(pi_decimals(200_000))
    assert pairs.argmax() != pairs.argmin() and pairs.std() / pairs.mean() < 0.05


def test_S0_16_four_prices(rc: ipp.Client) -> None:
    from mcpricer import price_options

    ecall, eput, acall, aput = price_options(S=100, K=100, sigma=0.25, r=0.05, days=260, paths=2000, seed=1)
    assert 10 < ecall < 15 and 5 < eput < 10 and acall < ecall and aput < eput


def test_S0_17_S0_18_driver_of_the_options_study(seed_cluster, tmp_path: Path) -> None:
    import mcdriver

    assert [len(axis) for axis in mcdriver.grid()] == [10, 10]
    command = [sys.executable, "-i", str(EXAMPLES / "options" / "mcdriver.py")]
    after = "print(sorted(prices), prices['acall'].shape); plot_options(volatilities, strikes, prices['acall'])\n"
    done = subprocess.run(
        [*command, f"--profile-dir={seed_cluster.profile_dir}", "--grid=3", "--paths=200", f"--output={tmp_path}"],
        env={**seed_cluster.processes.env, "MPLBACKEND": "Agg"},
        input=after, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Submitted tasks: [0, 1, 2" in done.stdout
    assert "['acall', 'aput', 'ecall', 'eput'] (3, 3)" in done.stdout and "Traceback" not in done.stderr
