"""What the configuration files of a profile say to an engine; what reads them is imported only where one is.

The command line wins over the environment, that over the files.
"""

from __future__ import annotations

from ..config.files import files_of, places, says_something
from .options import TRAITS, Options, UsageError, fail, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def configured(argv: list[str]) -> Options:
    """Read a command line and the files of the profile that it names. UsageError: one line about either."""
    said = parse(argv)
    if said.show in ("help", "help-all", "version", "generate"):
        return said
    found = files_of("ipengine", places(said.profile_folder()))
    if not said.config_files and not any(map(says_something, found)):
        return said
    from ..config.loading import load

    try:
        files = load("ipengine", said.profile_folder(), said.config_files)
    except (OSError, RuntimeError) as error:
        raise UsageError(str(error).replace("\n", " ")) from None
    options = Options()
    options.warnings = files.warnings
    for setting in files.settings:
        attribute = TRAITS.get(setting.name)
        from_environment = attribute is not None and attribute in options.origins
        if setting.value is None or (from_environment and "environment" in options.origins[attribute or ""]):
            continue
        _apply(options, setting.name, setting.value, setting.origin)
    return parse(argv, options)


def _apply(options: Options, name: str, value: Any, origin: str) -> None:
    import json

    text = json.dumps(value) if isinstance(value, dict) else str(value)
    if name.startswith(("InteractiveShell.", "ZMQInteractiveShell.", "IPythonKernel.")) and isinstance(value, str):
        text = repr(value)  # as on a command line, where it is evaluated
    try:
        parse([f"--{name}={text}"], options, origin)
    except UsageError as error:
        if not str(error).startswith("unknown option"):
            raise UsageError(f"c.{name} in {origin}: {str(error).partition(': ')[2]}") from None
        foreign = any(word in name.partition(".")[0] for word in ("Shell", "Kernel", "Terminal", "Magics", "Backend"))
        if not foreign and "ipython_config" not in origin:
            hint = str(error).partition("did you mean --")[2]
            near = f"; did you mean c.{hint}" if "." in hint else ""
            options.warnings.append(f"{origin}: ipengine knows no c.{name}, so it has no effect{near}")


def in_force(options: Options) -> list[dict[str, Any]]:
    """Return name, value and origin of every trait."""
    values = [
        {"name": name, "value": getattr(options, attribute), "origin": options.origins.get(attribute, "default")}
        for name, attribute in TRAITS.items()
    ]
    for owner, trait, value in options.shell_traits:
        values.append({"name": f"{owner}.{trait}", "value": value, "origin": "command line or file"})
    for name, said in options.startup_traits.items():
        values.append({"name": name, "value": said, "origin": options.origins[name]})
    for one in values:
        if one["name"] == "Session.key" and one["value"]:
            one["value"] = "(hidden)"
    return values


def show(options: Options) -> str:
    """Return what --show-config and its relatives print."""
    import json

    values = in_force(options)
    if options.show != "config-all":
        values = [one for one in values if one["origin"] != "default"]
    if options.show != "config":
        return json.dumps(values, indent=2)
    return "\n".join(f"{v['name']} = {v['value']!r}  # {v['origin']}" for v in values) or "# nothing but defaults"


def help_all() -> str:
    """Return what --help-all adds to --help: every trait."""
    from ..config.defaults import HELP

    lines = ["Options with long names only (also c.Class.trait in ipengine_config.py):"]
    for name in TRAITS:
        lines.append(f"  --{name}=VALUE")
        about = HELP.get(name.partition(".")[2] if name.startswith("IPEngine.") else name)
        if about:
            lines.append(f"      {about}")
    return "\n".join(lines)


def write_config(options: Options, *, alone: bool) -> None:
    """Write the configuration files that are not there: that of engines alone, or of all three programs."""
    import os
    import subprocess

    from .._binaries import find
    from ..config.defaults import engine_config_file

    folder = options.profile_folder()
    if not alone:
        subprocess.run([find("ipcluster"), "create", f"--profile-dir={folder}"], check=False)
        return
    path = os.path.join(folder, "ipengine_config.py")
    try:
        os.makedirs(folder, exist_ok=True)
        with open(path, "x", encoding="utf-8") as file:
            file.write(engine_config_file())
    except FileExistsError:
        fail(f"{path} is there already and stays as it is: 'ipcluster create --reset' overwrites it")
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}")
    print(f"wrote {path}")
