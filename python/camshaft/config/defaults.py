"""The configuration file of engines, with every trait and its default, commented out."""

from __future__ import annotations

from ..engine.options import Options

# of each trait of IPEngine, one line
HELP = {
    "url_file": "connection file; None = that of the profile",
    "startup_command": "code to run at the start",
    "startup_script": "file to run at the start",
    "location": "where the controller is, if the connection file is wrong about it",
    "timeout": "seconds in which the controller must answer the registration",
    "wait_for_url_file": "seconds to wait for the connection file; 0 = for ever",
    "max_heartbeat_misses": "heartbeats after which a silent controller counts as gone; 0 = never",
    "use_mpi": "take part in MPI",
    "init_mpi": "code that starts MPI; None = mpi4py does",
    "id": "engine number to ask for; None = the next free one",
    "cluster_id": "which of several clusters of the profile",
    "work_dir": "folder to change to at the start",
    "properties": "what tasks may ask for, such as {'rack': 3}",
    "log_to_file": "log to a file in the profile's log folder",
    "log_url": "address of an iplogger, which gets the log too",
    "log_level": "DEBUG = 10, INFO = 20, WARN = 30, ERROR = 40",
}


def engine_config_file() -> str:
    """Return the text of a new ipengine_config.py."""
    from ..engine.options import TRAITS

    options = Options()
    options.cluster_id = ""
    lines = [
        "# What ipengine is told where its command line says nothing. Take the # away to change a value.",
        "",
        "c = get_config()  # noqa: F821",
    ]
    for trait, help_text in HELP.items():
        value = getattr(options, TRAITS[f"IPEngine.{trait}"])
        lines += ["", f"# {help_text}", f"# c.IPEngine.{trait} = {value!r}"]
    return "\n".join(lines) + "\n"
