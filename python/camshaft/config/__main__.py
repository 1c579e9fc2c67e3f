"""``python -m camshaft.config PROGRAM --profile-dir=DIR [--config=FILE ...]``: prints what its files say, as JSON.

When that cannot be told, the object is ``{"error": "one line"}`` and the exit status 1.
"""

from __future__ import annotations

import argparse
import json
import sys

from .files import PROGRAMS


def main(argv: list[str] | None = None) -> int:
    """Print the configuration of one program; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m camshaft.config", allow_abbrev=False)
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("--defaults", action="store_true", help="print a new configuration file instead (ipengine)")
    parser.add_argument("--profile-dir", required=True)
    parser.add_argument("--config", action="append", default=[])
    options = parser.parse_args(argv)
    if options.defaults:
        from .defaults import engine_config_file

        print(engine_config_file(), end="")
        return 0
    try:
        from .loading import load

        text = load(options.program, options.profile_dir, options.config).as_json()
    except ImportError as error:
        return _fail(f"configuration files need traitlets in {sys.executable}: {error}")
    except (OSError, RuntimeError) as error:
        return _fail(str(error))
    print(text)
    return 0


def _fail(line: str) -> int:
    print(json.dumps({"error": line.replace("\n", " ")}))
    return 1


if __name__ == "__main__":
    sys.exit(main())
