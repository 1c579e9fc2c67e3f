"""Lets programs of earlier generations import what they always did.

    import camshaft.compat
    from IPython.parallel import Client          # 2011 to 2015
    from ipython1.kernel import client           # 2008; also IPython.kernel

Or, without touching the program: `python -m camshaft.compat program.py`; then, and after
`camshaft.compat.install(today=True)`, `import ipyparallel` is Camshaft as well. The names mean what they meant: a
Client made so, but for that of `ipyparallel`, has AsyncResults whose `result` is the value. Engines import what they
are told to: where functions that run there use the old names, `rc[:].execute("import camshaft.compat")` first.
"""

from __future__ import annotations

from ..client import Client as _Client
from .hook import install

__all__ = ["Client", "install"]


class Client(_Client):
    """camshaft.Client, with AsyncResults whose `result` is the value, as until 2014."""

    result_is_value = True


install()
