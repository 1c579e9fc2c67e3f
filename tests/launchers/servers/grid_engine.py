"""A Grid Engine on this machine: one master, one execution host, everything in one folder."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from processes import wait_until

PORT = 16444
PROGRAMS = Path("/usr/lib/gridengine")
SHARED = Path("/usr/share/gridengine")
BOOTSTRAP = """\
admin_user              none
default_domain          none
ignore_fqdn             true
spooling_method         berkeleydb
spooling_lib            libspoolb
spooling_params         {folder}/spool
binary_path             {root}/bin
qmaster_spool_dir       {folder}/qmaster
security_mode           none
listener_threads        2
worker_threads          2
scheduler_threads       1
"""
CHANGES = {
    "min_uid": "0",
    "min_gid": "0",
    "load_report_time": "00:00:01",
    "max_unheard": "00:00:10",
    "mailer": "/bin/true",
    "shell_start_mode": "unix_behavior",
}
SCHEDULER = {"schedule_interval": "0:0:1", "flush_submit_sec": "1", "flush_finish_sec": "1", "load_formula": "slots"}
NONE = "load_scaling complex_values user_lists xuser_lists projects xprojects usage_scaling report_variables"
PARALLEL = """\
pe_name mpi
slots 999
user_lists NONE
xuser_lists NONE
start_proc_args NONE
stop_proc_args NONE
allocation_rule $fill_up
control_slaves TRUE
job_is_first_task FALSE
urgency_slots min
accounting_summary TRUE
qsort_args NONE
"""
# A queue has to say all of this; what is no number, time or name of ours is NONE.
QUEUE = """\
qname all.q
hostlist {host}
seq_no 0
load_thresholds NONE
suspend_thresholds NONE
nsuspend 1
suspend_interval 00:05:00
priority 0
min_cpu_interval 00:05:00
processors UNDEFINED
qtype BATCH INTERACTIVE
ckpt_list NONE
pe_list mpi
rerun FALSE
slots {slots}
tmpdir /tmp
shell /bin/sh
prolog NONE
epilog NONE
shell_start_mode unix_behavior
starter_method NONE
suspend_method NONE
resume_method NONE
terminate_method NONE
notify 00:00:02
owner_list NONE
user_lists NONE
xuser_lists NONE
subordinate_list NONE
complex_values NONE
projects NONE
xprojects NONE
calendar NONE
initial_state default
"""
LIMITS = "rt cpu fsize data stack core rss vmem"


def _changed(text: str, changes: dict[str, str]) -> str:
    for name, value in changes.items():
        text = re.sub(rf"^{name}\s.*$", f"{name} {value}", text, flags=re.MULTILINE)
    return text


class GridEngine:
    """What tests ask of it; its commands find it by SGE_ROOT and the ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.environment = {
            "SGE_ROOT": str(self.root),
            "SGE_CELL": "default",
            "SGE_QMASTER_PORT": str(PORT),
            "SGE_EXECD_PORT": str(PORT + 1),
        }

    def run(self, *command: str, check: bool = True) -> str:
        """Run one of its commands, return what it prints."""
        return subprocess.run(
            command,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=check,
            timeout=30,
        ).stdout

    def add(self, option: str, text: str) -> None:
        """Give the master one object, as `qconf OPTION FILE`."""
        file = self.folder / "object"
        file.write_text(text)
        self.run("qconf", option, str(file))

    def jobs(self) -> list[str]:
        """Ids of jobs that wait or run."""
        return [line.split()[0] for line in self.run("qstat", "-u", "*").splitlines()[2:]]


def _install(server: GridEngine, host: str) -> None:
    folder, common = server.folder, server.root / "default" / "common"
    for path in (common, folder / "spool", folder / "qmaster" / "job_scripts", folder / "execd"):
        path.mkdir(parents=True)
    for name in ("bin", "utilbin", "lib"):
        (server.root / name).mkdir()
        (server.root / name / "lx-amd64").symlink_to(PROGRAMS)
    (server.root / "util").symlink_to(SHARED / "util")
    (common / "act_qmaster").write_text(f"{host}\n")
    (common / "host_aliases").write_text(f"{host} localhost\n")  # 127.0.0.1 is called localhost: one host, two names
    (common / "bootstrap").write_text(BOOTSTRAP.format(folder=folder, root=server.root))
    configuration = folder / "configuration"
    text = (SHARED / "default-configuration").read_text()
    configuration.write_text(_changed(text, {**CHANGES, "execd_spool_dir": str(folder / "execd")}))
    resources = SHARED / "util" / "resources"
    spool = [str(PROGRAMS / "spooldefaults")]
    server.run(str(PROGRAMS / "spoolinit"), "berkeleydb", "libspoolb", str(folder / "spool"), "init")
    for what in (
        ("configuration", str(configuration)),
        ("complexes", str(resources / "centry")),
        ("usersets", str(resources / "usersets")),
        ("managers", "root"),
    ):
        server.run(*spool, *what)


def _configure(server: GridEngine, host: str, slots: int) -> None:
    server.run("qconf", "-ah", host, check=False)
    server.run("qconf", "-as", host, check=False)
    server.run(
        "qconf",
        "-Ae",
        _file(server, f"hostname {host}\n" + "".join(f"{one} NONE\n" for one in NONE.split())),
        check=False,
    )
    server.add("-Msconf", _changed(server.run("qconf", "-ssconf"), SCHEDULER))
    server.add("-Ap", PARALLEL)
    limits = "".join(f"{kind}_{one} INFINITY\n" for kind in "sh" for one in LIMITS.split())
    server.add("-Aq", QUEUE.format(host=host, slots=slots) + limits)


def _file(server: GridEngine, text: str) -> str:
    file = server.folder / "object"
    file.write_text(text)
    return str(file)


@contextmanager
def grid_engine(folder: Path, slots: int = 8) -> Iterator[GridEngine]:
    """Start it in the network of this thread; at the end its jobs are deleted, its daemons ended."""
    folder.mkdir(parents=True)
    server = GridEngine(folder)
    host = socket.gethostname()
    _install(server, host)
    daemons: list[int] = []
    try:
        server.run(str(PROGRAMS / "sge_qmaster"))
        wait_until(lambda: host in server.run("qconf", "-sh", check=False), "the master", 30)
        daemons.append(int((folder / "qmaster" / "qmaster.pid").read_text()))
        _configure(server, host, slots)
        server.run(str(PROGRAMS / "sge_execd"))
        wait_until(
            lambda: re.search(r"^all\.q@\S+\s+\S+\s+\S+\s+[\d.]+\s+\S+\s*$", server.run("qstat", "-f"), re.MULTILINE),
            "the queue",
            30,
        )
        daemons += [int(file.read_text()) for file in (folder / "execd").glob("*/execd.pid")]
        yield server
    finally:
        with suppress(subprocess.SubprocessError):
            server.run("qdel", "-f", "-u", "*", check=False)
            wait_until(lambda: not server.jobs(), "end of all jobs", 15)
        for pid in reversed(daemons):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # its own way to stop takes ten seconds
