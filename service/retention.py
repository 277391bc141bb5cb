"""Which of the jobs that have ended are kept no longer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .settings import ServiceSettings
from .store import Job

__all__ = ["bytes_of", "sweep"]


def sweep(
    ended: Sequence[Job],
    folder_of: Callable[[str], Path],
    settings: ServiceSettings,
    now: float,
) -> Iterator[Job]:
    """Those to remove: too old, too many, or too large together with all younger ones.

    Args:
        ended: the oldest first.
    """
    total = 0
    for place, job in enumerate(reversed(ended)):
        total += bytes_of(folder_of(job.id))
        age = now - (job.ended or now)
        if (
            place >= settings.keep_jobs
            or total > settings.keep_bytes
            or age > settings.keep_seconds
        ):
            yield job


def bytes_of(folder: Path) -> int:
    """Of the files in a folder and below; 0 of what is gone, or goes while it is counted."""
    total = 0
    for inside, _, names in os.walk(folder, onerror=_unless_gone):
        for name in names:
            try:
                total += (Path(inside) / name).lstat().st_size
            except FileNotFoundError:
                continue
    return total


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
