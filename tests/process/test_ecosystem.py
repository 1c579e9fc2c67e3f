"""Other packages on our engines: joblib and scikit-learn, Dask, tqdm, asyncio, concurrent.futures."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

import camshaft as ipp
import pytest
from processes import at_the_prompt


def test_grid_search_of_scikit_learn(rc: Any) -> None:
    import joblib
    from sklearn.datasets import load_iris
    from sklearn.model_selection import GridSearchCV
    from sklearn.svm import SVC

    rc.load_balanced_view().register_joblib_backend("engines")
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(SVC(), {"C": [0.1, 1, 10], "kernel": ["linear", "rbf"]}, cv=3)
    with joblib.parallel_config("engines"):
        search.fit(X, y)
    alone = GridSearchCV(SVC(), {"C": [0.1, 1, 10], "kernel": ["linear", "rbf"]}, cv=3).fit(X, y)
    assert search.best_params_ == alone.best_params_
    assert list(search.cv_results_["mean_test_score"]) == list(alone.cv_results_["mean_test_score"])
    assert sum(status["completed"] for eid, status in rc.queue_status().items() if isinstance(eid, int)) >= 18


def test_joblib_runs_and_fails_on_engines(rc: Any) -> None:

    import joblib

    rc.load_balanced_view().register_joblib_backend("engines")
    assert isinstance(joblib.Parallel(backend="engines")._backend, ipp.joblib.ViewBackend)
    with joblib.parallel_config("engines"):
        pids = joblib.Parallel()(joblib.delayed(os.getpid)() for _ in range(40))
        assert set(pids) <= set(rc[:].apply_sync(os.getpid))
        with pytest.raises(ipp.RemoteError, match="ZeroDivisionError"):
            joblib.Parallel()(joblib.delayed(divmod)(1, i) for i in range(2))
        assert list(joblib.Parallel(return_as="generator")(joblib.delayed(abs)(-i) for i in range(5))) == [
            0,
            1,
            2,
            3,
            4,
        ]


def test_a_computation_of_dask(rc: Any) -> None:

    import dask

    pids = rc[:].apply_sync(os.getpid)
    local = {"host": "127.0.0.1"}
    client = rc.become_dask(scheduler_args=local, host="127.0.0.1")
    try:
        client.wait_for_workers(4, timeout=60)
        inc = dask.delayed(at_the_prompt(lambda x: x + 1))
        total = dask.delayed(sum)([inc(i) for i in range(20)])
        assert client.compute(total).result(timeout=60) == 210
        assert set(client.run(os.getpid).values()) == set(pids)
        assert rc[:]["dask_worker is distributed_worker"] is not None
    finally:
        client.close()
        rc.stop_dask()
    assert (
        rc[:].pull("[name for name in ('dask_worker', 'dask_scheduler') if name in globals()]", block=True) == [[]] * 4
    )


async def test_results_in_asyncio(rc: Any) -> None:
    view = rc.load_balanced_view()
    assert await view.apply_async(divmod, 7, 2) == (3, 1)
    gathered = await asyncio.gather(*(view.apply_async(abs, -i) for i in range(10)))
    assert gathered == list(range(10))
    assert await rc[:].apply_async(abs, -1) == [1] * 4
    assert await view.map_async(abs, [-1, -2]) == [1, 2]
    seen = [
        await next_done
        for next_done in asyncio.as_completed([asyncio.wrap_future(view.apply_async(abs, i)) for i in (1, 2)])
    ]
    assert sorted(seen) == [1, 2]
    with pytest.raises(ipp.RemoteError, match="ZeroDivisionError"):
        await view.apply_async(divmod, 1, 0)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(rc[0].apply_async(time.sleep, 1))), 0.01)


def test_progress_bars_of_tqdm(rc: Any, capsys: Any) -> None:
    from tqdm import tqdm

    result = rc.load_balanced_view().map_async(abs, range(20))
    assert list(tqdm(result, total=len(result))) == list(range(20))
    result.wait_interactive()
    assert "20/20" in capsys.readouterr().err


def test_published_data(rc: Any) -> None:
    def publish(n: int) -> str:
        from ipyparallel.datapub import publish_data  # the name that code for the original uses

        for i in range(n):
            publish_data({"step": i, "square": i * i})
        return "done"

    result = rc[:2].apply_async(at_the_prompt(publish), 4)
    assert result.get(60) == ["done"] * 2
    assert result.data == [{"step": 3, "square": 9}] * 2


def test_the_default_backend_starts_a_cluster_if_there_is_none() -> None:
    import joblib

    ipp.register_joblib_backend("of-its-own")
    with joblib.parallel_config("of-its-own"):
        first = joblib.Parallel()(joblib.delayed(os.getpid)() for _ in range(20))
        second = joblib.Parallel()(joblib.delayed(os.getpid)() for _ in range(20))
    assert os.getpid() not in {*first, *second}
    assert not set(first) & set(second), "each use has a cluster of its own, which ends with it"
