"""Which of the jobs that have ended are kept no longer."""

from __future__ import annotations

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
    """Of the files in a folder and below; 0 where it is gone."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total
