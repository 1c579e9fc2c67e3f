"""A pytest plugin: the original's own test modules, unmodified, start our controller and engines instead of its own.

Used by tools/official_tests.py: ``pytest -p official_plugin --pyargs ipyparallel.tests.test_view``.
"""

from __future__ import annotations

import pytest
from processes import command_of

_PROGRAMS = {"ipcontroller_cmd_argv": "ipcontroller", "ipengine_cmd_argv": "ipengine"}


def pytest_configure(config: pytest.Config) -> None:
    """Put our commands where the original's tests and launchers look for its own."""
    import ipyparallel.tests
    from ipyparallel.cluster import launcher

    for name, program in _PROGRAMS.items():
        for module in (ipyparallel.tests, launcher):
            setattr(module, name, command_of(program, "ours"))
