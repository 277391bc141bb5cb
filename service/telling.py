"""A job as clients see it."""

from __future__ import annotations

from typing import Any

from .store import Job

__all__ = ["told"]


def told(job: Job) -> dict[str, Any]:
    """As JSON: nothing of the server's folders, processes or budgets."""
    return {
        "id": job.id,
        "state": job.state,
        "created": job.created,
        "started": job.started,
        "ended": job.ended,
        "width": job.width,
        "height": job.height,
        "planned_bytes": job.bytes,
        "time": job.time,
        "options": dict(job.options),
        "loss": job.loss,
        "seconds": job.seconds,
        "error": None if job.kind is None else {"error": job.kind, "message": job.error},
    }
