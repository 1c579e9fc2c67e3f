"""This engine's properties, which tasks may ask for: a dictionary that tells the controller when it is changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping
from typing import Any

from .host import current


class OwnProperties(MutableMapping[str, Any]):
    """``from camshaft.engine import properties; properties["rack"] = 3``, in a function that runs on the engine.

    What clients have set shows up here too. Values are what JSON can say (TypeError else); None removes.
    Elsewhere than on an engine, everything raises RuntimeError.
    """

    def _all(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(current().core.properties())
        return {name: value for name, value in found.items() if not name.startswith("?")}

    def _change(self, changes: dict[str, Any]) -> None:
        for name in changes:
            if not isinstance(name, str) or name.startswith("?"):
                raise TypeError(f"the name of a property is a text that does not begin with '?', not {name!r}")
        current().core.change_properties(json.dumps(changes))

    def __getitem__(self, name: str) -> Any:
        return self._all()[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._change({name: value})

    def __delitem__(self, name: str) -> None:
        self._all()[name]
        self._change({name: None})

    def update(self, *others: Any, **changes: Any) -> None:
        """As dict.update; the controller hears of it once."""
        self._change(dict(*others, **changes))

    def clear(self) -> None:
        """Remove them all."""
        self._change(dict.fromkeys(self._all()))

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return repr(self._all())


properties = OwnProperties()
