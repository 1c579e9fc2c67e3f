"""`with mec:` blocks whose body runs on the engines."""

from __future__ import annotations

import ast
import linecache
from types import TracebackType
from typing import NoReturn

from .error import StopLocalExecution

__all__ = ["block_source", "remote"]

_HOW = "a block for engines starts with `with mec:` and `client.remote()` as its first statement"


def remote() -> NoReturn:
    """First statement of a `with mec:` block: the rest of it is not run here, but on the engines."""
    raise StopLocalExecution(_HOW)


def block_source(traceback: TracebackType) -> str:
    """The code after `remote()` in the `with` block that `traceback` left.

    Raises RuntimeError when `remote()` is not the first statement, OSError when there is no source (as at the plain
    `python` prompt).
    """
    filename, line = traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
    linecache.checkcache(filename)
    text = "".join(linecache.getlines(filename, traceback.tb_frame.f_globals))
    if not text:
        raise OSError(f"the source of {filename} is not known here: put the block into a file, or use mec.execute(...)")
    body = _body_around(ast.parse(text), line)
    if body is None or not body[0].lineno <= line <= (body[0].end_lineno or line):
        raise RuntimeError(_HOW)
    return "\n".join(map(ast.unparse, body[1:]))


def _body_around(tree: ast.AST, line: int) -> list[ast.stmt] | None:
    """The body of the innermost `with` that has `line` in its body."""
    found = None
    for node in ast.walk(tree):  # outer nodes come first
        if isinstance(node, ast.With | ast.AsyncWith):
            first, last = node.body[0].lineno, node.body[-1].end_lineno or 0
            if first <= line <= last:
                found = node.body
    return found
