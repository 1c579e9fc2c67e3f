"""The engine's command line."""

from __future__ import annotations

import pytest
from camshaft.engine.options import Options, UsageError, parse


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in ("IPP_PROFILE_DIR", "IPP_CLUSTER_ID", "IPP_SESSION_KEY", "IPYTHONDIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("argument", "attribute", "value"),
    [
        ("--profile=mpi", "profile", "mpi"),
        ("--profile-dir=/p", "profile_dir", "/p"),
        ("--cluster-id=x", "cluster_id", "x"),
        ("--ipython-dir=/i", "ipython_dir", "/i"),
        ("--file=/f.json", "file", "/f.json"),
        ("--IPEngine.url_file=/f.json", "file", "/f.json"),
        ("--IPEngine.url_file='/f.json'", "file", "/f.json"),
        ("--id=3", "engine_id", 3),
        ('--properties={"rack": 3}', "properties", {"rack": 3}),
        ('--IPEngine.properties={"rack": 3}', "properties", {"rack": 3}),
        ("--IPEngine.id=None", "engine_id", None),
        ("--location=h", "location", "h"),
        ("--timeout=2.5", "timeout", 2.5),
        ("--EngineFactory.timeout=2.5", "timeout", 2.5),
        ("--wait-for-file=7", "wait_for_file", 7.0),
        ("--IPEngine.wait_for_url_file=7", "wait_for_file", 7.0),
        ("--max-heartbeat-misses=0", "max_heartbeat_misses", 0),
        ("--log-level=DEBUG", "log_level", 10),
        ("--log-level=40", "log_level", 40),
        ("--IPEngine.log_level=DEBUG", "log_level", 10),
        ("--debug", "log_level", 10),
        ("--log-to-file", "log_to_file", True),
        ("--log-to-file=False", "log_to_file", False),
        ("--mpi", "mpi", True),
        ("--IPEngine.use_mpi=True", "mpi", True),
        ("--Session.key=abc", "key", "abc"),
        ("--ProfileDir.location=/p", "profile_dir", "/p"),
        ("-c=a=1", "startup_command", "a=1"),
        ("--InteractiveShell.colors=NoColor", "shell_traits", [("InteractiveShell", "colors", "NoColor")]),
        ("--IPEngine.enable_nanny=False", "show", None),
        ("--Session.buffer_threshold=1", "show", None),
        ("--help", "show", "help"),
        ("--help-all", "show", "help-all"),
        ("-p=mpi", "profile", "mpi"),
        ("--version", "show", "version"),
    ],
)
def test_each_option(argument, attribute, value):
    assert getattr(parse([argument]), attribute) == value


def test_values_may_stand_apart():
    options = parse(["-c", "x = 1", "--profile-dir", "/p", "--cluster-id", "id", "--log-to-file", "--timeout", "3"])
    assert (options.startup_command, options.profile_dir, options.cluster_id) == ("x = 1", "/p", "id")
    assert (options.log_to_file, options.timeout) == (True, 3.0)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--flie=x"], "unknown option --flie: did you mean --file?"),
        (["--IPEngine.url_fil=x"], "unknown option --IPEngine.url_fil: did you mean --IPEngine.url_file?"),
        (["--qqqqqqqqq"], "unknown option --qqqqqqqqq: see ipengine --help"),
        (["file"], "unexpected argument 'file': options start with -- (see ipengine --help)"),
        (["--file"], "--file needs a value: --file=VALUE"),
        (["--timeout=-1"], "--timeout=-1: expected a number of seconds, 0 or more"),
        (["--id=-2"], "--id=-2: expected a whole number, 0 or more"),
        (["--mpi", "--log-to-file=perhaps"], "--log-to-file=perhaps: expected True or False"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments, line):
    with pytest.raises(UsageError) as caught:
        parse(arguments)
    assert str(caught.value) == line


def test_unsupported_options_say_what_to_do_instead():
    with pytest.raises(UsageError, match="use --file"):
        parse(["--url=tcp://1.2.3.4:1"])
    assert parse(["--ssh=host"]).ssh_server == "host"


def test_connection_file_of_a_profile(monkeypatch, tmp_path):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    assert parse([]).connection_file() == str(tmp_path / "profile_default/security/ipcontroller-engine.json")
    options = parse(["--profile=p", "--cluster-id=c"])
    assert options.connection_file() == str(tmp_path / "profile_p/security/ipcontroller-c-engine.json")
    assert parse(["--profile-dir=/q"]).connection_file() == "/q/security/ipcontroller-engine.json"
    assert parse(["--file=/x.json", "--profile-dir=/q"]).connection_file() == "/x.json"


def test_the_environment_of_launchers(monkeypatch):
    monkeypatch.setenv("IPP_PROFILE_DIR", "/env")
    monkeypatch.setenv("IPP_CLUSTER_ID", "c")
    monkeypatch.setenv("IPP_SESSION_KEY", "k")
    options = Options()
    assert options.connection_file() == "/env/security/ipcontroller-c-engine.json"
    assert options.key == "k"
    assert parse(["--profile-dir=/flag"]).profile_folder() == "/flag"


def test_startup_lists_come_whole_or_word_by_word():
    options = parse(["--IPKernelApp.exec_lines=['a = 1', 'b = 2']", "--InteractiveShellApp.exec_lines=c = 3"])
    assert options.startup("exec_lines") == ["a = 1", "b = 2"]  # the special class hides the general one
    assert parse(["--IPKernelApp.exec_files=a.py", "--IPKernelApp.exec_files=b.py"]).startup("exec_files") == [
        "a.py",
        "b.py",
    ]
    assert options.startup("extensions") == []
    # The command line replaces what a file says.
    said = parse(["--InteractiveShellApp.extensions=['mine']"], Options(), "a file")
    assert parse(["--InteractiveShellApp.extensions=other"], said).startup("extensions") == ["other"]
    with pytest.raises(UsageError, match="expected a list of texts"):
        parse(["--IPKernelApp.exec_lines=[1]"])
    assert not parse(["--InteractiveShellApp.exec_PYTHONSTARTUP=False"]).exec_pythonstartup
