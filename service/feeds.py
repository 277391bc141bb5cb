"""What running jobs show, for whoever watches: the latest of each, and no more."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Feed", "Feeds"]


@dataclass(frozen=True)
class Feed:
    """The latest news of a job; `version` grows with each."""

    version: int
    progress: Mapping[str, Any]
    preview: bytes | None


class Feeds:
    """By job; safe under threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._feeds: dict[str, Feed] = {}

    def put(self, job: str, progress: Mapping[str, Any], preview: bytes | None) -> None:
        """Replace the news of a job."""
        with self._lock:
            before = self._feeds.get(job)
            version = 1 if before is None else before.version + 1
            self._feeds[job] = Feed(version, progress, preview)

    def get(self, job: str) -> Feed | None:
        """The latest news, while it runs."""
        with self._lock:
            return self._feeds.get(job)

    def drop(self, job: str) -> None:
        """Forget a job that runs no more."""
        with self._lock:
            self._feeds.pop(job, None)
