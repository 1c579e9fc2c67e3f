"""What `Client` is called with beside its own arguments: old names, and what the original hands to its Session."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from .nearest import hint

_WITHOUT_EFFECT = frozenset(
    "username session metadata copy_threshold buffer_threshold item_threshold digest_history_size check_pid "
    "adapt_version config parent log".split()
)
"""Of the original's Session: they have no counterpart here, or nothing that a user would see."""
_JSON = ("json", "org.ipython json")


def old_arguments(
    info: Any, url_file: Any, extra: dict[str, Any], known: Collection[str]
) -> tuple[Any, dict[str, Any]]:
    """(connection info, fields of it to be changed) from `url_file` and all unknown arguments, `extra`.

    `known`: the arguments that there are, for the nearest match. TypeError for arguments that do not exist, ValueError
    for a `packer` other than JSON, OSError for a `keyfile` that cannot be read.
    """
    import warnings

    extra = dict(extra)
    for old in (url_file, extra.pop("url_or_file", None)):
        if old is not None:
            warnings.warn("url_file is called connection_info now", DeprecationWarning, stacklevel=3)
            info = old if info is None else info
    changes: dict[str, Any] = {}
    for name, value in extra.items():
        if name in ("packer", "unpacker"):
            if value not in _JSON:
                raise ValueError(f"{name}={value!r}: messages are written in JSON, so it can be 'json' only")
        elif name == "signature_scheme":
            changes[name] = value
        elif name == "keyfile":
            if value:
                changes["key"] = Path(os.fspath(value)).expanduser().read_text().strip()
        elif name not in _WITHOUT_EFFECT:
            ours = [one for one in known if one not in ("extra_args", "return")]
            names = [*ours, "packer", "unpacker", "signature_scheme", "keyfile", *_WITHOUT_EFFECT]
            raise TypeError(f"Client() has no argument {name!r}: {hint(name, names)}")
    return info, changes
