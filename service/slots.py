"""A slot paints one job after the other, in a worker process that it starts again when it dies."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.options import Options
from ..export.digests import sha256_of
from .messages import Cancel, Failed, Paint, Painted, Setup, Told
from .processes import Died, Worker

if TYPE_CHECKING:
    from .jobs import Jobs
    from .store import Job

__all__ = ["Slot", "hash_of"]

_log = logging.getLogger("impasto.service")
_LOOK_EVERY = 0.05
# A stop ends an evaluation in the middle; a worker that does not heed it for so long is stuck.
_HEEDED_WITHIN = 15.0
# Reading, planning and writing take time beside the painting.
_BESIDE = 120.0


class Slot(threading.Thread):
    """One thread of the server for one worker process."""

    def __init__(self, jobs: Jobs, setup: Setup, number: int) -> None:
        super().__init__(name=f"slot {number}", daemon=True)
        self._jobs = jobs
        self._worker = Worker(setup, f"impasto worker {number}")
        self._ended = threading.Event()

    def run(self) -> None:
        """Paint until the server ends."""
        try:
            while self._turn():
                pass
        finally:
            self._worker.end(1.0)
            self._ended.set()

    def _turn(self) -> bool:
        """Paint one job; whether there may be more. No error of one keeps the slot from the next:
        the disk may be full now, and have room soon."""
        try:
            job = self._jobs.take()
            if job is None:
                return False
            self._jobs.ended(job, self._outcome(job))
        except Exception:
            _log.exception("%s could not do its turn", self.name)
            self._jobs.pause()
        return True

    def _outcome(self, job: Job) -> Painted | Failed | None:
        try:
            return self._paint(job)
        except Died as death:
            return self._after(death, job)
        except Exception as error:
            _log.exception("job %s could not be painted", job.id)
            # What it does now is not known; the next job has another.
            self._worker.end()
            return Failed("Defect", f"{type(error).__name__}: {error}")

    def end(self, until: float) -> None:
        """Wait for the thread to end, until so late on the monotonic clock; then force it."""
        if not self.is_alive():
            return
        if not self._ended.wait(max(0.0, until - time.monotonic())):
            self._worker.kill()
        self.join()

    def _paint(self, job: Job) -> Painted | Failed:
        if (failed := self._worker.start()) is not None:
            _log.error("a worker cannot open its engine: %s", failed.sentence)
            self._jobs.pause()
            return failed
        self._worker.send(self._order(job))
        told, late = False, time.monotonic() + job.time + _BESIDE
        while True:
            if self._worker.waits(_LOOK_EVERY):
                answer = self._worker.receive()
                if not isinstance(answer, Told):
                    self._log_defect(answer, job)
                    return answer  # type: ignore[no-any-return]
                self._jobs.feeds.put(job.id, answer.progress, answer.preview)
            reason = self._jobs.reason_to_end(job.id)
            if reason is not None and not told:
                self._worker.send(Cancel(job.id, reason))
                told, late = True, time.monotonic() + _HEEDED_WITHIN
            if time.monotonic() > late:
                self._worker.kill()
                late = float("inf")

    def _order(self, job: Job) -> Paint:
        folder = self._jobs.folder_of(job.id)
        return Paint(
            job.id,
            folder,
            folder / "content",
            tuple(folder / name for name in job.styles),
            Options(**job.options),
            job.memory,
            job.time,
            self._jobs.settings.every,
        )

    def _after(self, death: Died, job: Job) -> Painted | None:
        reason = self._jobs.reason_to_end(job.id)
        if reason is not None:  # it was killed since it did not heed
            return Painted(reason)
        folder = self._jobs.folder_of(job.id)
        hashes = " ".join(hash_of(folder / name) for name in ("content", *job.styles))
        _log.error("%s, on the pictures %s", death, hashes)
        self._jobs.metrics.died()
        if death.code is None:  # the system has no room for another process, and may soon have
            self._jobs.pause()
        return None

    def _log_defect(self, answer: object, job: Job) -> None:
        if isinstance(answer, Failed):
            _log.warning("job %s failed: %s: %s", job.id, answer.kind, answer.sentence)


def hash_of(path: Path) -> str:
    """The SHA-256 of a file, to find it again by."""
    try:
        return sha256_of(path)
    except OSError:
        return "(gone)"
