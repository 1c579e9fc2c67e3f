#!/usr/bin/python3
"""Stands for a batch system that cannot be had: answers as its documentation says, runs what is submitted as processes.

Linked to the names of the system's commands. RECORDER names a folder, where `calls` gets a line of JSON for each call.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from contextlib import suppress
from pathlib import Path

FOLDER = Path(os.environ.get("RECORDER", "."))


def spawn(job: int, command: list[str], environment: dict[str, str]) -> None:
    """Start one task of a job; its group is how the job is found again."""
    clean = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), **environment}
    with (FOLDER / f"output-{job}").open("ab") as output:
        process = subprocess.Popen(
            command, env=clean, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    with (FOLDER / f"job-{job}").open("a") as file:
        file.write(f"{process.pid}\n")


def tasks(job: str) -> list[int]:
    """Live processes of a job."""
    live = []
    file = FOLDER / f"job-{job}"
    for pid in file.read_text().split() if file.exists() else []:
        with suppress(OSError):
            if not Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z"):
                live.append(int(pid))
    return live


def end(job: str) -> None:
    """End a job."""
    for pid in tasks(job):
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGTERM)


def next_job() -> int:
    """A fresh number."""
    return 100 + len(list(FOLDER.glob("job-*")))


def condor_words(text: str) -> list[str]:
    """Words of HTCondor's own quoting: "..." around all, '...' around one, both doubled inside."""
    inner = text.strip()[1:-1].replace('""', '"')
    words = re.findall(r"(?:[^\s']|'(?:[^']|'')*')+", inner)
    return [re.sub(r"'((?:[^']|'')*)'", lambda quoted: quoted[1].replace("''", "'"), word) for word in words]


def condor_submit(words: list[str]) -> None:
    """Read a submit description, start its processes."""
    lines = Path(words[-1]).read_text().splitlines()
    said = dict(
        re.split(r"\s*=\s*", line, maxsplit=1) for line in lines if "=" in line and not line.startswith("queue")
    )
    n = int(next(line for line in lines if line.startswith("queue")).partition(" ")[2] or 1)
    environment = dict(word.split("=", 1) for word in condor_words(said.get("environment", '""')))
    job = next_job()
    for _ in range(n):
        spawn(job, [said["executable"], *condor_words(said.get("arguments", '""'))], environment)
    print(f"Submitting job(s){'.' * n}\n{n} job(s) submitted to cluster {job}.")


def condor_q(words: list[str]) -> None:
    """-af ClusterId JobStatus HoldReason: one line for each process that has not ended."""
    for job in (word for word in words if word.isdigit()):
        for _ in tasks(job):
            print(f"{job} 2 undefined")


def condor_rm(words: list[str]) -> None:
    """End clusters of processes."""
    for job in words:
        end(job)
        print(f"All jobs in cluster {job} have been marked for removal")


def job(words: list[str]) -> None:
    """Windows HPC: job submit /jobfile:F, job view ID, job cancel ID, each with /scheduler:H."""
    if "/scheduler:HEADNODE" not in words:
        sys.exit("The scheduler could not be found.")
    if words[0] == "submit":
        file = next(word for word in words if word.startswith("/jobfile:")).removeprefix("/jobfile:")
        space = "{http://schemas.microsoft.com/HPCS2008/scheduler/}"
        number = next_job()
        for task in ElementTree.parse(file).getroot().iter(f"{space}Task"):
            pairs = {one[0].text or "": one[1].text or "" for one in task.iter(f"{space}Variable")}
            spawn(number, shlex.split(task.attrib["CommandLine"]), pairs)
        print(f"Job has been submitted. ID: {number}.")
    elif words[0] == "view":
        print(f"Job ID : {words[1]}\nState  : {'Running' if tasks(words[1]) else 'Finished'}")
    else:
        end(words[1])


if __name__ == "__main__":
    name = sys.argv[0].rpartition("/")[2]
    with (FOLDER / "calls").open("a") as calls:
        calls.write(json.dumps([name, *sys.argv[1:]]) + "\n")
    {"condor_submit": condor_submit, "condor_q": condor_q, "condor_rm": condor_rm, "job": job}[name](sys.argv[1:])
