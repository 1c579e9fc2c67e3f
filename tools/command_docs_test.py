"""The page with all options is what the programs say."""

from __future__ import annotations

import command_docs


def test_the_page_is_what_the_programs_say() -> None:
    written = command_docs.PAGE.read_text(encoding="utf-8")
    assert written == command_docs.page(), "run tools/command_docs.py"
    for option in ("--profile", "-n", "--TaskScheduler.hwm", "SlurmEngineSetLauncher", "--IPEngine.timeout"):
        assert option in written
