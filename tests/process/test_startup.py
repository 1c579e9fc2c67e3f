"""What engines run before their first task: the profile's start-up files, exec_lines and exec_files, extensions."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from processes import ClusterUnderTest, Processes, at_the_prompt, command_of, wait_until

CONFIG = """
c.InteractiveShellApp.exec_lines = ["order.append('general')"]
c.IPKernelApp.exec_lines = ["order.append('line')", "%env MAGIC=spell", "1/0", "order.append('after an error')"]
c.IPKernelApp.exec_files = ["more.py", "nowhere.py"]
c.InteractiveShellApp.extensions = ["shelf"]
c.IPEngine.startup_command = "order.append('command')"
"""
# As in IPython: extensions, $PYTHONSTARTUP, start-up files by name, lines and the command, files and the script.
ORDER = ["extension", "PYTHONSTARTUP", "00-first.py", "50-second.ipy", "line", "after an error", "command", "more.py"]


def write_profile(processes: Processes) -> dict[str, str]:
    """A profile whose start-up files tell of themselves in the list `order`; returns what the environment needs."""
    profile = processes.ipython_dir / "profile_default"
    startup = profile / "startup"
    startup.mkdir(parents=True)
    (startup / "README").write_text("no program\n")
    (startup / "00-first.py").write_text("import os\norder.append(os.path.basename(__file__))\nfirst = 1\n")
    (startup / "50-second.ipy").write_text("%env SHELL_SPELL=cast\norder.append('50-second.ipy')\nassert first\n")
    (startup / "60-broken.py").write_text("raise ValueError('by design')\n")
    (processes.ipython_dir / "more.py").write_text("order.append('more.py')\n")
    python_startup = processes.folder / "pythonstartup.py"
    python_startup.write_text("order.append('PYTHONSTARTUP')\n")
    modules = processes.folder / "modules"
    modules.mkdir()
    (modules / "shelf.py").write_text("def load_ipython_extension(ip):\n    ip.push({'order': ['extension']})\n")
    (profile / "ipengine_config.py").write_text(CONFIG)
    path = f"{modules}:{processes.env['PYTHONPATH']}"
    return {"PYTHONSTARTUP": str(python_startup), "PYTHONPATH": path}


@pytest.mark.parametrize("more", [(), ("--no-template",)], ids=["forked", "afresh"])
def test_everything_runs_in_the_order_of_ipython(processes: Processes, more: tuple[str, ...]) -> None:
    env = write_profile(processes)
    process = processes.start([*command_of("ipcluster", "ours"), "-n", "2", *more], **env)
    wait_until(lambda: "IPython cluster: started" in process.output, "the cluster")
    import camshaft

    with camshaft.Client(profile="default", ipython_dir=processes.ipython_dir) as rc:
        for engine in rc:
            assert engine["order"] == ORDER
            assert engine.apply_sync(at_the_prompt(lambda: __import__("os").environ["MAGIC"])) == "spell"
            assert engine.apply_sync(at_the_prompt(lambda: __import__("os").environ["SHELL_SPELL"])) == "cast"
            assert engine.apply_sync(at_the_prompt(lambda: "__file__" in globals())) is False
    [log, *_] = (processes.ipython_dir / "profile_default" / "log").glob("ipengine-*-0.log")
    text = log.read_text()
    assert "60-broken.py) failed: ValueError: by design" in text
    assert "start-up code (exec_lines) failed: ZeroDivisionError: division by zero" in text
    assert "cannot read the start-up file nowhere.py: No such file or directory" in text
    process.send(signal.SIGINT)
    assert process.wait() == 0


def test_engines_of_the_original_do_the_same(
    processes: Processes, cluster: Callable[..., ClusterUnderTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    env = write_profile(processes)
    (processes.ipython_dir / "profile_default" / "startup" / "60-broken.py").unlink()
    processes.env.update(env)
    monkeypatch.chdir(processes.folder)
    c = cluster(1, engine_args=["--profile=default"])
    c.add_engine(kind="official")
    rc = c.client(engines=2)
    ours, official = orders(rc)
    assert ours == official == ORDER


def orders(rc: Any) -> list[list[str]]:
    """What each engine has run, ours first."""
    told = [(not str(rc._engines()[n]).startswith("camshaft-"), rc[n]["order"]) for n in rc.ids]
    return [order for _, order in sorted(told)]


def test_files_without_ipython_need_no_ipython(processes: Processes, cluster: Callable[..., ClusterUnderTest]) -> None:
    startup = processes.ipython_dir / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "plain.py").write_text("import sys\nloaded = 'IPython' in sys.modules\nname = sys.argv[0]\n")
    c = cluster(1, engine_args=["--IPKernelApp.exec_lines=also = 2"])
    engine = c.client()[0]
    assert engine["loaded"] is False
    assert Path(engine["name"]) == startup / "plain.py"
    assert engine["also"] == 2
    assert engine.apply_sync(at_the_prompt(lambda: "IPython" in __import__("sys").modules)) is False
