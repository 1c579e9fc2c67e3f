"""Engines that are ranks of an MPI program: ``ipengine --mpi[=MODULE]`` under mpiexec or srun.

The number of the engine is its rank. Where a variable of the MPI says the rank, the engine registers before MPI itself
is loaded; MPI_Init is called by the import of mpi4py (or MODULE) while the controller answers.
"""

from __future__ import annotations

import importlib.util
import os

from .options import Options, fail

_RANKS = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK", "SLURM_PROCID")
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_NTASKS")


def prepare(options: Options) -> int | None:
    """Return the rank, None outside of MPI. Ends the process with one line when MODULE is not there."""
    module = _module(options)
    if module is not None and not _is_there(module):
        fail(f"--mpi={module}: there is no module {module} in this Python; install it, or say --mpi alone")
    rank = _variable(_RANKS)
    if rank is not None or module != "mpi4py":
        return rank
    from mpi4py import MPI

    return MPI.COMM_WORLD.Get_rank() if MPI.COMM_WORLD.Get_size() > 1 else None


def lifeline() -> int | None:
    """Return a descriptor that tells of the end of mpiexec, or of its daemon on this machine; None outside of MPI.

    An mpiexec that is killed leaves its ranks behind, and passes no descriptors on to them.
    """
    if _variable(_RANKS) is None or not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(os.getppid())
    except OSError:
        return None


def startup_code(options: Options) -> str:
    """Return what is run in the user's namespace: imports the module, sets MPI, mpi_rank and mpi_size."""
    module = _module(options)
    rank, size = _variable(_RANKS) or 0, _variable(_SIZES) or 1
    if module == "mpi4py":
        return "from mpi4py import MPI\nmpi_size = MPI.COMM_WORLD.Get_size()\nmpi_rank = MPI.COMM_WORLD.Get_rank()\n"
    return f"{f'import {module}' if module else ''}\nmpi_rank, mpi_size = {rank}, {size}\n"


def _module(options: Options) -> str | None:
    if options.mpi_module is not None:
        return _SPELLINGS.get(options.mpi_module.lower(), options.mpi_module)
    return "mpi4py" if _is_there("mpi4py") else None


_SPELLINGS = {"pytrilinos": "PyTrilinos.Epetra"}
"""Names of the original's, and the modules whose import calls MPI_Init."""


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:  # of a package above it
        return False


def _variable(names: tuple[str, ...]) -> int | None:
    for name in names:
        value = os.environ.get(name, "")
        if value.isdecimal():
            return int(value)
    return None
