"""Checks what the compiler does not: which layer may include what, and the shape of files.

Usage: check_layers.py [ROOT]. Prints one line per violation, or one line when there is none; exit status 1 or 0.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

PURE = {"sched", "hub", "engine", "client", "cluster"}
# layer -> the layers whose headers its files may include, besides its own. Arrows point down only.
ALLOWED: dict[str, set[str]] = {
    "core": set(),
    "wire": {"core"},
    "net": {"core", "wire"},
    **{layer: {"core"} for layer in PURE},
    "mongo": {"core", "hub"},  # a module of its own: of its headers, others use the options
    "service": {"core", "wire", "net", "mongo"} | PURE,
    "apps": {"core", "wire", "net", "service"} | PURE,
    "bindings": {"core", "wire", "net", "service", "apps"} | PURE,  # apps: a controller can be run from Python
}
# system header (a regular expression) -> the folders under src/ that may include it
RESERVED: dict[str, set[str]] = {
    r"zmq\.hp?p?": {"net"},
    r"(Python\.h|nanobind/.*)": {"bindings"},
    r"openssl/.*": {"wire"},
    r"CLI/.*": {"apps"},
    r"spdlog/.*": {"apps", "bindings"},
    r"sqlite3\.h": {"hub/store"},
    r"(mongoc|bson)/.*": {"mongo"},
}
# What a pure layer must not reach for. Its process/ and store/ subfolders do I/O by design.
IMPURE_HEADERS = re.compile(r"(thread|mutex|shared_mutex|condition_variable|future|sys/socket\.h|sys/epoll\.h|poll\.h)")
IMPURE_CALLS = re.compile(r"\b(steady_clock::now|system_clock::now|std::random_device|std::this_thread)\b")
MAX_LINES = 600

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.MULTILINE)


def strip_comments(text: str) -> str:
    """C++ source with its comments blanked out (string literals are left as they are)."""
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)


def check_includes(path: Path, text: str) -> Iterator[str]:
    """Violations of ALLOWED, RESERVED and purity in the file `path`, relative to src/."""
    layer = path.parts[0]
    is_test = path.stem.endswith(("_test", "_fuzz", "_bench"))
    is_pure = layer in PURE and not is_test and not {"process", "store"} & set(path.parts)
    for kind, header in INCLUDE.findall(text):
        target = header.split("/")[0]
        if kind == '"':
            if target in ALLOWED and target != layer and target not in ALLOWED[layer]:
                yield f"{layer} must not include {header}: {layer} may use {', '.join(sorted(ALLOWED[layer])) or 'std'}"
            continue
        for pattern, homes in RESERVED.items():
            inside = any(path.is_relative_to(home) for home in homes)
            if re.fullmatch(pattern, header) and not inside and not is_test:
                yield f"<{header}> belongs to {', '.join(sorted(homes))}"
        if is_pure and IMPURE_HEADERS.fullmatch(header):
            yield f"<{header}> in {layer}, which is pure: events in, actions out"
    if is_pure:
        for call in sorted(set(IMPURE_CALLS.findall(strip_comments(text)))):
            yield f"{call} in {layer}, which is pure: time and chance are arguments"


def check_contract(path: Path, text: str) -> Iterator[str]:
    """A header opens with `// layer/name.hpp: what`, more comment lines that end with Errors:, and #pragma once."""
    opening = []
    for line in text.splitlines():
        if not line.startswith("//"):
            break
        opening.append(line)
    if not opening or not opening[0].startswith(f"// {path.as_posix()}: "):
        yield f"the first line must be '// {path.as_posix()}: what it is'"
    elif "Errors:" not in "\n".join(opening):
        yield "the opening comment must say what happens on errors ('Errors: ...')"
    if "\n#pragma once\n" not in f"\n{text}":
        yield "#pragma once is missing"


def check_length(text: str) -> Iterator[str]:
    """A file fits in a head."""
    lines = text.count("\n")
    if lines > MAX_LINES:
        yield f"{lines} lines, more than {MAX_LINES}: split it"


def violations(root: Path) -> Iterator[tuple[Path, str]]:
    """Every violation under `root` as (file relative to root, what is wrong)."""
    src = root / "src"
    for path in sorted([*src.rglob("*.hpp"), *src.rglob("*.cpp")]):
        relative = path.relative_to(src)
        text = path.read_text(encoding="utf-8")
        found = [*check_length(text)]
        if relative.parts[0] not in ALLOWED:
            found.append(f"unknown layer {relative.parts[0]}: add it to the table in tools/check_layers.py")
        else:
            found += check_includes(relative, text)
        if path.suffix == ".hpp":
            found += check_contract(relative, text)
        for problem in found:
            yield path.relative_to(root), problem
    for folder in ("python", "tools", "tests", "bench", "examples"):
        for path in sorted((root / folder).rglob("*.py")):
            for problem in check_length(path.read_text(encoding="utf-8")):
                yield path.relative_to(root), problem


def main() -> int:
    """Prints the violations; 1 when there are any."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    found = list(violations(root))
    for path, problem in found:
        print(f"{path}: {problem}")
    if not found:
        print(f"{len(list((root / 'src').rglob('*.?pp')))} C++ files keep their layers")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
