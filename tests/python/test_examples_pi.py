"""The demo of digits of pi: the digits, their cache, the counts and the plots, without a cluster."""

from __future__ import annotations

import itertools
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "pi"

# Digit counts of the first million decimals as published; written out here so that the test does not ask the code.
MILLION_COUNTS = [99959, 99758, 100026, 100229, 100230, 100359, 99548, 99800, 99985, 100106]


@pytest.fixture(scope="module", autouse=True)
def example_on_path() -> Iterator[None]:
    """Let this module import the example as a user does who stands in its folder."""
    sys.path.insert(0, str(EXAMPLE))
    yield
    sys.path.remove(str(EXAMPLE))


@pytest.fixture(scope="module")
def pidata() -> ModuleType:
    """Return the module that computes and keeps digits."""
    import pidata

    return pidata


@pytest.fixture(scope="module")
def pidigits() -> ModuleType:
    """Return the module that counts and draws."""
    import pidigits

    return pidigits


@pytest.fixture(scope="module")
def million(pidata: ModuleType) -> str:
    """Return a million decimals."""
    return pidata.pi_decimals(1_000_000)


def test_first_fifty_and_last_ten_of_a_million(million: str) -> None:
    assert len(million) == 1_000_000
    assert million[:50] == "14159265358979323846264338327950288419716939937510"
    assert million[-10:] == "5779458151"


@pytest.mark.parametrize("digits", [1, 2, 13, 14, 15, 761, 762, 1000, 6400, 10_000])
def test_any_number_of_digits_is_a_prefix_of_more(pidata: ModuleType, million: str, digits: int) -> None:
    assert pidata.pi_decimals(digits) == million[:digits]


def test_counts_of_the_first_million(pidigits: ModuleType, million: str) -> None:
    assert pidigits.one_digit_freqs(million).tolist() == MILLION_COUNTS
    assert pidigits.one_digit_freqs(iter(million), normalize=True).sum() == pytest.approx(1)


def test_no_digits_asked() -> None:
    from pidata import pi_decimals

    with pytest.raises(ValueError, match="at least 1"):
        pi_decimals(0)


@pytest.mark.parametrize(
    "digits, files, hint", [(100, 15, "multiple of 15"), (10, 15, "evenly"), (42, 21, "1 to 20"), (5, 0, "1 to 20")]
)
def test_digits_that_do_not_fill_the_files(pidata: ModuleType, tmp_path: Path, digits: int, files: int, hint: str):
    with pytest.raises(ValueError, match=hint):
        pidata.pi_files(digits, files, tmp_path)


def test_files_have_the_names_of_the_study_and_hold_the_digits(
    pidata: ModuleType, pidigits: ModuleType, tmp_path: Path, million: str
) -> None:
    files = pidata.pi_files(15 * 250, 15, tmp_path)
    assert [file.name for file in files] == [f"pi200m.ascii.{i:02d}of20" for i in range(1, 16)]
    assert "".join(pidigits.txt_files_to_digits(files)) == million[:3750]
    assert files[0].read_text().splitlines()[0].startswith("1415926535 8979323846 ")
    assert max(len(line) for line in files[0].read_text().splitlines()) == 109


def test_cache_is_reused_and_mended(pidata: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    files = pidata.pi_files(60, 3)
    assert files[0].is_relative_to(tmp_path / "camshaft" / "pi")
    good = [file.read_text() for file in files]

    with monkeypatch.context() as patch:
        patch.setattr(pidata, "pi_decimals", lambda digits: pytest.fail("computed again"))
        assert pidata.pi_files(60, 3) == files

    files[1].write_text(good[1].replace("3", "4"))  # damaged
    pidata.pi_files(60, 3)
    assert [file.read_text() for file in files] == good

    files[2].unlink()  # lost
    pidata.pi_files(60, 3)
    assert [file.read_text() for file in files] == good

    (files[0].parent / pidata.MANIFEST).write_text("{")  # half-written by somebody else
    pidata.pi_files(60, 3)
    assert set(json.loads((files[0].parent / pidata.MANIFEST).read_text())) == {file.name for file in files}
    assert not list(files[0].parent.glob("*.part"))


def test_failed_write_leaves_nothing_behind(
    pidata: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(pidata.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        pidata.pi_files(60, 3, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_two_digit_counts_against_brute_force(pidigits: ModuleType, tmp_path: Path) -> None:
    digits = "".join(random.Random(1).choices("0123456789", k=5000))
    file = tmp_path / "digits.txt"
    file.write_text(
        "\n \n".join(" ".join(digits[i : i + 7] for i in range(j, j + 500, 7)) for j in range(0, 5000, 500))
    )
    kept = "".join(file.read_text().split())
    expected = [sum(kept.startswith(f"{pair:02d}", i) for i in range(len(kept))) for pair in range(100)]
    counts = pidigits.compute_two_digit_freqs(file)
    assert counts.tolist() == expected
    assert counts.sum() == len(kept) - 1
    assert pidigits.compute_one_digit_freqs(str(file)).tolist() == [kept.count(d) for d in "0123456789"]


@pytest.mark.parametrize("text, pairs", [("", []), ("7", []), ("77", [77]), ("0110", [1, 11, 10])])
def test_two_digit_counts_of_little(pidigits: ModuleType, text: str, pairs: list[int]) -> None:
    assert np.flatnonzero(pidigits.two_digit_freqs(text)).tolist() == sorted(pairs)


def test_reduce_takes_lists_and_iterators_and_changes_nothing(pidigits: ModuleType) -> None:
    arrays = [np.arange(100), np.ones(100, dtype=int), np.full(100, 5)]
    for array in arrays:
        array.flags.writeable = False  # as the engines' answers are
    expected = (np.arange(100) + 6).tolist()
    assert pidigits.reduce_freqs(arrays).tolist() == expected
    assert pidigits.reduce_freqs(itertools.chain(arrays)).tolist() == expected


def test_wrong_files_are_noticed(pidata: ModuleType, tmp_path: Path) -> None:
    import parallelpi

    wrong = tmp_path / "wrong"
    wrong.write_text("1234567890" * 100_000)
    with pytest.raises(RuntimeError, match="do not hold pi"):
        parallelpi.check_first_million([str(wrong)], 1_000_000)
    names = [str(file) for file in pidata.pi_files(1_000_000, 4, tmp_path)]
    parallelpi.check_first_million(names, 1_000_000)


def test_plots(pidigits: ModuleType, million: str, tmp_path: Path) -> None:
    import matplotlib.pyplot as plt
    import parallelpi

    lines = pidigits.plot_one_digit_freqs(pidigits.one_digit_freqs(million[:10_000]))
    assert lines[-1].get_ydata().tolist() == [968, 1026, 1021, 974, 1012, 1046, 1021, 970, 948, 1014]
    plt.close("all")

    file = tmp_path / "digits"
    file.write_text(million[:20_000])
    freqs = pidigits.compute_two_digit_freqs(file)
    image = pidigits.plot_two_digit_freqs(freqs)
    assert image.get_array().tolist() == freqs.reshape(10, 10).tolist()
    assert {text.get_text() for text in image.axes.texts} >= {f"{pair:02d}" for pair in range(100)}
    plt.close("all")

    parallelpi.plot(freqs, [str(file)], 20_000, tmp_path / "new" / "folder")
    for name in ("pi-pairs.png", "pi-digits.png"):
        picture = plt.imread(tmp_path / "new" / "folder" / name)
        assert picture.shape[0] > 400 and picture[..., :3].std() > 0.05
    assert plt.get_fignums() == []
