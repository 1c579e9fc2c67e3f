"""Properties of engines, and tasks that ask for them, as in 2008; priorities."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import camshaft as ipp
import pytest
from camshaft.kernel import client
from processes import at_the_prompt


@pytest.fixture
def mec(rc: ipp.Client) -> Iterator[client.MultiEngineClient]:
    made = client.MultiEngineClient(client=rc)
    yield made
    made.del_properties(["cores", "name", "os"])


def test_S3_73_properties(mec: client.MultiEngineClient) -> None:
    assert mec.set_properties({"cores": 16, "name": "big"}, targets=[1, 3]) == [None, None]
    assert mec.get_properties(["cores", "name"], targets=[1]) == [{"cores": 16, "name": "big"}]
    assert mec.get_properties()[1]["cores"] == 16 and mec.get_properties(block=False).r[3]["name"] == "big"
    assert mec.has_properties(("name", "pid")) == [[False, True], [True, True]] * 2
    assert mec.del_properties("name", targets=3) == [None]
    assert mec.has_properties("name") == [[False], [True], [False], [False]]
    assert mec.client.engine_properties(1)["name"] == "big"  # the same as those of today's interface


@at_the_prompt
def set_on_the_engine():
    from camshaft.engine import properties

    properties["os"] = "linux"


def test_S3_73_properties_set_by_the_engine(mec: client.MultiEngineClient, rc: ipp.Client) -> None:
    from processes import wait_until

    rc[2].apply_sync(set_on_the_engine)
    wait_until(lambda: mec.has_properties("os") == [[False], [False], [True], [False]], "the property")


def test_S3_16_tasks_from_several_threads(rc: ipp.Client) -> None:
    tc = client.TaskClient(client=rc)
    totals: list[int] = []
    threads = [threading.Thread(target=lambda: totals.append(sum(tc.map(abs, range(-5, 0))))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert totals == [15] * 4
