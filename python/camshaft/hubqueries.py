"""What a client can ask the controller: queues, results, the task database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import error
from .asyncresult import AsyncResult
from .limits import at
from .metadata import parse_date

if TYPE_CHECKING:
    from .hubresult import AsyncHubResult

_DATES = ("submitted", "started", "completed", "received")


class HubQueries:
    """The part of Client that asks the controller. Needs what Client has: _ask, _resolve, history, ..."""

    history: list[str]
    block: bool
    _ask: Any
    _resolve: Any
    _by_id: dict[str, AsyncResult]

    def queue_status(self, targets: Any = "all", verbose: bool = False) -> dict[Any, Any]:
        """{engine id: {'queue': n, 'completed': n, 'tasks': n}, 'unassigned': n}.

        Lists of ids instead of counts if `verbose`. An int as target yields that engine's inner dict.
        """
        if targets == "all" or targets is None:
            wanted: Any = None
        else:
            wanted = self._resolve(targets)
        content, _ = self._ask("queue_request", {"targets": wanted, "verbose": verbose})
        content.pop("status")
        status = {int(k) if k.lstrip("-").isdigit() else k: v for k, v in content.items()}
        if isinstance(targets, int):
            return status[wanted[0]]
        return status

    def hub_history(self) -> list[str]:
        """Ids of the messages of all clients that the controller remembers, in order of submission."""
        return self._ask("history_request", {})[0]["history"]

    def result_status(self, msg_ids: Any, status_only: bool = True) -> dict[str, Any]:
        """{'pending': [...], 'completed': [...]}, with the results by msg_id too unless `status_only`.

        `msg_ids`: ids, history indexes, AsyncResults, or a collection of them.
        """
        wanted = self._ids_of(msg_ids)
        local = {i: self._by_id[i] for i in wanted if i in self._by_id}
        completed = [i for i, result in local.items() if result._request(i).done]
        status: dict[str, Any] = {"pending": [i for i in local if i not in set(completed)], "completed": completed}
        results: dict[str, Any] = {}
        failures: list[Any] = []
        if not status_only:
            for msg_id in completed:
                value = local[msg_id]._part(msg_id).get(return_exceptions=True)
                (failures if isinstance(value, error.KernelError) else results.setdefault(msg_id, [])).append(value)
                if msg_id in results:
                    results[msg_id] = value
        remote = [i for i in wanted if i not in local]
        if remote:
            from .hubresult import fetch, status_of

            if status_only:
                known = status_of(self, remote)
                status["pending"] += known["pending"]
                status["completed"] += known["completed"]
            else:
                records = fetch(self, remote)
                status["pending"] += [i for i in remote if i not in records]
                status["completed"] += list(records)
                for msg_id, record in records.items():
                    value = record.value(self)
                    if isinstance(value, error.KernelError):
                        failures.append(value)
                    else:
                        results[msg_id] = value
        if len(failures) == 1:
            raise failures[0]
        error.collect_exceptions(failures, "result_status")
        return status | results

    def get_result(
        self, indices_or_msg_ids: Any = None, block: bool | None = None, owner: bool = True
    ) -> AsyncResult | AsyncHubResult:
        """The result of earlier messages: indexes of the history (default: the last), msg_ids, AsyncResults, or a list.

        One message, or an AsyncResult of one value, gives one value; anything else a list. Messages of other clients
        are asked from the controller. TypeError for other things; KeyError for unknown ids.
        """
        wanted = -1 if indices_or_msg_ids is None else indices_or_msg_ids
        single = isinstance(wanted, int | str) or (isinstance(wanted, AsyncResult) and wanted._single)
        ids = self._ids_of(wanted)
        if all(msg_id in self._by_id for msg_id in ids):
            parts = [self._by_id[msg_id]._part(msg_id) for msg_id in ids]
            result = parts[0] if single else AsyncResult.join(*parts)
            result.owner = owner
            if result._ids is None:
                result._ids = ids
        else:
            from .hubresult import AsyncHubResult

            result = AsyncHubResult(self, ids, single=single)
        if self.block if block is None else block:
            result.wait()
        return result

    def resubmit(
        self, indices_or_msg_ids: Any = None, metadata: Any = None, block: bool | None = None
    ) -> AsyncHubResult:
        """Run finished calls again, whoever submitted them; the result is asked from the controller.

        `indices_or_msg_ids` as of get_result. The controller sends the calls that it has stored under new ids (see the
        result's msg_ids), through the load balancer, without their dependencies. KeyError for unknown ids; ValueError
        for calls that are still pending, and for those too large to have been stored. `metadata` must be None.
        """
        if metadata is not None:
            raise TypeError("resubmit takes no metadata: the calls keep theirs; submit them again to change it")
        wanted = -1 if indices_or_msg_ids is None else indices_or_msg_ids
        ids = self._ids_of(wanted)
        try:
            content, _ = self._ask("resubmit_request", {"msg_ids": ids})
        except error.RemoteError as failure:
            if failure.ename in ("KeyError", "ValueError"):
                kind = KeyError if failure.ename == "KeyError" else ValueError
                raise kind(failure.evalue.strip('"')) from None
            raise
        from .hubresult import AsyncHubResult

        result = AsyncHubResult(self, [content["resubmitted"][i] for i in ids], single=isinstance(wanted, int | str))
        if self.block if block is None else block:
            result.wait()
        return result

    def _ids_of(self, jobs: Any) -> list[str]:
        ids: list[str] = []
        for job in jobs if isinstance(jobs, list | tuple | set) else [jobs]:
            if isinstance(job, int):
                ids.append(at(self.history, job))
            elif isinstance(job, str):
                ids.append(job)
            elif isinstance(job, AsyncResult):
                ids += job.msg_ids
            else:
                raise TypeError(f"results are named by history index, msg_id or AsyncResult, not {job!r}")
        return ids

    def db_query(self, query: dict[str, Any], keys: Iterable[str] | None = None) -> list[dict[str, Any]]:
        """Records of the task database that match `query`, as dicts.

        `query`: {field: value} or {field: {operator: argument}}; operators $eq $ne $lt $lte $gt $gte $in $nin $all $mod
        $exists $glob. `keys`: the fields wanted (None: all but the buffers).
        """
        fields = None if keys is None else [keys] if isinstance(keys, str) else list(keys)
        content, buffers = self._ask("db_request", {"query": _plain_dates(query), "keys": fields})
        records = content["records"]
        lengths = {"buffers": content.get("buffer_lens"), "result_buffers": content.get("result_buffer_lens")}
        left = list(buffers)
        for index, record in enumerate(records):
            for field, counts in lengths.items():
                if counts is not None:
                    count = counts[index]
                    record[field], left = left[:count], left[count:]
            for field in _DATES:
                if field in record:
                    record[field] = parse_date(record[field])
        return records

    def purge_hub_results(self, jobs: Any = (), targets: Any = ()) -> None:
        """Make the controller forget finished messages: `jobs` (or 'all'), and all of the engines `targets`."""
        if not _named(jobs) and not _named(targets):
            raise ValueError("Must specify at least one of `targets` and `jobs`")
        ids = "all" if isinstance(jobs, str) and jobs == "all" else self._ids_of(jobs)
        engines = self._resolve(targets) if _named(targets) else []
        self._ask("purge_request", {"msg_ids": ids, "engine_ids": engines})

    def purge_local_results(self, jobs: Any = (), targets: Any = ()) -> None:
        """Forget finished results in this client.

        ValueError when nothing is named, RuntimeError when something is still outstanding.
        """
        if not _named(jobs) and not _named(targets):
            raise ValueError("Must specify at least one of `targets` and `jobs`")
        if isinstance(jobs, str) and jobs == "all":
            ids = list(self._by_id)
        else:
            ids = self._ids_of(jobs)
            if _named(targets):
                uuids = {self._engines()[i] for i in self._resolve(targets)}  # type: ignore[attr-defined]
                ids += [i for i, result in self._by_id.items() if result._request(i).engine_uuid in uuids]
        pending = [i for i in ids if i in self._by_id and not self._by_id[i]._request(i).done]
        if pending:
            raise RuntimeError(f"Can't purge outstanding tasks: {pending}")
        for msg_id in ids:
            self._by_id.pop(msg_id, None)

    def purge_results(self, jobs: Any = (), targets: Any = ()) -> None:
        """Forget finished results here and in the controller."""
        self.purge_local_results(jobs, targets)
        self.purge_hub_results(jobs, targets)

    def purge_everything(self) -> None:
        """Forget all finished results, here and in the controller, and the history."""
        self.purge_results("all")
        self.history.clear()


def _named(things: Any) -> bool:
    """Whether an argument names anything; 0 does."""
    return things is not None and (not hasattr(things, "__len__") or len(things) > 0)


def _plain_dates(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain_dates(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain_dates(item) for item in value]
    return value
