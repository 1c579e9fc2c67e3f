"""Connection files: found, waited for, refused with a clear line."""

from __future__ import annotations

import json
import threading

import pytest
from camshaft import Client
from camshaft.connection import default_path, read_connection
from fakecore import INFO


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    return tmp_path


def security(home, profile="default"):
    folder = home / f"profile_{profile}" / "security"
    folder.mkdir(parents=True)
    return folder


def test_default_profile_and_cluster_id(home):
    folder = security(home)
    (folder / "ipcontroller-client.json").write_text(json.dumps(INFO))
    (folder / "ipcontroller-x-client.json").write_text(json.dumps({**INFO, "location": "there"}))
    assert read_connection() == INFO
    assert read_connection(cluster_id="x")["location"] == "there"
    assert read_connection(profile_dir=home / "profile_default") == INFO
    assert read_connection(str(folder / "ipcontroller-client.json")) == INFO
    assert read_connection(dict(INFO)) == INFO


def test_a_missing_file_is_waited_for(home, capsys, monkeypatch):
    path = security(home) / "ipcontroller-client.json"
    # the file comes while it is waited for, however busy the machine is
    monkeypatch.setattr("camshaft.connection.time.sleep", lambda _: path.write_text(json.dumps(INFO)))
    assert read_connection(timeout=10) == INFO
    assert "Waiting for connection file" in capsys.readouterr().out


def test_a_file_that_never_comes(home):
    with pytest.raises(OSError, match="not found within 0.01 s: start a cluster"):
        read_connection(timeout=0.01)
    with pytest.raises(OSError, match="not found"):
        read_connection("/nowhere/at/all.json")


def test_an_unknown_profile_is_refused_at_once(home):
    security(home, "mpi")
    with pytest.raises(OSError, match="no profile 'mpl' in .*; profiles there: mpi"):
        default_path(profile="mpl")


def test_a_half_written_file_gets_a_moment(home):
    folder = security(home)
    path = folder / "ipcontroller-client.json"
    path.write_text(json.dumps(INFO)[:20])
    threading.Timer(0.05, lambda: path.write_text(json.dumps(INFO))).start()
    assert read_connection(timeout=10) == INFO
    path.write_text(json.dumps(INFO)[:20])
    with pytest.raises(ValueError, match="half-written"):
        read_connection(timeout=0.01)


def test_wrong_files(home):
    with pytest.raises(ValueError, match="lacks key, signature_scheme$"):
        read_connection({k: v for k, v in INFO.items() if k not in ("key", "signature_scheme")})
    engine = {k: v for k, v in INFO.items() if k != "notification"} | {"hb_ping": 1}
    with pytest.raises(ValueError, match="engines' one"):
        read_connection(engine)
    with pytest.raises(ValueError, match="needs the key"):
        Client("tcp://127.0.0.1:1234")
    with pytest.raises(TypeError, match="nope"):
        Client(dict(INFO), nope=1)
    with pytest.raises(NotImplementedError, match="key or an agent"):
        Client(dict(INFO), sshserver="there", password="secret")
