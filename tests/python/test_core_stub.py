"""The stub of the extension module agrees with what nanobind generates from the compiled one.

`python/camshaft/_core.pyi` is the golden copy. Names, kinds, parameters and which of them have defaults must be the
same. So must types, but that the golden copy may say more: `str` for `object`, `list[str]` for `list`.
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


def types(body: list[ast.stmt], prefix: str = "") -> dict[str, str]:
    """{'Class.method(parameter)': its type} for all definitions that have one; 'return' is a parameter, too."""
    found: dict[str, str] = {}
    for node in body:
        if isinstance(node, ast.ClassDef):
            found |= types(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef) and node.name != "__getitem__":  # overloaded: no single type
            arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            given = [(one.arg, one.annotation) for one in arguments] + [("return", node.returns)]
            for name, annotation in given:
                if annotation is not None and name != "self":
                    found[f"{prefix}{node.name}({name})"] = ast.unparse(annotation)
    return found


def agrees(generated: str, golden: str) -> bool:
    """Whether the golden copy says the same type, or more about it."""
    if generated.endswith(" | None"):
        return golden.endswith(" | None") and agrees(generated.removesuffix(" | None"), golden.removesuffix(" | None"))
    return generated in ("object", golden) or (generated.isidentifier() and golden.startswith(generated + "["))


@pytest.fixture(scope="module")
def stub() -> list[ast.stmt]:
    generator = StubGen(_core)
    generator.put(_core)
    return ast.parse(generator.get()).body


def test_the_stub_says_which_types(stub: list[ast.stmt]) -> None:
    golden, generated = types(ast.parse(GOLDEN.read_text(encoding="utf-8")).body), types(stub)
    assert len(generated) > 100
    wrong = {name: (one, golden.get(name)) for name, one in generated.items() if not agrees(one, golden.get(name, ""))}
    assert not wrong, "{name: (type in the module, type in python/camshaft/_core.pyi)}"


@pytest.mark.parametrize(
    ("generated", "golden", "fine"),
    [
        ("int", "int", True),
        ("int", "str", False),
        ("object", "Callable[[], None]", True),
        ("list", "list[str]", True),
        ("list[str]", "list", False),
        ("object | None", "str | None", True),
        ("object | None", "str", False),
        ("int | None", "str | None", False),
    ],
)
def test_when_types_agree(generated: str, golden: str, fine: bool) -> None:
    assert agrees(generated, golden) is fine


def test_the_stub_says_what_the_module_has(stub: list[ast.stmt]) -> None:
    generated = members(stub)
    golden = members(ast.parse(GOLDEN.read_text(encoding="utf-8")).body)
    assert len(golden) > 50
    assert sorted(golden) == sorted(generated), "python/camshaft/_core.pyi does not have the names of the module"
    assert golden == generated
