"""The layer check finds each kind of violation, and only that."""

from __future__ import annotations

from pathlib import Path

import check_layers
import pytest

HEADER = "// {path}: a thing.\n// Thread: any. Errors: none.\n#pragma once\n"


def problems(root: Path, path: str, text: str) -> list[str]:
    """What the check says of one file at `path` under src/."""
    file = root / "src" / path
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return [problem for _, problem in check_layers.violations(root)]


@pytest.mark.parametrize(
    ("path", "text", "complaint"),
    [
        ("sched/a.cpp", '#include "hub/registry.hpp"\n', "sched must not include hub/registry.hpp"),
        ("engine/a.cpp", '#include "net/loop.hpp"\n', "engine must not include net/loop.hpp"),
        ("core/a.cpp", '#include "wire/date.hpp"\n', "core must not include wire/date.hpp"),
        ("net/a.cpp", '#include "service/hub_service.hpp"\n', "net must not include service/hub_service.hpp"),
        ("service/a.cpp", "#include <zmq.h>\n", "<zmq.h> belongs to net"),
        ("net/a_core.cpp", "#include <zmq.hpp>\n#include <Python.h>\n", "<Python.h> belongs to bindings"),
        ("apps/a.cpp", "#  include <nanobind/nanobind.h>\n", "<nanobind/nanobind.h> belongs to bindings"),
        ("hub/a.cpp", "#include <thread>\n", "<thread> in hub, which is pure"),
        ("sched/a.cpp", "auto t = std::chrono::steady_clock::now();\n", "steady_clock::now in sched"),
        ("wire/a.cpp", "int x;\n" * 601, "601 lines"),
        ("wire/a.hpp", "#pragma once\n", "the first line must be '// wire/a.hpp: "),
        ("wire/a.hpp", "// wire/b.hpp: moved.\n// Errors: none.\n#pragma once\n", "the first line must be"),
        ("wire/a.hpp", "// wire/a.hpp: a thing.\n#pragma once\n", "Errors:"),
        ("wire/a.hpp", "// wire/a.hpp: a thing.\n// Errors: none.\n", "#pragma once is missing"),
        ("sockets/a.cpp", "", "unknown layer sockets"),
    ],
)
def test_a_violation_is_named(tmp_path: Path, path: str, text: str, complaint: str) -> None:
    found = problems(tmp_path, path, text)
    assert len(found) == 1
    assert complaint in found[0]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("sched/a.cpp", '#include <vector>\n#include "core/ids.hpp"\n#include "sched/b.hpp"\n'),
        ("net/a.cpp", "#include <zmq.h>\n"),
        ("bindings/a.cpp", '#include <nanobind/nanobind.h>\n#include "service/client_service.hpp"\n'),
        ("sched/a.cpp", "// never steady_clock::now in here\n"),
        ("cluster/process/a.cpp", "#include <poll.h>\n#include <thread>\n"),
        ("sched/a_test.cpp", "#include <thread>\n"),
        ("wire/a.hpp", HEADER.format(path="wire/a.hpp")),
        ("apps/main/a.cpp", '#include "hub/hub_core.hpp"\n'),
    ],
)
def test_what_is_allowed_passes(tmp_path: Path, path: str, text: str) -> None:
    assert problems(tmp_path, path, text) == []


def test_long_python_files_are_reported(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "a.py").write_text("x = 1\n" * 601)
    assert [str(path) for path, _ in check_layers.violations(tmp_path)] == ["tools/a.py"]


def test_every_layer_of_the_design_has_a_row() -> None:
    shells = {"core", "wire", "net", "mongo", "service", "apps", "bindings"}
    assert set(check_layers.ALLOWED) == shells | check_layers.PURE
    for layer, below in check_layers.ALLOWED.items():
        assert layer not in below
        for other in below:
            assert layer not in check_layers.ALLOWED[other], f"{layer} and {other} include each other"
