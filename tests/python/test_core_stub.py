"""The stub of the extension module agrees with what nanobind generates from the compiled one.

`python/camshaft/_core.pyi` is the golden copy. Types are left out of the comparison: it says `str` where the generated
one can only say `object`. Names, kinds, parameters and which of them have defaults must be the same.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from camshaft import _core
from nanobind.stubgen import StubGen

GOLDEN = Path(__file__).resolve().parents[2] / "python" / "camshaft" / "_core.pyi"


def members(body: list[ast.stmt], prefix: str = "") -> dict[str, str]:
    """{qualified name: 'property', 'class', 'value', or its parameters} for all public definitions."""
    found: dict[str, str] = {}
    for node in body:
        if isinstance(node, ast.ClassDef):
            found[prefix + node.name] = "class"
            found |= members(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef) and (not node.name.startswith("_") or node.name == "__init__"):
            kinds = {ast.unparse(decorator) for decorator in node.decorator_list}
            found[prefix + node.name] = "property" if "property" in kinds else parameters(node.args)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[prefix + node.target.id] = "value"
    return found


def parameters(arguments: ast.arguments) -> str:
    """The parameters without types, each default as '...'."""
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        argument.annotation = None
    arguments.defaults = [ast.Constant(...) for _ in arguments.defaults]
    arguments.kw_defaults = [None if default is None else ast.Constant(...) for default in arguments.kw_defaults]
    positional, arguments.posonlyargs = arguments.posonlyargs, []
    arguments.args = positional + arguments.args
    return ast.unparse(arguments)


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    generator = StubGen(_core)
    generator.put(_core)
    return members(ast.parse(generator.get()).body)


def test_the_stub_says_what_the_module_has(generated: dict[str, str]) -> None:
    golden = members(ast.parse(GOLDEN.read_text(encoding="utf-8")).body)
    assert len(golden) > 50
    assert sorted(golden) == sorted(generated), "python/camshaft/_core.pyi does not have the names of the module"
    assert golden == generated
