"""The handlers of a Jupyter server: REST for clusters, as the original has it, and the page that uses it.

They run on the server's loop and never block it: whatever touches files or processes is done on threads.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from http.client import responses
from importlib import import_module
from pathlib import Path
from typing import Any

from tornado import web
from tornado.log import access_log

from .. import __version__
from .clusters import LOG_LINES, Clusters, Conflict

__all__ = ["load"]

_STATIC = Path(__file__).parent / "static"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_KEY = r"(?P<key>[^/]+)"
SETTING = "camshaft_clusters"


class ClusterHandler(web.RequestHandler):
    """What the REST handlers have in common: the clusters, the body, and errors as answers."""

    auth_resource = "ipyparallel"

    @property
    def clusters(self) -> Clusters:
        """The clusters of this server."""
        return self.settings[SETTING]

    def body(self) -> dict[str, Any]:
        """The JSON object in the request; {} when there is none."""
        if not self.request.body.strip():
            return {}
        try:
            found = json.loads(self.request.body)
        except ValueError:
            raise web.HTTPError(400, "the body is not JSON") from None
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise web.HTTPError(400, "the body must be a JSON object")
        return found

    def note(self, text: str) -> None:
        """A line for the server's log."""
        getattr(self, "log", access_log).info("camshaft: %s", text)

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """What `function` returns, on a thread; what it raises, as the answer to the request."""
        try:
            return await asyncio.to_thread(function, *args)
        except Conflict as failure:
            raise web.HTTPError(409, str(failure)) from failure
        except KeyError as failure:
            raise web.HTTPError(404, str(failure.args[0])) from failure
        except (ValueError, TypeError) as failure:
            raise web.HTTPError(400, str(failure)) from failure
        except (RuntimeError, OSError) as failure:
            raise web.HTTPError(500, str(failure)) from failure

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """{'message', 'reason'}, as the server's own handlers answer; the message is what went wrong."""
        failure = kwargs.get("exc_info", (None, None))[1]
        message, reason = "", None
        if isinstance(failure, web.HTTPError):
            reason = failure.reason
            message = (failure.log_message or "") % failure.args  # tornado has doubled each %
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"message": message or responses.get(status_code, "failed"), "reason": reason}))


class ClusterList(ClusterHandler):
    """`/ipyparallel/clusters`: GET lists, POST makes one that is not started."""

    async def get(self) -> None:
        self.finish(json.dumps(await self.call(self.clusters.list)))

    async def post(self) -> None:
        made = await self.call(self.clusters.create, self.body())
        self.note(f"new cluster {made['id']!r}")
        self.finish(json.dumps(made))


class ClusterAction(ClusterHandler):
    """`/ipyparallel/clusters/<key>`: GET tells, POST {n} starts, PATCH {n} scales, DELETE stops and forgets."""

    async def get(self, key: str) -> None:
        self.finish(json.dumps(await self.call(self.clusters.model, key)))

    async def post(self, key: str) -> None:
        self.note(f"starting cluster {key!r}")
        told = await self.call(self.clusters.start, key, self.body().get("n"))
        self.note(f"cluster {key!r} runs with {told['engines']['n']} engines")
        self.finish(json.dumps(told))

    async def patch(self, key: str) -> None:
        self.finish(json.dumps(await self.call(self.clusters.scale, key, self.body().get("n"))))

    async def delete(self, key: str) -> None:
        await self.call(self.clusters.stop, key)
        self.note(f"cluster {key!r} is stopped")
        self.set_status(204)
        self.finish()


class ClusterLogs(ClusterHandler):
    """`/ipyparallel/clusters/<key>/logs?name=&lines=`: the end of a log."""

    async def get(self, key: str) -> None:
        lines = self.get_query_argument("lines", str(LOG_LINES))
        if not lines.isdecimal():
            raise web.HTTPError(400, "lines must be an integer")
        logs = partial(self.clusters.logs, key, self.get_query_argument("name", ""), int(lines))
        self.finish(json.dumps(await self.call(logs)))


class ClusterPage(web.RequestHandler):
    """`/ipyclusters`: the page of clusters."""

    auth_resource = "ipyparallel"

    async def get(self) -> None:
        _ = self.xsrf_token  # sets the cookie that the script of the page reads
        self.set_header("Content-Type", "text/html; charset=utf-8")
        text = (_STATIC / "page.html").read_text(encoding="utf-8")
        self.finish(text.replace("{{base_url}}", web.escape.xhtml_escape(self.settings["base_url"])))


class ClusterFiles(web.RequestHandler):
    """`/ipyparallel/static/<name>`: script and style of the page, for every front end."""

    auth_resource = "ipyparallel"

    async def get(self, name: str) -> None:
        file = _STATIC / name
        if file.parent != _STATIC or file.suffix not in _TYPES or not file.is_file():
            raise web.HTTPError(404, "no such file")
        self.set_header("Content-Type", f"{_TYPES[file.suffix]}; charset=utf-8")
        self.set_header("Cache-Control", "no-cache")
        self.finish(file.read_bytes())


_ROUTES: list[tuple[str, type[web.RequestHandler], str]] = [
    (r"ipyparallel/clusters", ClusterList, "APIHandler"),
    (rf"ipyparallel/clusters/{_KEY}", ClusterAction, "APIHandler"),
    (rf"ipyparallel/clusters/{_KEY}/logs", ClusterLogs, "APIHandler"),
    (r"ipyparallel/static/([a-z]+\.[a-z]+)", ClusterFiles, "page"),
    (r"ipyclusters/?", ClusterPage, "page"),
]


def load(app: Any) -> None:
    """Add the handlers to a ServerApp or NotebookApp; once is enough."""
    webapp = app.web_app
    if SETTING in webapp.settings:
        return
    server = _server_of(app)
    handlers = import_module(f"{server}.base.handlers")
    bases = {"APIHandler": handlers.APIHandler, "page": getattr(handlers, "JupyterHandler", None)}
    if bases["page"] is None:
        bases["page"] = handlers.IPythonHandler
    clusters = Clusters()
    webapp.settings[SETTING] = clusters
    webapp.settings.setdefault("cluster_manager", clusters.manager)
    base_url = webapp.settings["base_url"].rstrip("/")
    guard = _guard(server)
    routes = [(f"{base_url}/{path}", _guarded(mixin, bases[base], guard)) for path, mixin, base in _ROUTES]
    webapp.add_handlers(".*$", routes)
    app.log.info(f"Loading IPython parallel extension: camshaft {__version__}, clusters at {base_url}/ipyclusters")


def _server_of(app: Any) -> str:
    """The package whose server this is: 'jupyter_server', or 'notebook' for its version 6 and older."""
    packages = {cls.__module__.partition(".")[0] for cls in type(app).__mro__}
    return "notebook" if "notebook" in packages and "jupyter_server" not in packages else "jupyter_server"


def _guard(server: str) -> Callable[[Any], Any]:
    """What must be true before a method of a handler runs: somebody is logged in, and may do that."""
    try:
        authorized = import_module(f"{server}.auth").authorized
    except (ImportError, AttributeError):  # older servers: whoever is logged in may do everything
        return web.authenticated
    return lambda method: web.authenticated(authorized(method))


def _guarded(mixin: type[web.RequestHandler], base: Any, guard: Callable[[Any], Any]) -> type[web.RequestHandler]:
    """A handler of this server: `mixin` on its `base` class, with each method guarded."""
    verbs = ("get", "post", "patch", "delete")
    methods = {verb: guard(getattr(mixin, verb)) for verb in verbs if verb in vars(mixin)}
    return type(mixin.__name__, (mixin, base), methods)
