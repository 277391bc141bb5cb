"""Who was told that a job is cancelled finds it so, whatever happens to its worker meanwhile."""

import threading

import pytest

from impasto.service.jobs import Jobs
from impasto.service.messages import Painted


@pytest.fixture
def running(serving):
    """A server's jobs, and one of them that a worker has taken: the test is that worker."""
    with serving(paused=True) as client:
        client.submit()
        yield client.jobs, Jobs.take(client.jobs)


def test_worker_that_dies_while_its_job_is_cancelled_loses_no_cancel(running, monkeypatch):
    jobs, job = running
    usual = jobs.store.get
    dying = threading.Thread(target=jobs.ended, args=(job, None))

    def get(id):
        monkeypatch.setattr(jobs.store, "get", usual)
        dying.start()
        dying.join(0.5)  # as far as it comes
        return usual(id)

    monkeypatch.setattr(jobs.store, "get", get)
    jobs.cancel(job)
    dying.join()
    assert jobs.store.get(job.id).state == "cancelled"
    assert jobs.planned_bytes == 0
    assert jobs.reason_to_end(job.id) is None


@pytest.mark.parametrize("outcome", [None, Painted("the server is ending"), Painted("cancelled")])
def test_cancel_that_the_worker_did_not_hear_counts(running, outcome):
    jobs, job = running
    jobs.cancel(job)
    assert jobs.reason_to_end(job.id) == "cancelled"
    jobs.ended(job, outcome)
    assert jobs.store.get(job.id).state == "cancelled"
    assert jobs.reason_to_end(job.id) is None


def test_cancel_that_comes_after_the_end_changes_nothing(running):
    jobs, job = running
    jobs.ended(job, Painted(None, 32, 24, 1.0, 1.0))
    jobs.cancel(job)
    assert jobs.store.get(job.id).state == "done"
    assert jobs.reason_to_end(job.id) is None
