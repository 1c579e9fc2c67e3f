#!/usr/bin/python3
"""bsub, bjobs and bkill by what LSF documents of them, in front of Slurm: called by the name they are linked to."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

WITH_VALUE = ("-J", "-o", "-e", "-q", "-n", "-W", "-P", "-env")
STATES = {"PENDING": "PEND", "COMPLETED": "DONE", "CANCELLED": "EXIT", "FAILED": "EXIT", "TIMEOUT": "EXIT"}


def slurm(*command: str, text: str = "") -> str:
    """Run one of Slurm's commands; its failure is ours."""
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{done.stderr.strip()}. Job not submitted.")
    return done.stdout


def bsub(words: list[str]) -> None:
    """Submit the script on stdin, with the options of its #BSUB lines."""
    script = sys.stdin.read()
    for line in script.splitlines():
        if line.startswith("#BSUB"):  # at the beginning of the line, nowhere else
            words = [*shlex.split(line[5:]), *words]
    options = {}
    while words:
        name = words.pop(0)
        if name not in WITH_VALUE:
            sys.exit(f"{name}: Illegal option. Job not submitted.")
        options[name] = words.pop(0)
    array = re.fullmatch(r"(.*)\[(\d+-\d+)\]", options.get("-J", ""))
    command = ["sbatch", "--parsable", f"--job-name={array[1] if array else options.get('-J', 'bsub')}"]
    command += [f"--array={array[2]}"] if array else []
    command += [f"--ntasks={options['-n']}"] if "-n" in options else []
    command += [f"--partition={options['-q']}"] if "-q" in options else []
    script = re.sub("^#BSUB.*$", "", script, flags=re.MULTILINE)  # Slurm's own command would read them its way
    output = options.get("-o", "/dev/null").replace("%J", "%A").replace("%I", "%a")
    job = slurm(*command, f"--output={output}", text=script).strip()
    print(f"Job <{job}> is submitted to queue <{options.get('-q', 'main')}>.")


def bjobs(words: list[str]) -> None:
    """List jobs, elements of arrays by the number of their job, ended ones too (-a)."""
    ids = [word for word in words if not word.startswith("-")]
    listed = subprocess.run(
        ["squeue", "-h", "-r", "-t", "all", "-o", "%i %u %T %P %j", "-j", ",".join(ids)], capture_output=True, text=True
    ).stdout
    rows = [line.split() for line in listed.splitlines()]
    print("JOBID   USER    STAT  QUEUE      FROM_HOST   EXEC_HOST   JOB_NAME   SUBMIT_TIME")
    for job, user, state, queue, name in rows:
        number, _, element = job.partition("_")
        title = f"{name}[{element}]" if element else name
        print(
            f"{number:7} {user:7} {STATES.get(state, 'RUN'):5} {queue:10} here        there       {title}  Nov 21 18:35"
        )
    missing = set(ids) - {row[0].partition("_")[0] for row in rows}
    for job in sorted(missing):
        print(f"Job <{job}> is not found", file=sys.stderr)
    sys.exit(255 if missing else 0)


def bkill(words: list[str]) -> None:
    """End jobs, or send them a signal (-s)."""
    signal = words[1] if words[:1] == ["-s"] else ""
    for job in words[2:] if signal else words:
        if not slurm("squeue", "-h", "-j", job, "-o", "%i"):
            sys.exit(f"Job <{job}>: No matching job found")
        slurm("scancel", *(["--full", "-s", signal] if signal else []), job)
        print(f"Job <{job}> is being {'signaled' if signal else 'terminated'}")


if __name__ == "__main__":
    {"bsub": bsub, "bjobs": bjobs, "bkill": bkill}[sys.argv[0].rpartition("/")[2]](sys.argv[1:])
