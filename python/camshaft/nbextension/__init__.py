"""What Jupyter loads: the REST interface to clusters, the page of clusters, and the parts of it for each front end."""

from __future__ import annotations

from typing import Any

from .. import __version__

__all__ = [
    "__version__",
    "_jupyter_labextension_paths",
    "_jupyter_nbextension_paths",
    "_jupyter_server_extension_paths",
    "_jupyter_server_extension_points",
    "_load_jupyter_server_extension",
    "load_jupyter_server_extension",
]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """The module that a Jupyter server loads."""
    return [{"module": "camshaft"}]


_jupyter_server_extension_paths = _jupyter_server_extension_points


def _jupyter_nbextension_paths() -> list[dict[str, str]]:
    """The tab of the classic notebook."""
    return [{"section": "tree", "src": "nbextension/static", "dest": "camshaft", "require": "camshaft/tree"}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """The panel of JupyterLab, and the tab of Notebook 7."""
    return [{"src": "nbextension/labextension", "dest": "camshaft"}]


def _load_jupyter_server_extension(app: Any) -> None:
    """Answer `/ipyparallel/clusters` and `/ipyclusters` on a server: a ServerApp, or the NotebookApp of notebook 6."""
    from .handlers import load

    load(app)


load_jupyter_server_extension = _load_jupyter_server_extension
