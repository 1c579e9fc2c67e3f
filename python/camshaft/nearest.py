"""What somebody may have meant by a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable


def hint(name: str, known: Iterable[str], what: str = "there are") -> str:
    """ "did you mean X?" for the nearest of the `known` names, else all of them after `what`."""
    import difflib

    names = list(known)
    near = difflib.get_close_matches(name, names, 1)
    return f"did you mean {near[0]!r}?" if near else f"{what} {', '.join(names)}"
