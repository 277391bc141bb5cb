"""A hot folder: pictures are taken as they come, once nobody writes to them any more."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from ..engine.errors import OptionsError
from ..engine.stop import Stop
from .batch_jobs import Job, Naming, is_pattern

__all__ = ["check_watched", "coming", "pauses"]

# What of a file changes when somebody writes to it: bytes, nanoseconds, the file itself.
_Stamp: TypeAlias = tuple[int, int, int]

_SECONDS = 1.0


def check_watched(paths: Sequence[Path], naming: Naming) -> None:
    """Say before the work whether pictures can come there.

    Raises:
        OptionsError: one of them is neither a folder nor a pattern, or the folder of the results.
    """
    for path in paths:
        naming.check(path)
        if not path.is_dir() and not is_pattern(path):
            raise OptionsError(
                f"--watch waits for pictures in folders and of patterns; {str(path)!r} is neither"
            )


@contextlib.contextmanager
def pauses(stop: Stop, over: threading.Event) -> Iterator[Callable[[], bool]]:
    """What waits from one look to the next, and tells whether it was the last one.

    Args:
        stop: a request of it sets `over`, which ends the wait.

    Raises:
        Stopped: it was requested before.
    """
    with stop.calling(over.set):
        yield lambda: over.wait(_SECONDS)


def coming(paths: Sequence[Path], naming: Naming, ends: Callable[[], bool]) -> Iterator[Job]:
    """The pictures that are there and those that come, until the end.

    One is taken when its size and its time of change were the same at two looks, and again after
    every later change. An empty one is still to be written.

    Args:
        ends: waits after each look, and tells whether it was the last one.
    """
    before: dict[Path, _Stamp] = {}
    taken: dict[Path, _Stamp] = {}
    while True:
        now = _stamps(source for path in paths for source in naming.found(path))
        for source, stamp in now.items():
            if before.get(source) == stamp != taken.get(source) and stamp[0] > 0:
                taken[source] = stamp
                yield naming.job(source)
        # Whoever is gone may come again.
        taken = {source: stamp for source, stamp in taken.items() if source in now}
        before = now
        if ends():
            return


def _stamps(sources: Iterable[Path]) -> dict[Path, _Stamp]:
    stamps = {}
    for source in sources:
        with contextlib.suppress(OSError):  # gone since it was found, or not to be looked at yet
            found = source.stat()
            stamps[source] = (found.st_size, found.st_mtime_ns, found.st_ino)
    return stamps
