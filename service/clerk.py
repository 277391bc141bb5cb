"""The worker that paints nothing: it looks at what strangers sent, in a process of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from ..engine.limits import Limits
from ..engine.options import Options
from .messages import Failed, Planned, PlanOrder, Setup, Shown, Thumbnail
from .processes import Died, Worker
from .settings import ServiceSettings
from .slots import hash_of

__all__ = ["Clerk"]

T = TypeVar("T")

_log = logging.getLogger("impasto.service")
# A plan reads headers, a thumbnail one picture within the limits.
_PATIENCE = 60.0


class Clerk:
    """Plans jobs and makes thumbnails, one after the other; safe under threads."""

    def __init__(self, setup: Setup, settings: ServiceSettings) -> None:
        limits: Limits = setup.limits
        self._worker = Worker(Setup(setup.model, 1, limits), "impasto clerk")
        self._settings = settings
        self._lock = threading.Lock()
        self._thumbnails: dict[tuple[Path, int], bytes] = {}

    def open(self) -> Failed | None:
        """Open the engine; why not, if it cannot."""
        with self._lock:
            try:
                return self._worker.start()
            except Died as death:
                return Failed("Defect", str(death))

    def plan(
        self, content: Path, styles: Sequence[Path], options: Options, memory: int | None
    ) -> Planned | Failed:
        """How a job would be made: within its share of the memory, or else within all of it."""
        whole = self._settings.memory if memory is None else memory
        share = min(whole, self._settings.memory // self._settings.workers)
        order = PlanOrder(content, tuple(styles), options, (share, whole))
        return self._ask(order, Planned, (content, *styles))

    def thumbnail(self, path: Path) -> bytes | None:
        """A small JPEG of a named style; None where it cannot be shown."""
        key = (path, path.stat().st_mtime_ns)
        if key not in self._thumbnails:
            answer = self._ask(Thumbnail(path), Shown, (path,))
            if isinstance(answer, Failed):
                return None
            self._thumbnails[key] = answer.jpeg
        return self._thumbnails[key]

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._worker.end(1.0)

    def _ask(self, order: object, kind: type[T], pictures: Sequence[Path]) -> T | Failed:
        with self._lock:
            try:
                if (failed := self._worker.start()) is not None:
                    return failed
                self._worker.send(order)
                if not self._worker.waits(_PATIENCE):
                    self._worker.kill()
                answer = self._worker.receive()
            except Died as death:
                hashes = " ".join(map(hash_of, pictures))
                _log.error("the clerk died with %s on the pictures %s", death.code, hashes)
                return Failed("CorruptImage", "the picture cannot be looked at")
        if isinstance(answer, Failed):
            return answer
        return answer if isinstance(answer, kind) else Failed("Defect", repr(answer))
