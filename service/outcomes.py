"""What becomes of a job when a worker has had it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .messages import Failed, Painted
from .refusals import refusal_of
from .store import Job

__all__ = ["values_after"]

# Painting a job again where a worker died is tried so often: the next may be that one's fault too.
_MOST_DEATHS = 2


def values_after(
    job: Job, outcome: Painted | Failed | None, folder: Path, now: float
) -> dict[str, Any]:
    """The columns that change.

    Args:
        outcome: None where the worker died.
        folder: of the job; its name is not told.
        now: seconds since the epoch.
    """
    if outcome is None:
        return _after_death(job, now)
    if isinstance(outcome, Failed):
        refusal = refusal_of(outcome, folder)
        return _failed(refusal.kind, refusal.sentence, now)
    if outcome.stopped == "cancelled":
        return {"state": "cancelled", "ended": now}
    if outcome.stopped is not None:
        return {"state": "queued", "started": None}
    return {
        "state": "done",
        "ended": now,
        "loss": outcome.loss,
        "seconds": outcome.seconds,
        "width": outcome.width,
        "height": outcome.height,
    }


def _after_death(job: Job, now: float) -> dict[str, Any]:
    deaths = {"deaths": job.deaths + 1}
    if job.deaths + 1 < _MOST_DEATHS:
        return {**deaths, "state": "queued"}
    sentence = "the process that painted it died twice, or could not be started"
    return {**deaths, **_failed("StyleError", sentence, now)}


def _failed(kind: str, sentence: str, now: float) -> dict[str, Any]:
    return {"state": "failed", "ended": now, "kind": kind, "error": sentence}
