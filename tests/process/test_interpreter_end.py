"""A program may end while threads of its client wait in C++."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

ENDINGS = {
    "futures": "ar.add_done_callback(print)",
    "conditions": "rc.load_balanced_view(where=lambda p: False).apply_async(abs, 1)",
    "engines": "rc.wait_for_engines(99, block=False)",
    "closed": "rc.load_balanced_view(where=lambda p: False).apply_async(abs, 1); rc.close()",
}


@pytest.mark.parametrize("ending", sorted(ENDINGS))
def test_programs_end_without_a_word(cluster: Callable[..., Any], ending: str) -> None:
    started = cluster(1)
    started.client().close()
    code = (
        "import camshaft, time; rc = camshaft.Client(); rc.wait_for_engines(1)\n"
        "ar = rc[0].apply_async(time.sleep, 3)\n" + ENDINGS[ending]
    )
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code], env=started.processes.env, capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")
