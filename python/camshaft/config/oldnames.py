"""Names of settings that earlier versions of the original used, and what they are called today."""

from __future__ import annotations

# c.Global.x of 2010 and 2011
_GLOBAL = {
    "controller_launcher": "Cluster.controller_launcher_class",
    "engine_launcher": "Cluster.engine_launcher_class",
    "n": "Cluster.n",
    "delay": "Cluster.delay",
    "daemonize": "IPClusterEngines.daemonize",
    "clean_logs": "BaseParallelApplication.clean_logs",
    "log_to_file": "BaseParallelApplication.log_to_file",
    "log_level": "Application.log_level",
    "log_url": "BaseParallelApplication.log_url",
    "work_dir": "BaseParallelApplication.work_dir",
    "cluster_dir": "ProfileDir.location",
    "profile": "BaseIPythonApplication.profile",
    "reuse_furls": "IPController.reuse_files",
    "reuse_files": "IPController.reuse_files",
    "exec_lines": "InteractiveShellApp.exec_lines",
    "startup_script": "IPEngine.startup_script",
    "startup_command": "IPEngine.startup_command",
}
# class -> class, where every trait kept its name
_CLASSES = {
    "HubFactory": "IPController",
    "IPControllerApp": "IPController",
    "EngineFactory": "IPEngine",
    "IPEngineApp": "IPEngine",
    "IPClusterApp": "IPClusterStart",
    "MPIExecLauncher": "MPILauncher",
    "MPIExecControllerLauncher": "MPIControllerLauncher",
    "MPIExecEngineSetLauncher": "MPIEngineSetLauncher",
}
# traits of the commands that are the cluster's today
_CLUSTER = frozenset(
    {"delay", "engine_launcher_class", "controller_launcher_class", "controller_ip", "controller_location", "n",
     "controller_launcher", "engine_launcher"}
)  # fmt: skip
_COMMANDS = frozenset({"IPClusterStart", "IPClusterEngines", "IPClusterApp"})
_LAUNCHERS = {"controller_launcher": "controller_launcher_class", "engine_launcher": "engine_launcher_class"}
_TRAITS: dict[str, str] = {
    "TaskScheduler.scheme": "TaskScheduler.scheme_name",
}


def today(owner: str, trait: str) -> tuple[str, str]:
    """Return the name of ``owner.trait`` today, and a line that says so, '' when nothing has changed."""
    name = f"{owner}.{trait}"
    new: str | None = _TRAITS.get(name)
    if owner == "Global":
        new = _GLOBAL.get(trait)
    elif owner in _COMMANDS and trait in _CLUSTER:
        new = f"Cluster.{_LAUNCHERS.get(trait, trait)}"
    elif new is None and owner in _CLASSES:
        new = f"{_CLASSES[owner]}.{trait}"
    if new is None or new == name:
        return name, ""
    return new, f"c.{name} is an old name: write c.{new}"
