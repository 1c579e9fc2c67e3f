"""Programs of earlier generations run with the imports they have."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

OF_2012 = """
from IPython.parallel import *
from IPython.parallel import error, Client as TheClient, depend, require
from IPython.parallel.error import UnmetDependency, AbortedTask
from IPython.parallel.util import interactive
from IPython.parallel.controller.dependency import Dependency as D
import IPython.parallel as parallel

rc = Client()
assert parallel.Client is Client is TheClient
rc.wait_for_engines(4)
print(rc.ids, Dependency is D)
dv = rc.view('all')
ar = dv.apply_async(lambda x: x * 2, 21)
print(ar.result, ar.r, ar.wait_on_send())
lv = rc.load_balanced_view()
lv.block = True
print(lv.map(lambda x: x ** 10, range(4)))

@lv.parallel()
def f(x):
    return 10.0 * x ** 4

print(f.map(range(3)))
bad = lv.apply_async(lambda: 1 / 0)
try:
    bad.get()
except RemoteError as e:
    print(e.ename, bad.metadata.pyerr is not None)
rc.spin()
rc.close()
"""

OF_2008 = """
from {package} import client

mec = client.MultiEngineClient(profile='default')
mec.client.wait_for_engines(4)
print(mec.get_ids())
print(mec.execute('a = 5')[0]['input']['raw'])
with mec:
    client.remote()
    b = a * 2
print(mec.zip_pull(('a', 'b')))
tc = client.TaskClient()
ids = [tc.run(client.Task("y = 3 * %d" % k, pull="y")) for k in range(4)]
tc.barrier(ids)
print([tc.get_task_result(i).ns.y for i in ids])
mec.reset()
tc.close()
mec.close()
"""


def run(folder: Path, code: str, environment: dict[str, str], *before: str) -> str:
    program = folder / "program.py"
    program.write_text(code)
    done = subprocess.run(
        [sys.executable, *before, str(program)], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_S0_98_S1_16_S0_49_a_program_of_2012(seed_cluster, tmp_path: Path) -> None:
    printed = run(tmp_path, OF_2012, seed_cluster.processes.env, "-m", "camshaft.compat").splitlines()
    assert printed == [
        "[0, 1, 2, 3] True", "[42, 42, 42, 42] [42, 42, 42, 42] True", "[0, 1, 1024, 59049]", "[0.0, 10.0, 160.0]",
        "ZeroDivisionError True",
    ]  # fmt: skip


@pytest.mark.parametrize("package", ["ipython1.kernel", "IPython.kernel", "camshaft.kernel"])
def test_S3_45_a_program_of_2008(seed_cluster, tmp_path: Path, package: str) -> None:
    code = "import camshaft.compat\n" + OF_2008.format(package=package)
    assert run(tmp_path, code, seed_cluster.processes.env).splitlines() == [
        "[0, 1, 2, 3]", "a = 5", "[(5, 5, 5, 5), (10, 10, 10, 10)]", "[0, 3, 6, 9]",
    ]  # fmt: skip


OF_TODAY = """
import ipyparallel as ipp
from ipyparallel import Client, error, require
from ipyparallel.client.asyncresult import AsyncMapResult
from ipyparallel.client.client import ExecuteReply
from ipyparallel.client.map import RoundRobinMap
from ipyparallel.client.remotefunction import parallel
from ipyparallel.client.view import DirectView, LoadBalancedView
from ipyparallel.cluster import ClusterManager
from ipyparallel.controller.dependency import Dependency
from ipyparallel.datapub import publish_data
from ipyparallel.error import RemoteError
from ipyparallel.joblib import register
from ipyparallel.serialize import can, PrePickled
from ipyparallel.util import interactive
import camshaft

assert ipp.Client is Client is camshaft.Client and error.RemoteError is camshaft.RemoteError
assert ipp.version_info >= (9,) and RemoteError is ipp.RemoteError
rc = ipp.Client()
rc.wait_for_engines(4)
assert isinstance(rc[:], DirectView) and isinstance(rc.load_balanced_view(), LoadBalancedView)
assert isinstance(rc[:].map_async(abs, range(4)), AsyncMapResult)
print(rc[0].apply_sync(abs, -3), type(rc[0].execute("1", silent=False).get()) is ExecuteReply)
rc.close()
"""


def test_a_program_of_today_runs_as_it_is(seed_cluster, tmp_path: Path) -> None:
    assert run(tmp_path, OF_TODAY, seed_cluster.processes.env, "-m", "camshaft.compat").split() == ["3", "True"]
    late = "import ipyparallel, camshaft.compat\ncamshaft.compat.install(today=True)\n"
    (tmp_path / "late.py").write_text(late)
    done = subprocess.run([sys.executable, str(tmp_path / "late.py")], capture_output=True, text=True)
    assert "call camshaft.compat.install(today=True) before that" in done.stderr
    run(tmp_path, "import camshaft.compat, ipyparallel, camshaft\nassert ipyparallel.Client is not camshaft.Client",
        seed_cluster.processes.env)  # fmt: skip


def test_without_a_program(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "camshaft.compat"], capture_output=True, text=True)
    assert done.returncode == 1 and "usage" in done.stderr
