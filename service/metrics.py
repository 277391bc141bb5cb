"""Counts for Prometheus; the only file that knows its client."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .jobs import Jobs

__all__ = ["Metrics"]

_SECONDS = (1, 3, 10, 30, 60, 180, 600, 1800)


class Metrics:
    """In a registry of its own, so that a host's are not mixed with these."""

    def __init__(self, jobs: Jobs) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self._registry = CollectorRegistry()
        by = self._registry
        self._ended = Counter("impasto_jobs", "Jobs that have ended.", ["state"], registry=by)
        self._deaths = Counter("impasto_worker_deaths", "Workers that died.", registry=by)
        self._seconds = Histogram(
            "impasto_job_seconds", "From submission to end.", buckets=_SECONDS, registry=by
        )
        waiting = Gauge("impasto_jobs_queued", "Jobs that wait.", registry=by)
        waiting.set_function(lambda: jobs.store.count("queued"))
        running = Gauge("impasto_jobs_running", "Jobs that are painted.", registry=by)
        running.set_function(lambda: jobs.store.count("running"))
        planned = Gauge("impasto_planned_bytes", "Planned peaks of running jobs.", registry=by)
        planned.set_function(lambda: jobs.planned_bytes)
        budget = Gauge("impasto_budget_bytes", "What they may sum up to.", registry=by)
        budget.set(jobs.settings.memory)

    def count(self, state: str, seconds: float) -> None:
        """A job has ended."""
        self._ended.labels(state).inc()
        self._seconds.observe(max(0.0, seconds))

    def died(self) -> None:
        """A worker died."""
        self._deaths.inc()

    def text(self) -> bytes:
        """As it is scraped."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)
