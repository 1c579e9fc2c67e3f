"""A Jupyter server for tests: started on the loopback interface, with folders of its own."""

from __future__ import annotations

import http.client
import json
import socket
import sys
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from processes import BIN, Processes, wait_until

TOKEN = "of-the-test"
KERNEL_WAITS = "document.querySelector('#jp-main-statusbar')?.innerText.includes('| Idle')"
"""A script in JupyterLab: whether the kernel of the notebook that has the focus is there and does nothing."""
_SERVER = ("jupyter_server", "ServerApp", "root_dir")


class NotebookServer:
    """A running server. `disabled`: extensions that are not to be loaded. Notebooks are in `work`.

    With `classic`, the interpreter of an environment that has notebook 6, it is that one's own server.
    """

    def __init__(
        self,
        processes: Processes,
        *,
        base_url: str = "/",
        disabled: tuple[str, ...] = ("ipyparallel",),
        classic: Path | None = None,
    ) -> None:
        home = processes.folder / "jupyter"
        config = home / "config"
        off = [*(f"{name}-labextension" for name in disabled), "@jupyterlab/apputils-extension:announcements"]
        enabled = dict.fromkeys(disabled, False)
        for name, told in {
            "jupyter_server_config": {"ServerApp": {"jpserver_extensions": enabled}},
            "jupyter_notebook_config": {"NotebookApp": {"nbserver_extensions": enabled}},
            "labconfig/page_config": {"disabledExtensions": dict.fromkeys(off, True)},
            "nbconfig/tree": {"load_extensions": {f"{name}/main": False for name in disabled}},
        }.items():
            file = config / f"{name}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(told))
        self.work = home / "work"
        self.work.mkdir(exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.runtime = home / "runtime"
        app, owner, folder = ("notebook", "NotebookApp", "notebook_dir") if classic else _SERVER
        env = {
            "HOME": str(home),
            "JUPYTER_CONFIG_DIR": str(config),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "JUPYTER_TOKEN": TOKEN,
            "CAMSHAFT_BIN": str(BIN),
        }
        if classic:  # it finds our files where this environment has them
            env["JUPYTER_CONFIG_PATH"] = str(Path(sys.prefix) / "etc" / "jupyter")
            env["JUPYTER_PATH"] = str(Path(sys.prefix) / "share" / "jupyter")
        self.process = processes.start(
            [
                *(str(classic or sys.executable), "-m", app, "--no-browser", "--allow-root"),
                *("--ip=127.0.0.1", f"--port={port}", f"--{owner}.{folder}={self.work}"),
                f"--{owner}.base_url={base_url}",
            ],
            **env,
        )
        self.url = wait_until(self._url, "the Jupyter server")
        wait_until(self._answers, "an answer of the Jupyter server")

    def _url(self) -> str:
        """Where it listens, as its own file says; '' while there is none."""
        if not self.process.running:
            raise RuntimeError(f"the Jupyter server has ended:\n{self.process.output}")
        for file in self.runtime.glob("[jn][pb]server-*.json"):
            try:
                return json.loads(file.read_text())["url"]
            except ValueError:
                continue
        return ""

    def _answers(self) -> bool:
        try:
            return self.ask("GET", "api")[0] == 200
        except OSError:
            return False

    @property
    def log(self) -> str:
        """What it has said so far."""
        return self.process.output

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Message, bytes]:
        """(status, headers, body) of the answer to a request that carries these `headers` and no token."""
        where = urlsplit(self.url)
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=100)
        try:
            text = body if isinstance(body, str | None) else json.dumps(body)
            connection.request(method, where.path + path, text, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """(status, JSON) of the answer to a request of somebody who has the token."""
        status, _, content = self.request(method, path, body, {"Authorization": f"token {TOKEN}"})
        return status, json.loads(content) if content else None

    def clusters(self) -> dict[str, Any]:
        """{key: model} of the clusters that it lists."""
        status, models = self.ask("GET", "ipyparallel/clusters")
        assert status == 200, models
        return {model["id"]: model for model in models}

    def cluster(self, method: str, key: str, body: Any = None, rest: str = "") -> tuple[int, Any]:
        """(status, JSON) of the answer to a request about one cluster."""
        return self.ask(method, f"ipyparallel/clusters/{quote(key, safe='')}{rest}", body)


def profile_of(processes: Processes, name: str) -> Path:
    """The folder of a profile, made if need be."""
    folder = processes.ipython_dir / f"profile_{name}"
    (folder / "security").mkdir(parents=True, exist_ok=True)
    return folder


def notebook_of(*cells: str) -> str:
    """A notebook with the code of these cells, as its file has it."""
    made = [
        {"cell_type": "code", "id": f"cell{n}", "source": text, "metadata": {}, "outputs": [], "execution_count": None}
        for n, text in enumerate(cells)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return json.dumps({"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})
