"""Clusters from Python: `Cluster` starts, watches, scales and stops one; `ClusterManager` knows those of a user."""

from __future__ import annotations

from .cluster import Cluster
from .live import ControllerProcess, EngineProcess, EngineSet
from .manager import ClusterManager, clean_cluster_files
from .policy import Policy
from .scaling import Adaptation

__all__ = [
    "Adaptation",
    "Cluster",
    "ClusterManager",
    "ControllerProcess",
    "EngineProcess",
    "EngineSet",
    "Policy",
    "clean_cluster_files",
]
