"""A view as a backend of joblib: `joblib.Parallel`, and scikit-learn's `n_jobs`, then run on engines.

import camshaft as ipp
ipp.register_joblib_backend()
with joblib.parallel_config("ipyparallel"):
    GridSearchCV(...).fit(X, y)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from joblib.parallel import AutoBatchingMixin, ParallelBackendBase, register_parallel_backend

from .asyncresult import AsyncResult
from .client import Client
from .cluster import Cluster
from .view import View

__all__ = ["ViewBackend", "register", "register_joblib_backend"]


class ViewBackend(AutoBatchingMixin, ParallelBackendBase):
    """Sends joblib's batches through a view.

    Without a `view` it connects to the default cluster when it is first used, or starts one of its own, which
    `terminate` stops.
    """

    supports_retrieve_callback = True
    supports_return_generator = True
    supports_timeout = True
    supports_inner_max_num_threads = False

    def __init__(self, view: View | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._client: Client | None = None
        self._cluster: Cluster | None = None
        self._given = view
        self._own: View | None = None

    @property
    def _view(self) -> View:
        if self._given is not None:
            return self._given
        if self._own is None:
            self._own = self._default_view()
        return self._own

    def _default_view(self) -> View:
        try:
            cluster = Cluster.from_file()
        except FileNotFoundError:
            cluster = self._cluster = Cluster()
            cluster.start_cluster_sync()
        self._client = cluster.connect_client_sync()
        self._client.wait_for_engines(cluster.n or 1)
        return self._client.load_balanced_view()

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """How many batches can run at a time: one on each engine."""
        return len(self._view)

    def submit(self, func: Callable[[], Any], callback: Callable[[Any], Any] | None = None) -> AsyncResult:
        """Run a batch; `callback` gets its AsyncResult once it is done."""
        result = self._view.apply_async(func)
        if callback is not None:
            result.add_done_callback(callback)
        return result

    apply_async = submit

    def retrieve_result_callback(self, out: AsyncResult) -> Any:
        """The values of a batch that is done."""
        return out.get()

    def retrieve_result(self, out: AsyncResult, timeout: float | None = None) -> Any:
        """The values of a batch; TimeoutError after `timeout` seconds."""
        return out.get(timeout)

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Take back what has not started."""
        self._view.abort(block=False)

    def terminate(self) -> None:
        """Close the client and stop the cluster if this backend made them; the next use makes new ones."""
        self._own = None
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._cluster is not None:
            self._cluster.stop_cluster_sync()
            self._cluster = None


def register_joblib_backend(name: str = "ipyparallel", make_default: bool = False, view: View | None = None) -> None:
    """Make joblib know the backend `name`: `view`, or the default cluster. ImportError without joblib."""
    factory: Any = ViewBackend if view is None else lambda **options: ViewBackend(view, **options)
    register_parallel_backend(name, factory, make_default=make_default)


register = register_joblib_backend
