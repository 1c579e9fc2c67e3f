"""CPython's own tests of concurrent.futures, run on our executor: those that are not about pools of this process."""

from __future__ import annotations

from typing import Any, ClassVar
from unittest import TestCase

import pytest
import test.test_concurrent_futures as cpython

WORKERS = 4


class OnOurExecutor:
    """Gives CPython's test classes an executor on the engines."""

    worker_count = WORKERS
    client: ClassVar[Any]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _connect(cls, four: Any) -> Any:
        cls.client = four.client()
        yield
        cls.client.close()

    def executor_type(self, max_workers: int) -> Any:
        return self.client.executor(max_workers=max_workers)

    def setUp(self) -> None:
        self.executor = self.executor_type(self.worker_count)

    def tearDown(self) -> None:
        self.executor.shutdown()


class TestExecutor(OnOurExecutor, cpython.ExecutorTest, TestCase):
    """submit and map."""


class TestWait(OnOurExecutor, cpython.WaitTests, TestCase):
    """concurrent.futures.wait."""


class TestAsCompleted(OnOurExecutor, cpython.AsCompletedTests, TestCase):
    """concurrent.futures.as_completed."""


class TestShutdown(OnOurExecutor, TestCase):
    """What of the shutdown tests does not start interpreters of its own."""

    test_run_after_shutdown = cpython.ExecutorShutdownTest.test_run_after_shutdown
    test_hang_issue12364 = cpython.ExecutorShutdownTest.test_hang_issue12364
    test_cancel_futures = cpython.ExecutorShutdownTest.test_cancel_futures
