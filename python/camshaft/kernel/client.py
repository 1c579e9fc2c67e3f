"""Everything that `from ipython1.kernel import client` gave."""

from __future__ import annotations

from .error import (
    CompositeError,
    FileTimeoutError,
    InvalidDeferredID,
    InvalidEngineID,
    KernelError,
    NoEnginesRegistered,
    TaskAborted,
    TaskTimeout,
)
from .multiengine import MultiEngineClient, Serialized, default_multiengine_address
from .remoteblock import remote
from .results import PendingResult, ResultList
from .task import BaseTask, MapTask, StringTask, Task, TaskResult
from .taskclient import TaskClient, default_task_address

__all__ = [
    "BaseTask",
    "CompositeError",
    "FileTimeoutError",
    "InvalidDeferredID",
    "InvalidEngineID",
    "KernelError",
    "MapTask",
    "MultiEngineClient",
    "NoEnginesRegistered",
    "PendingResult",
    "ResultList",
    "Serialized",
    "StringTask",
    "Task",
    "TaskAborted",
    "TaskClient",
    "TaskResult",
    "TaskTimeout",
    "default_multiengine_address",
    "default_task_address",
    "get_multiengine_client",
    "get_task_client",
    "remote",
]

get_multiengine_client = MultiEngineClient
get_task_client = TaskClient
