"""The REST interface to clusters, on a real Jupyter server, as the original has it and with what we add."""

from __future__ import annotations

import http.cookies
import json
import threading
from pathlib import Path
from urllib.parse import quote

import camshaft
import pytest
from notebook_server import TOKEN, NotebookServer, profile_of
from processes import BIN, ROOT, Processes, wait_until


def stop(server: NotebookServer, key: str) -> None:
    assert server.cluster("DELETE", key) == (204, None)


def test_the_list_is_as_the_originals(server: NotebookServer) -> None:
    model = server.clusters()["default:"]
    assert model["cluster"]["profile"] == "default"
    assert model["cluster"]["cluster_id"] == ""
    assert "controller" not in model
    assert model["engines"]["sets"] == {} and model["engines"]["n"] == 0
    assert model["cluster_file"].endswith("profile_default/security/cluster-.json")
    assert (model["state"], model["error"]) == ("stopped", "")


def test_a_cluster_starts_works_scales_and_stops(server: NotebookServer) -> None:
    status, model = server.cluster("POST", "default:", {"n": 2})
    assert status == 200, model
    assert model["controller"]["state"]["state"] == "running"
    assert (model["state"], model["engines"]["n"]) == ("running", 2)
    assert server.clusters()["default:"] == model == server.cluster("GET", "default:")[1]
    with camshaft.Cluster.from_file(model["cluster_file"]).connect_client_sync() as rc:
        assert rc.wait_for_engines(2) is None and rc[:].apply_sync(abs, -42) == [42, 42]
        status, scaled = server.cluster("PATCH", "default:", {"n": 3})
        assert (status, scaled["engines"]["n"]) == (200, 3)
        rc.wait_for_engines(3)
        status, scaled = server.cluster("PATCH", "default:", {"n": 1})
        assert (status, scaled["engines"]["n"], scaled["engines"]["wanted"]) == (200, 1, 1)
        wait_until(lambda: len(rc.ids) == 1, "one engine")
    stop(server, "default:")
    assert server.clusters()["default:"]["state"] == "stopped"
    assert not Path(model["cluster_file"]).exists()


def test_logs_can_be_read_while_it_runs(server: NotebookServer) -> None:
    assert server.cluster("GET", "default:", rest="/logs") == (200, {"names": [], "name": "", "text": ""})
    server.cluster("POST", "default:", {"n": 1})
    status, told = server.cluster("GET", "default:", rest="/logs?lines=2")
    assert (status, told["names"], told["name"]) == (200, ["controller", "engine 0"], "controller")
    assert "engine 0 registered" in told["text"] and len(told["text"].splitlines()) == 2
    assert server.cluster("GET", "default:", rest="/logs?name=engine%200")[1]["name"] == "engine 0"
    assert server.cluster("GET", "default:", rest="/logs?name=nobody")[0] == 404
    assert server.cluster("GET", "default:", rest="/logs?lines=many")[0] == 400
    stop(server, "default:")


def test_new_clusters_get_ids_and_keys(server: NotebookServer, group: Processes, tmp_path: Path) -> None:
    status, first = server.ask("POST", "ipyparallel/clusters", {"profile": "made", "cluster_id": "", "n": None})
    assert (status, first["id"], first["state"]) == (200, "made:", "stopped")
    status, second = server.ask("POST", "ipyparallel/clusters", {"profile": "made", "n": 3})
    assert status == 200 and second["id"].startswith("made:1") and second["cluster"]["n"] == 3
    status, third = server.ask("POST", "ipyparallel/clusters", {"profile": str(tmp_path / "far"), "cluster_id": "x"})
    assert (status, third["id"]) == (200, f"{tmp_path / 'far'}:x")
    assert [*server.clusters()][:2] == ["default:", "made:"], "the usual ones come first"
    status, answer = server.ask("POST", "ipyparallel/clusters", {"profile": "made", "cluster_id": second["id"][5:]})
    assert (status, answer["message"]) == (409, f"there is a cluster {second['id']!r} already")
    for key in ("made:", second["id"], third["id"]):
        stop(server, key)
    assert [*server.clusters()] == ["default:"]


def test_a_cluster_started_elsewhere_is_listed_and_stopped(server: NotebookServer, group: Processes) -> None:
    profile = profile_of(group, "elsewhere")
    started = group.start([str(BIN / "ipcluster"), "start", f"--profile-dir={profile}", "-n", "1", "--cluster-id=e"])
    wait_until(lambda: server.clusters().get("elsewhere:e", {}).get("engines", {}).get("n") == 1, "the cluster")
    assert [*server.clusters()][0] == "elsewhere:e", "those that run come first"
    stop(server, "elsewhere:e")
    started.wait()
    assert "elsewhere:e" not in server.clusters()


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("GET", "/default:none", None, 404, "no such cluster: default:none"),
        ("POST", "/default:none", None, 404, "no such cluster"),
        ("DELETE", "/default:none", None, 404, "no such cluster"),
        ("POST", "/default:", {"n": "2"}, 400, "n must be an integer, not '2'"),
        ("POST", "/default:", {"n": True}, 400, "n must be an integer"),
        ("POST", "/default:", {"n": 0}, 400, "at least one engine"),
        ("POST", "/default:", "{", 400, "the body is not JSON"),
        ("POST", "/default:", [1], 400, "must be a JSON object"),
        ("PATCH", "/default:", {"n": 2}, 409, "does not run: start it first"),
        ("PATCH", "/default:", {}, 400, "n must be an integer"),
        ("POST", "", {"profil%": "x"}, 400, "a cluster has no option 'profil%'"),
        ("POST", "", {"n": 0}, 400, "at least one engine"),
    ],
)
def test_what_cannot_be_done_says_why(server, method: str, path: str, body, status: int, says: str) -> None:
    server.clusters()
    where = f"/{quote(path[1:], safe='')}" if path else ""
    found, answer = server.ask(method, f"ipyparallel/clusters{where}", body)
    assert (found, says in answer["message"]) == (status, True), answer
    assert "\n" not in answer["message"]


def test_a_start_that_fails_is_told_and_can_be_tried_again(server: NotebookServer, tmp_path: Path) -> None:
    program = tmp_path / "engine"
    program.write_text("#!/bin/sh\necho 100% broken\nexit 3\n")
    program.chmod(0o755)
    options = {"profile": "default", "cluster_id": "bad", "n": 1, "engine_cmd": [str(program)]}
    key = server.ask("POST", "ipyparallel/clusters", options)[1]["id"]
    status, answer = server.cluster("POST", key)
    assert status == 500 and "100% broken" in answer["message"]
    for _ in range(2):
        model = server.clusters()[key]
        assert (model["state"], model["error"]) == ("stopped", answer["message"])
    program.write_text(f'#!/bin/sh\nexec {BIN / "ipengine"} "$@"\n')
    status, model = server.cluster("POST", key)
    assert (status, model["state"], model["error"]) == (200, "running", "")
    stop(server, key)


def test_while_a_cluster_starts_it_can_be_watched_and_stopped(server: NotebookServer, tmp_path: Path) -> None:
    program = tmp_path / "engine"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    options = {"profile": "default", "cluster_id": "slow", "n": 2, "engine_cmd": [str(program)]}
    key = server.ask("POST", "ipyparallel/clusters", options)[1]["id"]
    answers: list[tuple[int, dict]] = []
    starting = threading.Thread(target=lambda: answers.append(server.cluster("POST", key)))
    starting.start()
    wait_until(lambda: server.clusters()[key]["state"] == "starting", "the start")
    model = server.clusters()[key]
    assert (model["engines"]["ready"], model["engines"]["wanted"]) == (0, 2)
    assert server.cluster("POST", key)[0] == 409
    stop(server, key)
    starting.join(60)
    [(status, answer)] = answers
    assert (status, answer["message"]) == (409, f"cluster {key!r} was stopped while it was starting")
    assert key not in server.clusters()


def test_nobody_gets_in_without_token_or_with_a_forged_request(server: NotebookServer) -> None:
    for method, path in [
        ("GET", "ipyparallel/clusters"),
        ("POST", "ipyparallel/clusters"),
        ("GET", "ipyparallel/clusters/default%3A"),
        ("POST", "ipyparallel/clusters/default%3A"),
        ("PATCH", "ipyparallel/clusters/default%3A"),
        ("DELETE", "ipyparallel/clusters/default%3A"),
        ("GET", "ipyparallel/clusters/default%3A/logs"),
    ]:
        assert server.request(method, path)[0] == 403, (method, path)
    assert server.request("GET", "ipyclusters")[0] == 302, "to the login page"
    # A browser is known by its cookie, and shows that the request is of a page of this server.
    status, headers, _ = server.request("GET", f"ipyclusters?token={TOKEN}")
    assert status == 200
    found = http.cookies.SimpleCookie(", ".join(headers.get_all("Set-Cookie")))
    cookies = {"Cookie": "; ".join(f"{name}={morsel.value}" for name, morsel in found.items())}
    where = "ipyparallel/clusters/default%3A"
    assert server.request("GET", where, headers=cookies)[0] == 200
    assert server.request("PATCH", where, {"n": 1}, cookies)[0] == 403
    shown = {**cookies, "X-XSRFToken": found["_xsrf"].value}
    assert server.request("PATCH", where, {"n": 1}, shown)[0] == 409, "it does not run"


def test_the_page_and_its_files(server: NotebookServer) -> None:
    token = {"Authorization": f"token {TOKEN}"}
    status, headers, page = server.request("GET", "ipyclusters", headers=token)
    assert status == 200 and headers["Content-Type"].startswith("text/html")
    assert b'src="/ipyparallel/static/clusters.js"' in page and b"{{" not in page
    for name, kind in [
        ("clusters.js", "text/javascript"),
        ("page.js", "text/javascript"),
        ("clusters.css", "text/css"),
    ]:
        status, headers, text = server.request("GET", f"ipyparallel/static/{name}", headers=token)
        assert (status, headers["Content-Type"].partition(";")[0]) == (200, kind) and text
    for name in ("page.html", "none.js", "..%2Fhandlers.py", "%2Fetc%2Fpasswd"):
        assert server.request("GET", f"ipyparallel/static/{name}", headers=token)[0] == 404, name


def test_clusters_of_the_server_end_with_it(processes: Processes) -> None:
    server = NotebookServer(processes, base_url="/deep/")
    status, model = server.cluster("POST", "default:", {"n": 1})
    assert status == 200, model
    assert (
        b'src="/deep/ipyparallel/static/clusters.js"'
        in server.request("GET", "ipyclusters", headers={"Authorization": f"token {TOKEN}"})[2]
    )
    server.process.stop()
    wait_until(lambda: not Path(model["cluster_file"]).exists(), "the end of the cluster")


def test_beside_the_original_our_handlers_answer(processes: Processes) -> None:
    server = NotebookServer(processes, disabled=())
    assert "ipyparallel | extension was successfully loaded" in server.log
    assert server.clusters()["default:"]["state"] == "stopped", "a key that the original does not have"


def test_the_files_that_jupyter_looks_for() -> None:
    ours = ROOT / "python" / "camshaft" / "nbextension"
    config = {
        str(file.relative_to(ours / "config")): json.loads(file.read_text()) for file in ours.rglob("camshaft.json")
    }
    assert config == {
        "jupyter_server_config.d/camshaft.json": {"ServerApp": {"jpserver_extensions": {"camshaft": True}}},
        "jupyter_notebook_config.d/camshaft.json": {"NotebookApp": {"nbserver_extensions": {"camshaft": True}}},
        "nbconfig/tree.d/camshaft.json": {"load_extensions": {"camshaft/tree": True}},
    }
    home = ROOT / "python" / "camshaft"
    assert camshaft._jupyter_server_extension_points() == camshaft._jupyter_server_extension_paths()
    assert camshaft._jupyter_server_extension_points() == [{"module": "camshaft"}]
    for path in (*camshaft._jupyter_nbextension_paths(), *camshaft._jupyter_labextension_paths()):
        assert (home / path["src"]).is_dir()
    assert callable(camshaft.load_jupyter_server_extension)
