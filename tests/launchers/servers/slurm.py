"""A Slurm cluster of several nodes on this machine: munged, slurmctld and one slurmd for each node."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from processes import wait_until

PORT = 17001
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog={folder}/prolog
SwitchType=switch/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2,sched_min_interval=0
PropagateResourceLimits=NONE
ReturnToService=2
SlurmdParameters=config_overrides
KillWait=2
MinJobAge=300
NodeName=node[1-{nodes}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{last}] CPUs=4 RealMemory=1000
PartitionName=main Nodes=node[1-{nodes}] Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
PartitionName=short Nodes=node1 MaxTime=5 State=UP
"""
# Variables of PBS and LSF for jobs that came through their commands.
PROLOG = """\
#!/bin/sh
echo "export PBS_JOBID=$SLURM_JOB_ID"
echo "export PBS_ARRAYID=$SLURM_ARRAY_TASK_ID"
echo "export LSB_JOBID=$SLURM_JOB_ID"
echo "export LSB_JOBINDEX=$SLURM_ARRAY_TASK_ID"
"""


def _end(pid: int) -> None:
    """A daemon that we started; it is no child of ours, so it is gone when it is not there or a zombie."""

    def gone() -> bool:
        with suppress(OSError):
            return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
        return True

    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        with suppress(TimeoutError):
            wait_until(gone, f"end of {pid}", 8)
            return
        os.kill(pid, signal.SIGKILL)


class Slurm:
    """What tests ask of it; its commands find it by SLURM_CONF."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}

    def run(self, *command: str) -> str:
        """Run one of Slurm's commands, return what it prints."""
        environment = {**os.environ, **self.environment}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=30).stdout

    def jobs(self) -> list[str]:
        """Ids of jobs that wait or run."""
        return self.run("squeue", "-h", "-o", "%i").split()


@contextmanager
def slurm(folder: Path, nodes: int = 3) -> Iterator[Slurm]:
    """Start it in the network of this thread; at the end its jobs are cancelled, its daemons ended."""
    server = Slurm(folder)
    (folder / "munge").mkdir(parents=True)
    (folder / "state").mkdir()
    for one in (folder, *folder.parents):  # munged distrusts what others may write, and has to get there
        if one.stat().st_uid == os.getuid() and one != Path("/tmp"):
            one.chmod(0o755)
    key = folder / "munge" / "key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o600)
    prolog = folder / "prolog"
    prolog.write_text(PROLOG)
    prolog.chmod(0o755)
    values = {"host": socket.gethostname().partition(".")[0], "folder": folder, "port": PORT, "nodes": nodes}
    (folder / "slurm.conf").write_text(CONFIGURATION.format(**values, first=PORT + 10, last=PORT + 9 + nodes))
    start = {"env": {**os.environ, **server.environment}, "check": True, "stdin": subprocess.DEVNULL, "timeout": 30}
    names = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    munge = [f"--{option}={folder}/munge/{name}" for option, name in names.items()]
    with (folder / "daemons.log").open("wb") as log:
        start["stdout"] = start["stderr"] = log  # type: ignore[assignment]
        subprocess.run([shutil.which("munged") or "/usr/sbin/munged", "--force", *munge], **start)  # type: ignore[call-overload]
        try:
            subprocess.run(["slurmctld", "-c"], **start)  # type: ignore[call-overload]
            for node in range(1, nodes + 1):
                subprocess.run(["slurmd", "-N", f"node{node}"], **start)  # type: ignore[call-overload]
            wait_until(
                lambda: server.run("sinfo", "-h", "-N", "-p", "main", "-o", "%T").split() == ["idle"] * nodes,
                "idle nodes",
                30,
            )
            yield server
        finally:
            with suppress(subprocess.SubprocessError):
                server.run("scancel", "--full", "-u", "root")
                wait_until(lambda: not server.jobs(), "end of all jobs", 15)
            for file in (*folder.glob("slurmd-*.pid"), folder / "slurmctld.pid", folder / "munge" / "pid"):
                if file.exists():
                    _end(int(file.read_text()))
