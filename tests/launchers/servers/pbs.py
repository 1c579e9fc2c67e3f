"""PBS's commands in front of Slurm: the ones that Debian packages beside Slurm, unpacked, not installed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from launchers.servers.slurm import Slurm
from processes import ROOT

PACKAGES = ROOT / "build" / "launcher-packages"
TOOLS = ("sbatch", "salloc", "srun", "scancel", "squeue", "scontrol")
# What the packaged qsub and qdel do not know: -o and -j of the script, ids with a host's name, ids that are not there.
QSUB = """\
#!/bin/sh
for script; do :; done
output=$(sed -n 's/^#PBS -o //p' "$script")
exec {real}/qsub ${{output:+-o "$output" -e "$output"}} "$@"
"""
QDEL = """\
#!/bin/sh
code=0
for job; do
  id=${{job%%.*}}
  if [ -n "$(squeue -h -j "$id" -o %i 2> /dev/null)" ]; then
    scancel "$id"
  else
    echo "qdel: Unknown Job Id $job" >&2
    code=153
  fi
done
exit $code
"""
QSIG = """\
#!/bin/sh
[ "$1" = -s ] || exit 2
signal=$2
shift 2
for job; do scancel --full -s "$signal" "${{job%%.*}}" || exit 1; done
"""


def pbs_commands(folder: Path, server: Slurm) -> dict[str, str]:
    """Put the commands into `folder`; returns the variables by which they are found."""
    real = folder / "real"
    real.mkdir(parents=True)
    packages = sorted(PACKAGES.glob("slurm-wlm-torque_*.deb"))
    assert packages, f"run tools/launcher_packages.sh: no slurm-wlm-torque in {PACKAGES}"
    package = packages[-1]
    subprocess.run(["dpkg-deb", "-x", package, folder / "package"], check=True)
    for name in ("qsub", "qstat"):
        (folder / "package" / "usr" / "bin" / name).rename(real / name)
    for name in TOOLS:  # these scripts look for Slurm's in their own folder
        (real / name).symlink_to(f"/usr/bin/{name}")
    (folder / "qstat").symlink_to(real / "qstat")
    for name, text in {"qsub": QSUB, "qdel": QDEL, "qsig": QSIG}.items():
        (folder / name).write_text(text.format(real=real))
        (folder / name).chmod(0o755)
    return {**server.environment, "PATH": f"{folder}:{os.environ['PATH']}"}
