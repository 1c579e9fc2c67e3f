"""The command line of ``ipengine``, in the style of the original: ``--flag=value`` and ``--Class.trait=value``.

Hand-written because an engine reads it before it registers: argparse alone would take longer than the rest.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing itself takes long to import
if TYPE_CHECKING:
    from typing import Any

HELP = """\
usage: ipengine [options]

Start one engine: it waits for the controller's connection file, registers, and runs what clients send.

  --file=PATH             connection file (default: security/ipcontroller[-ID]-engine.json of the profile)
  --profile=NAME, -p NAME profile, a folder of $IPYTHONDIR or ~/.ipython (default: default)
  --profile-dir=DIR       the profile's folder itself
  --ipython-dir=DIR       where profiles are
  --cluster-id=ID         which of several clusters of the profile
  --id=N                  ask the controller for this engine number
  --location=HOST         where the controller is, if the connection file is wrong about it
  --timeout=SECONDS       how long the controller may take to answer the registration (default: 10)
  --wait-for-file=SECONDS how long to wait for the connection file (default: 0, for ever)
  --max-heartbeat-misses=N  stop when the controller is silent or away for so many heartbeats (default: 50; 0: never)
  -c CODE                 run this at the start
  -s FILE                 run this file at the start
  --properties=JSON       what tasks may ask for, such as '{"rack": 3}'; beside host, cores, memory, gpus, python, pid
  --ssh=SERVER            reach the controller through this machine, [user@]host[:port]; --sshkey=FILE: with that key
  --mpi[=MODULE]          take part in MPI: id = rank, mpi_rank and mpi_size set; MODULE (default: mpi4py, if it is
                          there) is imported, so that it starts MPI
  --work-dir=DIR          change to this folder first
  --log-level=LEVEL       DEBUG, INFO, WARN, ERROR or a number (default: INFO); --debug is short for DEBUG
  --log-url=ADDRESS       send the log to an iplogger too, such as tcp://host:20202
  --log-to-file           log to a file in the profile's log folder
  --config=FILE           one more configuration file, over those of the profile (ipengine_config.py)
  --init                  first write the profile's configuration files, where there are none
  --generate-config       write ipengine_config.py with all defaults, commented out, where there is none; then exit
  --show-config           what differs from the defaults, and who said so (--show-config-json: the same as JSON)
  --version, --help, --help-all

Any of these may be written as --IPEngine.trait=value, as the original does; --Session.key=KEY, and traits of
InteractiveShell for code that is executed, are understood too. Environment: IPP_CONNECTION_INFO (the connection file's
text), IPP_PROFILE_DIR, IPP_CLUSTER_ID, IPP_SESSION_KEY, IPP_CURVE_SERVERKEY, IPYTHONDIR."""


STARTUP_CLASSES = ("IPKernelApp", "InteractiveShellApp")
STARTUP_TRAITS = ("exec_lines", "exec_files", "extensions")
_ENVIRONMENT = {
    "IPP_PROFILE_DIR": "profile_dir",
    "IPP_CLUSTER_ID": "cluster_id",
    "IPP_SESSION_KEY": "key",
    "IPP_CURVE_SERVERKEY": "curve_serverkey",
}


class UsageError(Exception):
    """A command line that cannot be used; the message says what to do."""


class Options:
    """What the command line and the environment ask for."""

    def __init__(self) -> None:
        self.file: str | None = None
        self.profile = "default"
        self.profile_dir: str | None = os.environ.get("IPP_PROFILE_DIR")
        self.ipython_dir: str | None = None
        self.cluster_id = os.environ.get("IPP_CLUSTER_ID", "")
        self.engine_id: int | None = None
        self.uuid: str | None = None
        self.engine_set = ""
        """The set that this engine was started with, if that was elsewhere."""
        self.termination = ""
        """What SIGTERM means, for those whose tasks end by it."""
        self.location: str | None = None
        self.key: str | None = os.environ.get("IPP_SESSION_KEY")
        self.curve_serverkey: str | None = os.environ.get("IPP_CURVE_SERVERKEY")
        self.username: str | None = None
        self.timeout = 10.0
        self.wait_for_file = 0.0
        self.max_heartbeat_misses = 50
        self.startup_command: str | None = None
        self.startup_script: str | None = None
        self.exec_pythonstartup = True
        self.startup_traits: dict[str, list[str]] = {}
        """exec_lines, exec_files and extensions, by ``Class.trait``."""
        self.properties: dict[str, Any] = {}
        self.ssh_server: str | None = None
        self.ssh_key: str | None = None
        self.mpi = False
        self.mpi_module: str | None = None
        """What to import; None = mpi4py if it is there."""
        self.init_mpi: str | None = None
        self.work_dir: str | None = None
        self.log_level = 20
        self.log_to_file = False
        self.log_url = ""
        self.shell_traits: list[tuple[str, str, str]] = []
        self.config_files: list[str] = []
        self.init = False
        self.show: str | None = None
        """What is asked for in place of an engine: help, version, config, config-json, config-all or generate."""
        self.origins: dict[str, str] = {}
        """Who said what an attribute is, where it is not the default."""
        self.warnings: list[str] = []
        for name, attribute in _ENVIRONMENT.items():
            if os.environ.get(name):
                self.origins[attribute] = f"environment {name}"

    def say(self, attribute: str, value: Any, origin: str) -> None:
        """Set an attribute and remember who said so."""
        setattr(self, attribute, value)
        self.origins[attribute] = origin

    def startup(self, trait: str) -> list[str]:
        """Return exec_lines, exec_files or extensions: the special class hides what the general one says."""
        for owner in STARTUP_CLASSES:
            if (said := self.startup_traits.get(f"{owner}.{trait}")) is not None:
                return said
        return []

    def profile_folder(self) -> str:
        """The profile's folder."""
        if self.profile_dir:
            return os.path.abspath(os.path.expanduser(self.profile_dir))
        home = self.ipython_dir or os.environ.get("IPYTHONDIR") or os.path.join("~", ".ipython")
        return os.path.join(os.path.abspath(os.path.expanduser(home)), f"profile_{self.profile}")

    def connection_file(self) -> str:
        """The connection file to wait for."""
        if self.file:
            return os.path.abspath(os.path.expanduser(self.file))
        middle = f"-{self.cluster_id}" if self.cluster_id else ""
        return os.path.join(self.profile_folder(), "security", f"ipcontroller{middle}-engine.json")


_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_LEVELS = {"debug": 10, "info": 20, "warn": 30, "warning": 30, "error": 40, "critical": 50}


def _text(value: str) -> str:
    # the original evaluates values that look like Python strings
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value


def _flag(value: str) -> bool:
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise ValueError("expected True or False")


def _level(value: str) -> int:
    if value.lower() in _LEVELS:
        return _LEVELS[value.lower()]
    if not value.isdecimal():
        raise ValueError("expected DEBUG, INFO, WARN, ERROR, CRITICAL or a number")
    return int(value)


def _number(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not number >= 0:
        raise ValueError("expected a number of seconds, 0 or more")
    return number


def _count(value: str) -> int:
    if not value.isdecimal():
        raise ValueError("expected a whole number, 0 or more")
    return int(value)


def _optional_count(value: str) -> int | None:
    return None if value in ("", "None") else _count(value)


def _object(value: str) -> dict[str, Any]:
    import json

    wrong = "expected a JSON object, such as '{\"rack\": 3}'"
    try:
        properties = json.loads(_text(value))
    except ValueError:
        raise ValueError(wrong) from None
    if not isinstance(properties, dict):
        raise ValueError(wrong)
    return properties


def _texts(value: str) -> list[str]:
    import ast

    try:
        values = ast.literal_eval(value)
    except (SyntaxError, ValueError):
        values = None
    if not isinstance(values, list | tuple) or not all(isinstance(one, str) for one in values):
        raise ValueError("expected a list of texts such as ['a', 'b']")
    return list(values)


# option -> (attribute, how to read it)
_VALUES: dict[str, tuple[str, Any]] = {
    "file": ("file", _text),
    "profile": ("profile", _text),
    "p": ("profile", _text),
    "profile-dir": ("profile_dir", _text),
    "ipython-dir": ("ipython_dir", _text),
    "cluster-id": ("cluster_id", _text),
    "id": ("engine_id", _optional_count),
    "location": ("location", _text),
    "timeout": ("timeout", _number),
    "wait-for-file": ("wait_for_file", _number),
    "max-heartbeat-misses": ("max_heartbeat_misses", _count),
    "c": ("startup_command", _text),
    "s": ("startup_script", _text),
    "work-dir": ("work_dir", _text),
    "properties": ("properties", _object),
    "log-level": ("log_level", _level),
    "log-url": ("log_url", _text),
    "user": ("username", _text),
    "ssh": ("ssh_server", _text),
    "sshkey": ("ssh_key", _text),
}
_FLAGS: dict[str, tuple[str, Any]] = {
    "mpi": ("mpi", True),
    "log-to-file": ("log_to_file", True),
    "debug": ("log_level", 10),
    "quiet": ("log_level", 50),
    "help": ("show", "help"),
    "h": ("show", "help"),
    "help-all": ("show", "help-all"),
    "version": ("show", "version"),
    "V": ("show", "version"),
    "show-config": ("show", "config"),
    "show-config-json": ("show", "config-json"),
    "show-config-all": ("show", "config-all"),
    "generate-config": ("show", "generate"),
    "init": ("init", True),
}
_ENGINE_TRAITS: dict[str, tuple[str, Any]] = {
    "url_file": ("file", _text),
    "sshserver": ("ssh_server", _text),
    "sshkey": ("ssh_key", _text),
    "startup_command": ("startup_command", _text),
    "startup_script": ("startup_script", _text),
    "location": ("location", _text),
    "timeout": ("timeout", _number),
    "wait_for_url_file": ("wait_for_file", _number),
    "max_heartbeat_misses": ("max_heartbeat_misses", _count),
    "use_mpi": ("mpi", _flag),
    "curve_serverkey": ("curve_serverkey", _text),
    "init_mpi": ("init_mpi", _text),
    "id": ("engine_id", _optional_count),
    "cluster_id": ("cluster_id", _text),
    "work_dir": ("work_dir", _text),
    "properties": ("properties", _object),
    "log_to_file": ("log_to_file", _flag),
    "log_level": ("log_level", _level),
    "log_url": ("log_url", _text),
    "profile": ("profile", _text),
    "ipython_dir": ("ipython_dir", _text),
}
_ENGINE_CLASSES = frozenset(
    {"IPEngine", "IPEngineApp", "EngineFactory", "BaseParallelApplication", "BaseIPythonApplication", "Application"}
)
_OTHER_TRAITS: dict[str, tuple[str, Any]] = {
    "ProfileDir.location": ("profile_dir", _text),
    "Session.key": ("key", _text),
    "Session.username": ("username", _text),
    **{f"{owner}.exec_PYTHONSTARTUP": ("exec_pythonstartup", _flag) for owner in STARTUP_CLASSES},
}
# Understood and without effect here: what they tune does not exist in this engine.
_IGNORED = frozenset(
    {
        "enable_nanny",
        "curve_secretkey",
        "curve_publickey",
        "clean_logs",
        "log_format",
        "log_datefmt",
        "auto_create",
        "copy_config_files",
        "verbose_crash",
        "paramiko",
        "mpi_registration_delay",
        "out_stream_factory",
        "display_hook_factory",
        "url_file_name",
        "add_ipython_dir_to_sys_path",
        "show_config",
        "show_config_json",
        "logging_config",
        "overwrite",
    }
)
_IGNORED_OPTIONS = frozenset({"clean-logs", "ident", "quick", "secure", "no-secure", "keyfile"})
_UNSUPPORTED = {
    "url": "the connection file carries all addresses: use --file, or --location if only the host is wrong",
}
_UNSUPPORTED_TRAITS = {"registration_url": "url", "sshserver": "ssh"}
_SHELL_CLASSES = frozenset(
    {"InteractiveShell", "ZMQInteractiveShell", "IPythonKernel", "IPythonParallelKernel", "Kernel", "HistoryManager",
     "DisplayFormatter", "PlainTextFormatter", "InlineBackend", "IPCompleter", "Completer", "StoreMagics"}
)  # fmt: skip


TRAITS: dict[str, str] = {
    **{f"IPEngine.{trait}": attribute for trait, (attribute, _) in _ENGINE_TRAITS.items()},
    **{trait: attribute for trait, (attribute, _) in _OTHER_TRAITS.items()},
}
"""Today's name of each trait, and the attribute of Options that it sets."""


def parse(argv: list[str], options: Options | None = None, origin: str = "command line") -> Options:
    """Read a command line. Raises UsageError with one line, which names the nearest option for an unknown one.

    With `options`, adds to them what `origin` says.
    """
    if options is None:
        options = Options()
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("-") or not name:
            raise UsageError(f"unexpected argument {word!r}: options start with -- (see ipengine --help)")
        if name in _UNSUPPORTED:
            raise UsageError(f"--{name}: {_UNSUPPORTED[name]}")
        if name == "mpi" and equals:
            _say_mpi(options, value, origin)
        elif name in _FLAGS and (not equals or name != "log-to-file"):
            options.say(*_FLAGS[name], origin)
        elif name == "log-to-file":
            options.say("log_to_file", _read(word, _flag, value), origin)
        elif name == "config" or (name.endswith(".extra_config_file") and name.partition(".")[0] in _ENGINE_CLASSES):
            options.config_files.append(_text(value if equals else _next_value(word, rest)))
        elif "." in name:
            _set_trait(options, word, name, value if equals else _next_value(word, rest), origin)
        elif name in _VALUES:
            attribute, read = _VALUES[name]
            options.say(attribute, _read(word, read, value if equals else _next_value(word, rest)), origin)
        elif name in _IGNORED_OPTIONS:
            if not equals and rest and not rest[0].startswith("-"):
                rest.pop(0)
        else:
            raise UsageError(_unknown(word, name))
    return options


def _say_mpi(options: Options, value: str, origin: str) -> None:
    # A truth value, as of any flag, or the module that starts MPI.
    text = _text(value)
    wanted = text != "" and text.lower() not in _FALSE
    options.say("mpi", wanted, origin)
    options.say("mpi_module", text if wanted and text.lower() not in _TRUE else None, origin)


def _next_value(word: str, rest: list[str]) -> str:
    if not rest:
        raise UsageError(f"{word} needs a value: {word}=VALUE")
    return rest.pop(0)


def _read(word: str, read: Any, value: str) -> Any:
    try:
        return read(value)
    except ValueError as error:
        raise UsageError(f"{word}: {error}") from None


def _set_trait(options: Options, word: str, name: str, value: str, origin: str) -> None:
    owner, _, trait = name.partition(".")
    if name in _OTHER_TRAITS:
        attribute, read = _OTHER_TRAITS[name]
    elif owner in _ENGINE_CLASSES and trait in _ENGINE_TRAITS:
        attribute, read = _ENGINE_TRAITS[trait]
    elif owner in _ENGINE_CLASSES and trait in _IGNORED or owner == "Session" or owner.startswith("IPControl"):
        return
    elif owner in STARTUP_CLASSES and trait in STARTUP_TRAITS:
        if value.startswith(("[", "(")):
            said = _read(word, _texts, value)
        else:  # word by word, as often as one likes
            before = options.startup_traits.get(name, []) if options.origins.get(name) == origin else []
            said = [*before, _text(value)]
        options.startup_traits[name] = said
        options.origins[name] = origin
        return
    elif owner in _SHELL_CLASSES:
        options.shell_traits.append((owner, trait, value))
        return
    else:
        if owner in _ENGINE_CLASSES and trait in _UNSUPPORTED_TRAITS:
            raise UsageError(f"--{name}: {_UNSUPPORTED[_UNSUPPORTED_TRAITS[trait]]}")
        raise UsageError(_unknown(word, name))
    options.say(attribute, _read(word, read, value), origin)


def _unknown(word: str, name: str) -> str:
    import difflib

    known = [*_VALUES, *_FLAGS, *TRAITS]
    near = difflib.get_close_matches(name, known, 1, 0.5)
    dashes = "-" if near and len(near[0]) == 1 else "--"
    hint = f"did you mean {dashes}{near[0]}?" if near else "see ipengine --help"
    return f"unknown option {word.partition('=')[0]}: {hint}"


def fail(line: str, code: int = 1) -> None:
    """Print one line and end the process."""
    sys.stderr.write(f"ipengine: {line}\n")
    sys.exit(code)
