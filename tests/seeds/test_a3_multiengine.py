"""The MultiEngine interface of 2008."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import camshaft as ipp
import pytest
from camshaft.kernel import client
from camshaft.kernel.error import InvalidDeferredID, InvalidEngineID, StopLocalExecution
from processes import at_the_prompt, wait_until


@pytest.fixture
def mec(seed_cluster) -> Iterator[client.MultiEngineClient]:
    made = client.MultiEngineClient(client=seed_cluster.client())
    yield made
    made.client.wait(timeout=30)
    made.client.clear(block=True)
    made.close()


def test_S3_45_S3_46_S0_68_construction_and_ids(seed_cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(seed_cluster.processes.ipython_dir))
    for made in (client.MultiEngineClient(), client.MultiEngineClient(profile="default"),
                 client.MultiEngineClient(str(seed_cluster.client_file))):  # fmt: skip
        made.client.wait_for_engines(4, timeout=60)
        assert made.get_ids() == [0, 1, 2, 3] and len(made) == 4 and "4 engines" in repr(made)
        made.close()
    tasks = client.TaskClient(client.default_task_address)
    assert tasks.run(client.StringTask("1"), block=True).failure is None
    tasks.close()


def test_S3_47_S3_42_blocking_execute(mec: client.MultiEngineClient) -> None:
    first = mec.execute("a = 5")
    assert isinstance(first, client.ResultList) and len(first) == 4
    number = first[0]["number"]
    lines = repr(mec.execute("print('hello')\na + 1")).splitlines()
    assert lines[0] == "<Results List>"
    assert f"[0] In [{number + 1}]: print('hello')" in lines and f"[0] Out[{number + 1}]: hello" in lines
    assert "6" in lines
    assert mec.execute("b = a * 2", targets=[1, 2])[1]["id"] == 2  # namespaces persist


def test_S3_48_result_dicts(mec: client.MultiEngineClient) -> None:
    results = mec.execute("print(7)")
    assert [result["stdout"] for result in results] == ["7\n"] * 4
    assert [result["id"] for result in results] == [0, 1, 2, 3]
    assert results[0]["input"] == {"raw": "print(7)", "translated": "print(7)"}
    assert isinstance(results[0]["number"], int) and "stderr" not in results[0]
    (magic,) = mec.execute("%env HOME", targets=0)
    assert magic["input"]["raw"] == "%env HOME" and "run_line_magic('env', 'HOME')" in magic["input"]["translated"]
    (loud,) = mec.execute("import sys; print('oh', file=sys.stderr)", targets=0)
    assert loud["stderr"] == "oh\n"


def test_S3_49_S3_54_targets_and_block(mec: client.MultiEngineClient) -> None:
    mec.execute("x = 1; y = 5")
    mec.execute("x = y * 2", targets=[1, 2])
    assert mec.pull("x") == [1, 10, 10, 1]
    assert mec.block is True and mec.targets == "all"
    mec.targets, mec.block = [0, 3], False
    assert mec.pull("x").r == [1, 1]
    assert mec.pull("x", targets=1, block=True) == [10]
    with pytest.raises(InvalidEngineID, match="17"):
        mec.execute("1", targets=[17])


def test_S3_50_S3_51_S3_52_pending_results(mec: client.MultiEngineClient, gate) -> None:
    pending = mec.execute(gate.code, block=False)
    assert isinstance(pending, client.PendingResult)
    assert pending.get_result(block=False) is None and pending.get_result("not yet", block=False) == "not yet"
    gate.open()
    assert isinstance(pending.r, client.ResultList) and len(pending.get_result()) == 4
    assert pending.called and "is here" in repr(pending)


def test_S3_53_barrier(mec: client.MultiEngineClient) -> None:
    pending = [mec.execute("import time; time.sleep(0.1)", block=False), mec.execute("1 / 0", targets=1, block=False)]
    mec.barrier(pending)
    assert all(one.called for one in pending)


def test_S0_74_flush_gives_up_what_nobody_took(mec: client.MultiEngineClient) -> None:
    taken, left = mec.push({"a": 1}, block=False), mec.pull("1", block=False)
    mec.barrier([taken, left])
    assert taken.r == [None] * 4
    mec.flush()
    assert taken.r == [None] * 4
    with pytest.raises(InvalidDeferredID, match="flush"):
        left.get_result()


BLOCKS = '''
from camshaft.kernel import client

def greet(mec):
    with mec:
        client.remote()
        text = """one
two"""
        for word in ("hello", "world"):
            print(word)
    return "done"

def nested(mec, other):
    with other:
        with mec:
            client.remote()
            depth = 2

def not_first(mec):
    with mec:
        x = 1
        client.remote()

def failing(mec):
    with mec:
        client.remote()
        1 / 0

def local(mec):
    with mec:
        return "ran here"
'''


@pytest.fixture
def blocks(tmp_path: Path) -> Iterator[Any]:
    file = tmp_path / "blocks.py"
    file.write_text(BLOCKS)
    module = ModuleType("blocks")
    exec(compile(BLOCKS, str(file), "exec"), module.__dict__)
    yield module


def test_S3_59_S3_16_with_block_runs_on_the_engines(mec: client.MultiEngineClient, blocks: Any) -> None:
    assert blocks.greet(mec) == "done"
    assert [result["stdout"] for result in mec.get_result()] == ["hello\nworld\n"] * 4
    assert mec["text"] == ["one\ntwo"] * 4
    blocks.nested(mec, client.MultiEngineClient(client=mec.client))
    assert mec["depth"] == [2] * 4
    assert blocks.local(mec) == "ran here"
    with pytest.raises(RuntimeError, match="first statement"):
        blocks.not_first(mec)
    with pytest.raises(client.CompositeError, match="ZeroDivisionError"):
        blocks.failing(mec)
    with pytest.raises(StopLocalExecution, match="with mec"):
        client.remote()


def test_S3_59_with_block_without_waiting(mec: client.MultiEngineClient, blocks: Any) -> None:
    mec.block = False
    blocks.greet(mec)
    mec.client.wait()
    assert "hello" in mec.get_result()[0]["stdout"]


def test_S3_60_results_of_commands_by_number(mec: client.MultiEngineClient) -> None:
    first, second = mec.execute("a = 1", targets=[0]), mec.execute("a = 2", targets=[0])
    assert mec.get_result(targets=0) == second
    assert mec.get_result(first[0]["number"], targets=[0])[0]["input"]["raw"] == "a = 1"
    with pytest.raises(IndexError, match="no result of command 99999"):
        mec.get_result(99999)


def test_S3_61_S3_64_S3_65_push_and_pull(mec: client.MultiEngineClient) -> None:
    assert mec.push({"a": 1.03, "b": 3453}) == [None] * 4
    assert mec.pull("a") == [1.03] * 4 and mec.pull("b", targets=0) == [3453]
    assert mec.pull(("a", "b")) == [[1.03, 3453]] * 4
    assert mec.push({"c": 1}, block=False).r == [None] * 4 and mec.pull("c", block=False).r == [1] * 4
    mec["d"] = ["x"]
    assert mec["d"] == [["x"]] * 4


def test_S3_62_S0_75_zip_pull(mec: client.MultiEngineClient) -> None:
    mec.push({"a": 1, "b": 2}, targets=[0, 1])
    mec.push({"a": 3, "b": 4}, targets=[2, 3])
    assert mec.zip_pull(("a", "b")) == [(1, 1, 3, 3), (2, 2, 4, 4)]


def test_S3_63_S3_8_functions_and_S0_77_pickles(mec: client.MultiEngineClient) -> None:
    assert mec.push_function({"g": at_the_prompt(lambda x: x + 1)}) == [None] * 4
    mec.execute("z = g(2)")
    assert mec["z"] == [3] * 4
    assert [f(10) for f in mec.pull_function("g")] == [11] * 4
    assert mec.push_serialized({"s": client.Serialized.of({1: 2})}) == [None] * 4
    assert [packed.unpack() for packed in mec.pull_serialized("s")] == [{1: 2}] * 4
    assert mec.pull_serialized(("s", "z"), targets=0)[0][1].unpack() == 3
    with pytest.raises(TypeError, match="functions"):
        mec.push_function({"g": 1})
    with pytest.raises(client.CompositeError, match="TypeError: z is no function"):
        mec.pull_function("z")


def test_S0_76_S3_74_keys_and_reset(mec: client.MultiEngineClient) -> None:
    mec.push({"a": 1})
    assert all("a" in names for names in mec.keys())  # noqa: SIM118
    assert mec.reset(targets=[0]) == [None]
    assert ["a" in names for names in mec.keys()] == [False, True, True, True]  # noqa: SIM118


def test_S3_66_S3_68_S3_9_scatter_and_gather(mec: client.MultiEngineClient) -> None:
    assert mec.scatter("x", range(16)) == [None] * 4
    mec.execute("y = [i ** 10 for i in x]")
    assert mec.gather("y") == [i**10 for i in range(16)]
    assert mec.gather("x", block=False).r == list(range(16))


def test_S3_67_S0_97_map(mec: client.MultiEngineClient) -> None:
    f = at_the_prompt(lambda x: x**10)
    assert mec.map(f, range(15)) == [x**10 for x in range(15)]
    assert mec.map(f, range(15), block=False).r == mec.parallel()(f)(range(15))
    assert mec.get_ids() == [0, 1, 2, 3]


def test_S3_10_S3_69_composite_errors(mec: client.MultiEngineClient) -> None:
    with pytest.raises(client.CompositeError) as caught:
        mec.execute("1 / 0")
    assert isinstance(caught.value, ipp.CompositeError) and len(caught.value) == 4
    assert caught.value.message == "one or more exceptions from call to method: execute"
    assert str(caught.value).splitlines()[1:] == [
        f"[{i}:execute]: ZeroDivisionError: division by zero" for i in range(4)
    ]
    with pytest.raises(client.CompositeError) as partly:
        mec.execute("{}['k'] if rank else 0", targets=[0])
    assert partly.value[0][0] == "NameError"


def test_S3_70_S3_7_original_exceptions(mec: client.MultiEngineClient) -> None:
    with pytest.raises(client.CompositeError) as caught:
        mec.execute("1 / 0")
    with pytest.raises(ZeroDivisionError, match="division by zero") as original:
        caught.value.raise_exception()
    assert "Traceback (most recent call last)" in original.value._ipython_traceback_text
    assert original.value._ipython_engine_info["engine_id"] == 0
    with pytest.raises(ZeroDivisionError):
        caught.value.raise_exception(3)
    with pytest.raises(IndexError):
        caught.value.raise_exception(4)
    with pytest.raises(client.CompositeError) as other:
        mec.execute("class Mine(Exception): pass\nraise Mine('m')", targets=0)
    with pytest.raises(ipp.RemoteError, match="Mine: m"):
        other.value.raise_exception()


def test_S3_71_tracebacks(mec: client.MultiEngineClient, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(client.CompositeError) as caught:
        mec.execute("1 / 0")
    caught.value.print_tracebacks()
    assert capsys.readouterr().err.count("Traceback (most recent call last)") == 4
    caught.value.print_tracebacks(1)
    assert capsys.readouterr().err.startswith("[1:")
    assert caught.value[1] == caught.value.elist[1] and [part[0] for part in caught.value] == ["ZeroDivisionError"] * 4


def test_S3_72_errors_come_with_the_result(mec: client.MultiEngineClient) -> None:
    pending = mec.execute("1 / 0", block=False)
    for _ in range(2):
        with pytest.raises(client.CompositeError, match="execute"):
            pending.r  # noqa: B018
    assert mec.execute("2", targets=0)[0]["stdout"] == "2\n"


def test_S3_33_S3_34_queues_and_both_interfaces(mec: client.MultiEngineClient, gate) -> None:
    tc = client.TaskClient(client=mec.client)
    pending = mec.execute(gate.code, block=False)
    taskid = tc.run(client.StringTask("a = 1", pull="a"))
    assert [engine for engine, _ in mec.queue_status()] == [0, 1, 2, 3]
    wait_until(lambda: all(counts["queue"] == 1 for _, counts in mec.queue_status()), "one command in each queue")
    gate.open()
    assert tc.get_task_result(taskid, block=True).ns.a == 1 and pending.r


def test_S3_2_S3_3_asynchronous_clients(seed_cluster) -> None:
    from camshaft.kernel.asyncclient import get_multiengine_client, get_task_client

    async def work() -> tuple[Any, ...]:
        mec = await get_multiengine_client(str(seed_cluster.client_file))
        tc = await get_task_client(client=mec.sync.client)
        mec.sync.client.wait_for_engines(4, timeout=60)
        first, second = await asyncio.gather(mec.execute("a = 1"), mec.pull("1 + 1"))
        taskid = await tc.run(client.StringTask("b = 2", pull="b"))
        result = await tc.get_task_result(taskid)
        with pytest.raises(client.CompositeError):
            await mec.execute("1 / 0")
        ids = await mec.get_ids()
        await mec.reset()
        mec.sync.close()
        return len(first), second, result.ns.b, ids

    assert asyncio.run(work()) == (4, [2] * 4, 2, [0, 1, 2, 3])


def test_S3_23_from_plain_python(seed_cluster) -> None:
    import subprocess

    code = (
        "from camshaft.kernel import client; mec = client.MultiEngineClient(); mec.client.wait_for_engines(4);"
        "print(mec.map(abs, [-1, -2])); mec.close()"
    )
    done = subprocess.run([sys.executable, "-c", code], env=seed_cluster.processes.env, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("[1, 2]\n", 0), done.stderr


def test_S3_24_two_users_of_one_computation(mec: client.MultiEngineClient, seed_cluster) -> None:
    mec.push({"data": [1, 2, 3]})
    with seed_cluster.client() as colleague:
        assert colleague[0].pull("data", block=True) == [1, 2, 3]
