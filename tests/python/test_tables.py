"""What a person sees of clients, views and results in a notebook and at a prompt."""

from __future__ import annotations

import re

import camshaft as ipp
import pytest
from fakecore import FakeCore, make_client


def text_of(html):
    """HTML as lines of text; checks that every tag is closed."""
    open_tags = []
    for closing, tag in re.findall(r"<(/?)(\w+)", html):
        if closing:
            assert open_tags.pop() == tag
        else:
            open_tags.append(tag)
    assert not open_tags
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


@pytest.fixture
def core():
    made = FakeCore(engines=14)
    made.properties.update({i: {"host": "node<1>", "cores": 4, "memory": 8 * 2**30} for i in range(14)})
    return made


def test_a_client(rc):
    text = text_of(rc._repr_html_())
    assert text.startswith("Client 14 engines, 0 messages outstanding")
    assert "engine host cores memory uuid 0 node&lt;1&gt; 4 8.0 GiB" in text
    assert text.endswith("and 2 more")
    assert repr(rc) == "<Client: 14 engines>"
    rc.close()
    assert text_of(rc._repr_html_()) == "Client closed"


def test_a_client_without_engines_and_properties():
    with make_client(FakeCore(engines=0)) as rc:
        assert text_of(rc._repr_html_()).startswith("Client 0 engines")


def test_what_no_engine_has_takes_no_column():
    core = FakeCore(engines=2)
    core.properties.update({0: {"host": "a", "gpus": 0}, 1: {"host": "b", "gpus": 0}})
    with make_client(core) as rc:
        assert "engine host uuid 0 a" in text_of(rc._repr_html_())
        core.properties[1]["gpus"] = 2
        assert "engine host gpus uuid 0 a 0" in text_of(rc._repr_html_())


def test_views(rc):
    assert text_of(rc[3]._repr_html_()).startswith("DirectView engine 3 (1 now)")
    view = rc[[0, 1, 2, 5]]
    assert text_of(view._repr_html_()) == "DirectView engines 0-2,5 (4 now), 0 messages sent, 0 answered"
    view.block = True
    view.set_flags(label="<mine>")
    view.push({"a": 1})
    text = text_of(view._repr_html_())
    assert "4 messages sent, 4 answered" in text
    assert "block True" in text and "label &lt;mine&gt;" in text
    balanced = rc.load_balanced_view(retries=3)
    assert text_of(balanced._repr_html_()).startswith("LoadBalancedView all engines (14 now)")
    assert "retries 3" in text_of(balanced._repr_html_())


def test_results(rc, core):
    core.hold = True
    result = rc[:].apply_async(abs, -1)
    text = text_of(result._repr_html_())
    assert text.startswith("AsyncResult: abs pending done 0 of 14 elapsed")
    core.release()
    text = text_of(result._repr_html_())
    assert text.startswith("AsyncResult: abs finished done 14 of 14 wall time")
    assert text.endswith("engines 0-13")


def test_failed_results_say_why(rc):
    result = rc[:].apply_async(divmod, 1, 0)
    result.wait()
    text = text_of(result._repr_html_())
    assert "AsyncResult: divmod failed" in text
    assert text.endswith("0-13 ZeroDivisionError integer division or modulo by zero")
    few = rc[:2].apply_async(divmod, 1, 0)
    few.wait()
    assert text_of(few._repr_html_()).endswith("0-1 ZeroDivisionError integer division or modulo by zero")
    with pytest.raises(ipp.CompositeError, match=r"\[engines 0-13:apply\] ZeroDivisionError"):
        result.get()


def test_a_cluster():
    text = text_of(ipp.Cluster(n=3, cluster_id="mine")._repr_html_())
    assert text.startswith("Cluster not running cluster id &#x27;mine&#x27;")
    assert text.endswith("wanted 3 engines")
