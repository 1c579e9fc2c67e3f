"""DirectView: calls on engines that the user names."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from types import NoneType
from typing import Any

from . import onengine
from .asyncresult import AsyncResult
from .mapresult import AsyncMapResult
from .partition import distribution, sliceable
from .serialize import pack_call
from .view import View, apply_reader, check_callable, deliver, name_of, read_execute

__all__ = ["DirectView"]


class DirectView(View):
    """Runs each call on every one of its engines; also a dict of names in their namespaces.

    `targets` an int: results are single values. A list or 'all': results are lists, in the order of the targets.
    """

    # -- apply and map ------------------------------------------------------------------------------------------------

    def _apply(self, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any], block: bool) -> Any:
        short = self._apply_known(f, args, kwargs)
        if short is not None:
            return deliver(short, block)
        check_callable(f)
        result = self._send(f, args, kwargs, self.targets, self.track)
        if type(self) is DirectView and type(self.targets) is int and type(self.label) in (str, NoneType):
            self._learn_for(self.targets, f)
        return deliver(result, block)

    def _learn_for(self, target: int, f: Any) -> None:
        client = self.client
        generation = client._core.generation
        if target < 0 or target not in client._engines():
            return
        codec = client._codec([target])
        if codec is not None:
            self._learn(f, generation, self._metadata_of_task(codec), client._engines()[target])

    def _ids(self, targets: Any) -> tuple[list[int], bool]:
        """(engine ids, whether results are single values) for `targets` (None: the view's)."""
        wanted = self.targets if targets is None else targets
        return self.client._resolve(wanted), hasattr(wanted, "__index__")

    def _send(
        self, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any], targets: Any, track: bool, fname: str | None = None
    ) -> AsyncResult:
        ids, single = self._ids(targets)
        codec = self.client._codec(ids)
        return self._to_all(pack_call(f, args, kwargs, codec), codec, ids, single, track, fname or name_of(f))

    def _to_all(
        self, buffers: list[Any], codec: str | None, ids: list[int], single: bool, track: bool, fname: str
    ) -> AsyncResult:
        """Send one packed call to each of `ids`."""
        requests = [self._submit(number, buffers, codec, track) for number in ids]
        return self._track(
            AsyncResult(
                self.client, requests, fname=fname, single=single, reader=apply_reader(codec), known=self._known()
            )
        )

    def _submit(self, number: int, buffers: list[Any], codec: str | None, track: bool) -> Any:
        metadata = self._metadata_of_task(codec)
        engine = self.client._engines()[number]
        return self.client._core.submit("mux", "apply_request", "{}", metadata, buffers, engine=engine, track=track)

    def _metadata_of_task(self, codec: str | None) -> str:
        if self.label is not None:
            return json.dumps({"codec": codec, "label": self.label} if codec else {"label": self.label})
        return f'{{"codec": "{codec}"}}' if codec else "{}"

    def map(
        self,
        f: Callable[..., Any],
        *sequences: Iterable[Any],
        block: bool | None = None,
        track: bool = False,
        return_exceptions: bool = False,
        label: str | None = None,
        bound: bool = False,
    ) -> Any:
        """list(map(f, *sequences)) with the items divided into contiguous blocks, one for each engine.

        `bound`: `f` sees the engine's namespace as its globals, even if it comes from a module.

        Returns the list if it blocks, else an AsyncMapResult. The shortest sequence decides; no items give []. Raises
        NoEnginesRegistered, SerializationError; RemoteError or CompositeError when results are read, unless
        `return_exceptions`.
        """
        assert len(sequences) > 0, "must have some sequences to map onto!"
        check_callable(f)
        whole = [sliceable(seq) for seq in sequences]
        with self.temp_flags(label=self.label if label is None else label):
            result = self._map_parts(
                onengine.mapper(onengine.interactive(f) if bound else f),
                whole,
                min(map(len, whole)),
                "b",
                fname=name_of(f),
                track=track,
                return_exceptions=return_exceptions,
            )
        return deliver(result, self.block if block is None else block) if isinstance(result, AsyncResult) else result

    def _map_parts(
        self,
        function: Any,
        sequences: list[Any],
        count: int,
        dist: str,
        *,
        fname: str,
        track: bool = False,
        ordered: bool = True,
        return_exceptions: bool = False,
    ) -> AsyncMapResult | list[Any]:
        """Send function(*parts) to each engine, for the parts of the first `count` items of `sequences`."""
        ids, _ = self._ids(None)
        if count == 0:
            return []
        codec = self.client._codec(ids)
        partition = distribution(dist)
        requests, sizes = [], []
        for index, number in enumerate(ids):
            parts = tuple(partition.getPartition(seq, index, len(ids), count) for seq in sequences)
            if len(parts[0]) == 0:
                continue
            requests.append(self._submit(number, pack_call(function, parts, {}, codec), codec, track))
            sizes.append(len(parts[0]))
        return self._track(
            AsyncMapResult(
                self.client,
                requests,
                fname=fname,
                reader=apply_reader(codec),
                known=self._known(),
                partition=partition,
                sizes=sizes,
                ordered=ordered,
                return_exceptions=return_exceptions,
            )
        )

    # -- code ---------------------------------------------------------------------------------------------------------

    def execute(
        self,
        code: str,
        silent: bool = True,
        targets: Any = None,
        block: bool | None = None,
        label: str | None = None,
    ) -> AsyncResult:
        """Run `code` (IPython syntax) in the engines' namespaces; returns an AsyncResult of ExecuteReplies.

        With `silent=False` the value of the last expression is shown and counted. If it blocks, errors are raised here,
        else by `get`.
        """
        if not isinstance(code, str):
            raise TypeError(f"code must be a str, not {type(code).__name__}")
        ids, single = self._ids(targets)
        label = self.label if label is None else label
        content = json.dumps({"code": code, "silent": silent, "user_expressions": {}})
        requests = self._execute_on(content, {"label": label} if label is not None else {}, ids)
        result = AsyncResult(
            self.client, requests, fname="execute", single=single, reader=read_execute, known={"label": label}
        )
        self._track(result)
        if self.block if block is None else block:
            try:
                result.get()
                result.wait_for_output()
            except KeyboardInterrupt:
                pass
        return result

    def _execute_on(self, content: str, metadata: dict[str, Any], ids: list[int]) -> list[Any]:
        engines = self.client._engines()
        text = json.dumps(metadata)
        return [
            self.client._core.submit("mux", "execute_request", content, text, engine=engines[number]) for number in ids
        ]

    def run(
        self, filename: str, targets: Any = None, block: bool | None = None, label: str | None = None
    ) -> AsyncResult:
        """Execute the text of a local file on the engines. OSError if it cannot be read, TypeError for no path."""
        if not isinstance(filename, str | os.PathLike):  # open() would take, and close, a file descriptor
            raise TypeError(f"filename must be the path of a file, not {filename!r}")
        with open(filename, encoding="utf-8") as file:
            code = file.read() + "\n"
        return self.execute(code, targets=targets, block=block, label=label)

    # -- data ---------------------------------------------------------------------------------------------------------

    @property
    def properties(self) -> dict[Any, Any]:
        """The properties of the view's engines: a dict for one engine, else {engine id: dict}. Assigning to its items
        changes nothing: see `set_properties`."""
        return self.client.engine_properties(self.targets)

    def set_properties(self, changes: Mapping[str, Any]) -> dict[Any, Any]:
        """As Client.set_properties, for the view's engines."""
        return self.client.set_properties(changes, self.targets)

    def push(
        self, ns: dict[str, Any], targets: Any = None, block: bool | None = None, track: bool | None = None
    ) -> Any:
        """Assign the values of `ns` to its keys on the engines; keys may be any assignment target, such as 'a.b'.

        Returns a list of None (None for one engine) if it blocks, else an AsyncResult. TypeError if `ns` is no dict.
        """
        if not isinstance(ns, dict):
            raise TypeError(f"Must be a dict, not {type(ns).__name__}")
        for name in ns:
            _check_name(name)
        track = self.track if track is None else track
        result = self._send(onengine.PUSH, (), ns, targets, track, "push")
        return deliver(result, self.block if block is None else block)

    def pull(self, names: str | Iterable[str], targets: Any = None, block: bool | None = None) -> Any:
        """The value of an expression, or a list for several, from each engine.

        TypeError unless `names` is a str or a list, tuple or set of str; NameError arrives as RemoteError.
        """
        if isinstance(names, list | tuple | set):
            wanted: Any = list(names)
        else:
            wanted = names
        for name in wanted if isinstance(wanted, list) else [wanted]:
            _check_name(name)
        result = self._send(onengine.PULL, (wanted,), {}, targets, False, "pull")
        return deliver(result, self.block if block is None else block)

    def update(self, ns: dict[str, Any]) -> Any:
        """push(ns)."""
        return self.push(ns)

    def get(self, key_s: str | Iterable[str]) -> Any:
        """pull(key_s), always waiting."""
        return self.pull(key_s, block=True)

    def __getitem__(self, key: str) -> Any:
        return self.get(key)

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def scatter(
        self,
        key: str,
        seq: Any,
        dist: str = "b",
        flatten: bool = False,
        targets: Any = None,
        block: bool | None = None,
        track: bool | None = None,
    ) -> Any:
        """Divide `seq` among the engines, each part under the name `key`.

        `dist`: 'b' (contiguous blocks) or 'r' (round robin). `flatten` stores the item itself where a part has one.
        Returns a None for each engine if it blocks, else an AsyncResult.
        """
        _check_name(key)
        ids, _ = self._ids(targets)
        codec = self.client._codec(ids)
        partition = distribution(dist)
        track = self.track if track is None else track
        seq = sliceable(seq)
        requests = []
        for index, number in enumerate(ids):
            part = partition.getPartition(seq, index, len(ids))
            if flatten and len(part) == 1:
                part = part[0]
            requests.append(self._submit(number, pack_call(onengine.PUSH, (), {key: part}, codec), codec, track))
        result = AsyncResult(self.client, requests, fname="scatter", reader=apply_reader(codec), known=self._known())
        return deliver(self._track(result), self.block if block is None else block)

    def gather(self, key: str, dist: str = "b", targets: Any = None, block: bool | None = None) -> Any:
        """What `scatter` divided (or any sequences called `key`), as one list or array.

        An AsyncMapResult unless it blocks.
        """
        _check_name(key)
        ids, _ = self._ids(targets)
        codec = self.client._codec(ids)
        buffers = pack_call(onengine.PULL, (key,), {}, codec)
        requests = [self._submit(number, buffers, codec, False) for number in ids]
        result = AsyncMapResult(
            self.client,
            requests,
            fname="gather",
            reader=apply_reader(codec),
            known=self._known(),
            partition=distribution(dist),
            sizes=[1] * len(requests),
        )
        return deliver(self._track(result), self.block if block is None else block)

    # -- the rest -----------------------------------------------------------------------------------------------------

    def clear(self, targets: Any = None, block: bool | None = None) -> Any:
        """Empty the engines' namespaces."""
        return self.client.clear(self._wanted(targets), self.block if block is None else block)

    def use_dill(self) -> Any:
        """Pickle with dill, here and on the view's engines. ImportError where it is not installed."""
        return self._choose("dill")

    def use_cloudpickle(self) -> Any:
        """Pickle with cloudpickle, here and on the view's engines. ImportError where it is not installed."""
        return self._choose("cloudpickle")

    def use_pickle(self) -> Any:
        """Pickle as usual again, here and on the view's engines."""
        return self._choose("pickle")

    def _choose(self, pickler: str) -> Any:
        from .serialize import choice

        choice.use(pickler)
        return deliver(self._send(onengine.CHOOSE, (pickler,), {}, self.targets, False, f"use_{pickler}"), self.block)

    def sync_imports(self, local: bool = True, quiet: bool = False) -> Any:
        """Within the `with` statement, each import here is repeated on the engines (unless `quiet`, it says so).

        Names given with `as` hold there too. With `local=False` the engines alone import, and this process need not
        have the module. What fails on an engine is raised at the end of the statement.
        """
        from .imports import sync_imports

        return sync_imports(self, local, quiet)

    @property
    def importer(self) -> Any:
        """sync_imports(True)."""
        return self.sync_imports(True)

    def activate(self, suffix: str = "") -> None:
        """Make %px, %%px, %pxresult, %pxconfig and %autopx (names with `suffix` at the end) work on this view.

        Outside IPython it warns and does nothing.
        """
        from .display import running_shell

        if running_shell() is None:
            import warnings

            warnings.warn("the %px magics need IPython: start ipython or a notebook, activate there", stacklevel=2)
            return
        from .magics import activate

        activate(self, suffix)


def _check_name(name: Any) -> None:
    """TypeError unless it can be a name, or an expression, on an engine."""
    if not isinstance(name, str):
        raise TypeError(f"names must be str, not {name!r}")
