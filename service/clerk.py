"""The worker that paints nothing: it looks at what strangers sent, in a process of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from ..engine.limits import Limits
from ..engine.options import Options
from .messages import Cancel, Failed, Planned, PlanOrder, Setup, Shown, Thumbnail
from .processes import Died, Worker
from .refusals import Refusal, ending
from .settings import ServiceSettings
from .slots import hash_of

__all__ = ["Clerk"]

T = TypeVar("T")

_log = logging.getLogger("impasto.service")
_LOOK_EVERY = 0.05
# A plan heeds a stop within a second of a processor; decoding a picture heeds none.
_HEEDED_WITHIN = 5.0
_AGAIN_AFTER = 30


class Clerk:
    """Plans jobs and makes thumbnails, one after the other; safe under threads."""

    def __init__(self, setup: Setup, settings: ServiceSettings) -> None:
        limits: Limits = setup.limits
        self._worker = Worker(Setup(setup.model, 1, limits), "impasto clerk")
        self._settings = settings
        self._lock = threading.Lock()
        self._closing = threading.Event()
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
        """How a job would be made: within its share of the memory, or else within all of it.

        Raises:
            Refusal: it takes too long, or the server is ending.
        """
        whole = self._settings.memory if memory is None else memory
        share = min(whole, self._settings.memory // self._settings.workers)
        order = PlanOrder(content, tuple(styles), options, (share, whole))
        return self._ask(order, Planned, (content, *styles))

    def thumbnail(self, path: Path) -> bytes | None:
        """A small JPEG of a named style; None where it cannot be shown.

        Raises:
            Refusal: see `plan`.
        """
        key = (path, path.stat().st_mtime_ns)
        if key not in self._thumbnails:
            answer = self._ask(Thumbnail(path), Shown, (path,))
            if isinstance(answer, Failed):
                return None
            self._thumbnails[key] = answer.jpeg
        return self._thumbnails[key]

    def close(self) -> None:
        """End the process; whoever waits for it is refused."""
        self._closing.set()
        with self._lock:
            self._worker.end(1.0)

    def _ask(self, order: object, kind: type[T], pictures: Sequence[Path]) -> T | Failed:
        with self._lock:
            if self._closing.is_set():
                raise ending()
            try:
                answer = self._worker.start() or self._answer(order)
            except Died as death:
                if death.code is None:
                    _log.error("%s", death)
                    sentence = "there is no room for a process that looks at this"
                    raise Refusal(503, "LimitError", sentence, _AGAIN_AFTER) from death
                hashes = " ".join(map(hash_of, pictures))
                _log.error("the clerk died with %s on the pictures %s", death.code, hashes)
                return Failed("CorruptImage", "the picture cannot be looked at")
        if isinstance(answer, Failed):
            return answer
        return answer if isinstance(answer, kind) else Failed("Defect", repr(answer))

    def _answer(self, order: object) -> object:
        """What the process says to an order, within the time that it has.

        Raises:
            Died: the process did.
            Refusal: the time is over, or the server ends.
        """
        self._worker.send(order)
        until = time.monotonic() + self._settings.plan_seconds
        while not self._worker.waits(_LOOK_EVERY):
            if self._closing.is_set() or time.monotonic() > until:
                self._give_up()
                raise ending() if self._closing.is_set() else _late(self._settings)
        return self._worker.receive()

    def _give_up(self) -> None:
        self._worker.send(Cancel("", "it took too long"))
        if self._worker.waits(_HEEDED_WITHIN):
            self._worker.receive()
        else:
            self._worker.end()


def _late(settings: ServiceSettings) -> Refusal:
    sentence = f"it took more than {settings.plan_seconds:g} s to look at this and to plan it"
    return Refusal(503, "DeadlineExceeded", sentence, _AGAIN_AFTER)
