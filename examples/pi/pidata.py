"""Computes the decimals of pi and keeps them in files, so that the demo runs on real digits.

The study this demo follows used files of ten million digits named ``pi200m.ascii.01of20`` and so on. The server that
gave them away is gone, so we compute the same digits (Chudnovsky's series, binary splitting, gmpy2 for the large
integers) and cache them under the same names in the user's cache folder. A run at 15 million digits takes about ten
seconds once; later runs only check the files.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import gmpy2
from gmpy2 import mpz

FILE_PATTERN = "pi200m.ascii.%(i)02dof20"
MAX_FILES = 20  # the names count to 20
MANIFEST = "manifest.json"

# Digits 1 to 50 after the point, and digits 999,991 to 1,000,000: published in many places, used to check our own.
FIRST_DIGITS = "14159265358979323846264338327950288419716939937510"
MILLIONTH_DIGITS = "5779458151"
# How often 0, 1, ... 9 occur in the first million decimals; published counts.
MILLION_COUNTS = (99959, 99758, 100026, 100229, 100230, 100359, 99548, 99800, 99985, 100106)

GUARD_DIGITS = 32
TERMS_PER_LEAF = 32
DIGITS_PER_TERM = 14.181647462725477
C3_OVER_24 = 640320**3 // 24


def pi_decimals(digits: int) -> str:
    """Return the first ``digits`` decimals of pi (without the leading "3.") as one string.

    Needs about 20 bytes of memory per digit at its peak. Raises ValueError for fewer than one digit.
    """
    if digits < 1:
        raise ValueError(f"cannot compute {digits} digits of pi: ask for at least 1")
    scale_digits = digits + GUARD_DIGITS
    terms = int(scale_digits / DIGITS_PER_TERM) + 2
    with ThreadPoolExecutor(max_workers=2) as pool:
        root = pool.submit(_scaled_root, scale_digits)
        _, q, t = _split_in_threads(0, terms, pool)
        # Q and T are exact and far longer than the answer; drop what cannot reach its last guard digit.
        spare = max(0, min(q.bit_length(), t.bit_length()) - int((scale_digits + GUARD_DIGITS) * 3.3219280948873626))
        q, t = q >> spare, t >> spare
        scaled = (q * root.result() * 426880) // t
    del q, t
    return scaled.digits(10)[1 : digits + 1]


def pi_files(digits: int, files: int = 15, folder: Path | None = None) -> list[Path]:
    """Return ``files`` text files that hold the first ``digits`` decimals of pi between them, in order.

    They are computed when ``folder`` (default: the user's cache folder) does not have them intact. Each holds the same
    number of digits, in groups of ten, a hundred to a line. Raises ValueError when the digits cannot be split evenly.
    """
    if not 1 <= files <= MAX_FILES:
        raise ValueError(f"the digits go into 1 to {MAX_FILES} files, not {files}")
    if digits < files or digits % files:
        raise ValueError(f"{digits} digits cannot be split evenly into {files} files: use a multiple of {files}")
    per_file = digits // files
    folder = (folder or cache_folder()) / f"{files}x{per_file}"
    paths = [folder / (FILE_PATTERN % {"i": i}) for i in range(1, files + 1)]
    if not _intact(folder, paths):
        decimals = pi_decimals(digits)
        if not decimals.startswith(FIRST_DIGITS[:digits]):
            raise RuntimeError("the computed digits of pi are wrong from the start: is gmpy2 in order?")
        _write_all(folder, {p.name: decimals[i * per_file : (i + 1) * per_file] for i, p in enumerate(paths)})
    return paths


def fetch_pi_file(filename: str, per_file: int = 1_000_000, files: int = 15) -> int:
    """Make sure that the file of digits ``filename`` is in the current folder; return its size in bytes.

    For engines that share no disk: each maps this over the names first, and fetches what it does not have. The digits
    are computed once for each computer (see `pi_files`). Raises ValueError for a name that is none of the ``files``.
    """
    here = Path(filename)
    if not here.exists():
        known = {path.name: path for path in pi_files(per_file * files, files)}
        if here.name not in known:
            raise ValueError(f"{filename} is none of the {files} files of digits: they are called {FILE_PATTERN}")
        _write_atomically(here, [known[here.name].read_text()])
    return here.stat().st_size


def cache_folder() -> Path:
    """Return the folder below which digit files are kept: $XDG_CACHE_HOME/camshaft/pi, by default in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "camshaft" / "pi"


def _intact(folder: Path, paths: list[Path]) -> bool:
    """Tell whether every file is there with the checksum that was noted when it was written."""
    try:
        noted = json.loads((folder / MANIFEST).read_text())
        return all(noted[path.name] == _checksum(path) for path in paths)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_all(folder: Path, contents: dict[str, str]) -> None:
    """Write the files, and last the manifest that vouches for them; each appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, decimals in contents.items():
        _write_atomically(folder / name, _lines(decimals))
    manifest = {name: _checksum(folder / name) for name in contents}
    _write_atomically(folder / MANIFEST, [json.dumps(manifest, indent=1) + "\n"])


def _write_atomically(path: Path, lines: Iterable[str]) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.writelines(lines)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _lines(decimals: str) -> Iterator[str]:
    for start in range(0, len(decimals), 100):
        line = decimals[start : start + 100]
        yield " ".join(line[i : i + 10] for i in range(0, len(line), 10)) + "\n"


def _in_context(work: Callable[..., Any], *args: Any) -> Any:
    """Call ``work(*args)`` letting other threads run while gmpy2 handles large numbers."""
    with gmpy2.context(allow_release_gil=True):
        return work(*args)


def _scaled_root(scale_digits: int) -> mpz:
    """Return floor(sqrt(10005) * 10**scale_digits)."""
    return _in_context(lambda: gmpy2.isqrt(10005 * mpz(10) ** (2 * scale_digits)))


def _split_in_threads(first: int, last: int, pool: ThreadPoolExecutor) -> tuple[mpz, mpz, mpz]:
    """Do the work of `_split` in four pieces, of which two run at a time."""
    if last - first < 4 * TERMS_PER_LEAF:
        return _split(first, last)
    marks = [first + (last - first) * i // 4 for i in range(5)]
    pieces = [pool.submit(_in_context, _split, a, b) for a, b in pairwise(marks)]
    halves = [pool.submit(_in_context, _join, pieces[i].result(), pieces[i + 1].result()) for i in (0, 2)]
    return _join(halves[0].result(), halves[1].result())


def _split(first: int, last: int) -> tuple[mpz, mpz, mpz]:
    """Return P, Q, T of the series' terms first .. last-1: their sum is T / Q."""
    if last - first > TERMS_PER_LEAF:
        middle = (first + last) // 2
        return _join(_split(first, middle), _split(middle, last))
    p_all, q_all, t_all = 1, 1, 0
    for k in range(first, last):
        p, q = ((6 * k - 5) * (2 * k - 1) * (6 * k - 1), k**3 * C3_OVER_24) if k else (1, 1)
        p_all, q_all = p_all * p, q_all * q
        t = p_all * (13591409 + 545140134 * k)
        t_all = t_all * q - t if k & 1 else t_all * q + t
    return mpz(p_all), mpz(q_all), mpz(t_all)


def _join(left: tuple[mpz, mpz, mpz], right: tuple[mpz, mpz, mpz]) -> tuple[mpz, mpz, mpz]:
    return left[0] * right[0], left[1] * right[1], left[2] * right[1] + left[0] * right[2]
