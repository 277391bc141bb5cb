"""The jobs of a server: admitted by plan, painted by workers, found again after any death."""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from pathlib import Path

from ..engine.cpus import usable_cpus
from ..engine.errors import OutputError
from ..engine.holding import held
from ..engine.options import Options
from .clerk import Clerk
from .feeds import Feeds
from .folders import JOBS, clear_up, prepare, usable
from .messages import Failed, Painted, Setup
from .metrics import Metrics
from .outcomes import values_after
from .refusals import QueueFull, Refusal, ending, no_room, refusal_of
from .retention import sweep
from .settings import ServiceSettings
from .slots import Slot
from .store import ENDED, Job, Store

__all__ = ["Jobs"]

_log = logging.getLogger("impasto.service")
_PAUSE = 1.0
_LONGEST_WAIT = 600


class Jobs(AbstractContextManager["Jobs"]):
    """Holds the folder, the rows, the workers and the sum of what they were planned to take.

    At the end of a `with` block they are closed, whatever ends it: Python would wait for ever for
    workers that nobody has told to end.

    Raises:
        OptionsError: another server has the folder.
        OutputError: the folder cannot be used.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.folder = settings.folder.absolute()
        with ExitStack() as opened:
            opened.enter_context(held(self.folder))
            prepare(self.folder)
            self.store = Store(self.folder)
            opened.callback(self.store.close)
            self._opened = opened.pop_all()
        self.feeds = Feeds()
        self._changed = threading.Condition()
        self._planned = 0
        self._closing = False
        self._cancelling: set[str] = set()
        # Whether a job is running, and whether it is cancelled, are looked at and changed together.
        self._settling = threading.Lock()
        threads = settings.threads
        if threads is None:
            threads = max(1, usable_cpus() // settings.workers)
        setup = Setup(settings.model, threads, settings.limits)
        self.clerk = Clerk(setup, settings)
        self._slots = [Slot(self, setup, number) for number in range(settings.workers)]
        self.metrics = Metrics(self)

    def __exit__(self, *ended: object) -> None:
        self.close()

    def open(self) -> Failed | None:
        """Begin: clear up after a death, and paint what waits; why not, if no engine opens.

        Raises:
            OutputError: the folder cannot be used.
        """
        self.store.requeue()
        clear_up(self.folder, lambda name: self.store.get(name) is not None)
        with usable(self.folder):
            self.sweep()
        failed = self.clerk.open()
        if failed is None:
            for slot in self._slots:
                slot.start()
        return failed

    @property
    def is_closing(self) -> bool:
        """Whether nothing is accepted any more."""
        return self._closing

    @property
    def planned_bytes(self) -> int:
        """The sum of the running jobs' planned peaks, at most `settings.memory`."""
        return self._planned

    def folder_of(self, job: str) -> Path:
        """Of the files of a job."""
        return self.folder / JOBS / job

    def begin_closing(self) -> None:
        """Accept nothing more, begin nothing more, and save what runs: a signal handler may."""
        self._closing = True

    def save_running(self) -> None:
        """Begin to close, and wait for the workers as long as `settings.grace` says."""
        self.begin_closing()
        with self._changed:
            self._changed.notify_all()
        until = time.monotonic() + self.settings.grace
        self.clerk.close()
        for slot in self._slots:
            slot.end(until)

    def close(self) -> None:
        """Save what runs, and let go of everything; a second time does nothing."""
        try:
            self.save_running()
        finally:
            self._opened.close()

    def check_room(self) -> None:
        """Refuse a job before its pictures are read.

        Raises:
            Refusal: the queue or the disk is full, or the server is ending.
        """
        if self._closing:
            raise ending()
        if self.store.count("queued") >= self.settings.queue:
            raise self._full()
        if shutil.disk_usage(self.folder).free < self.settings.free_bytes:
            raise no_room()

    def new_folder(self) -> tuple[str, Path]:
        """A name that cannot be guessed, and the folder of its job."""
        name = secrets.token_hex(16)
        folder = self.folder_of(name)
        folder.mkdir()
        return name, folder

    def submit(
        self,
        name: str,
        styles: Sequence[str],
        options: Options,
        memory: int | None,
        seconds: float | None,
    ) -> Job:
        """Accept the job whose pictures are in its folder.

        Args:
            styles: names of files there, beside `content`.
            memory, seconds: limits of its own, at most those of the server.

        Raises:
            Refusal: it cannot be made, or not now.
        """
        folder = self.folder_of(name)
        pictures = [folder / style for style in styles]
        planned = self.clerk.plan(folder / "content", pictures, options, memory)
        if isinstance(planned, Failed):
            raise refusal_of(planned, folder)
        try:
            job = self.store.add(
                self.settings.queue,
                id=name,
                options=asdict(options),
                styles=list(styles),
                bytes=planned.bytes,
                memory=planned.memory,
                time=min(self.settings.time, seconds or self.settings.time),
                width=planned.width,
                height=planned.height,
            )
        except QueueFull as error:
            raise self._full() from error
        with self._changed:
            self._changed.notify_all()
        return job

    def cancel(self, job: Job) -> None:
        """End a job that waits or runs; it is kept, as cancelled."""
        with self._settling:
            was_queued = self.store.change(job.id, "queued", state="cancelled", ended=time.time())
            now = self.store.get(job.id)
            if now is not None and now.state == "running":
                self._cancelling.add(job.id)
        if was_queued:
            self.finish(job, "cancelled")

    def reason_to_end(self, job: str) -> str | None:
        """Why the worker of a running job is to leave it now."""
        if job in self._cancelling:
            return "cancelled"
        return "the server is ending" if self._closing else None

    def forget(self, job: Job) -> None:
        """Remove a job that has ended, and its files."""
        self.store.remove(job.id)
        shutil.rmtree(self.folder_of(job.id), ignore_errors=True)

    def sweep(self) -> None:
        """Remove what is kept for too long, or is too much."""
        for job in sweep(self.store.ended(), self.folder_of, self.settings, time.time()):
            self.forget(job)

    def take(self) -> Job | None:
        """The next job, as soon as there is room in the memory for its plan; None at the end.

        The first one waits until there is: smaller ones behind it would else go on for ever.
        """
        with self._changed:
            while not self._closing:
                job = self.store.first_queued()
                if job is not None and self._has_room(job):
                    now = time.time()
                    if self.store.change(job.id, "queued", state="running", started=now):
                        self._planned += job.bytes
                        return job
                else:
                    self._changed.wait()
        return None

    def _has_room(self, job: Job) -> bool:
        # Alone it may always: it was accepted, perhaps by a server with a larger budget.
        return self._planned == 0 or self._planned + job.bytes <= self.settings.memory

    def ended(self, job: Job, outcome: Painted | Failed | None) -> None:
        """What became of a job that was taken; None: its worker died.

        Where that cannot be written, it is tried until it can. When the server ends before, the job
        is as if the server had died: the next one goes on with it.
        """
        try:
            while (state := self._settled(job, outcome)) is None and not self._closing:
                self.pause()
        finally:
            with self._changed:
                self._planned -= job.bytes
                self._changed.notify_all()
            self.feeds.drop(job.id)
        if state in ENDED:
            self.finish(job, state)

    def _settled(self, job: Job, outcome: Painted | Failed | None) -> str | None:
        """The state that was written; None where it could not be."""
        folder, now = self.folder_of(job.id), time.time()
        with self._settling:
            values = values_after(job, outcome, folder, now)
            if values["state"] == "queued" and job.id in self._cancelling:
                # It came when the worker could not hear it any more.
                values = values_after(job, Painted("cancelled"), folder, now)
            try:
                self.store.change(job.id, "running", **values)
            except OutputError as error:
                _log.error("the end of job %s cannot be written: %s", job.id, error)
                return None
            self._cancelling.discard(job.id)
        return str(values["state"])

    def pause(self) -> None:
        """Wait a second, or until the server ends: what failed now may not fail then."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing, _PAUSE)

    def finish(self, job: Job, state: str) -> None:
        """Clear up after a job that has ended."""
        shutil.rmtree(self.folder_of(job.id) / "checkpoint", ignore_errors=True)
        self.metrics.count(state, time.time() - job.created)
        self.sweep()

    def _full(self) -> Refusal:
        """When a place may be free: as the last jobs took, but between a second and ten minutes."""
        took = [job.seconds for job in self.store.latest(20) if job.seconds is not None]
        usual = sum(took) / len(took) if took else self.settings.time / 10
        wait = min(_LONGEST_WAIT, max(1, round(usual / self.settings.workers)))
        return Refusal(429, "LimitError", "as many jobs as may wait are waiting already", wait)
