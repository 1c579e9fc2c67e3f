"""`publish_data`, under the name that the original has for it."""

from __future__ import annotations

from .engine.datapub import publish_data

__all__ = ["publish_data"]
