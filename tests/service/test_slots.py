"""No trouble of one job, of the disk or of the system keeps a slot from the next job: row H15."""

import errno
import multiprocessing.context

import pytest

from impasto.engine.errors import OutputError
from impasto.service.messages import Failed, Painted
from impasto.service.outcomes import values_after
from impasto.service.store import Job

from ..faults.rows import row
from .conftest import LONG

JOB = Job(1, "a", "running", {}, (), 1, 1, 1.0, 1, 1, 1.0, None, None, 0, None, None, None, None)


@pytest.fixture
def failing(monkeypatch):
    """`failing(owner, name, error, times)`: a method that fails so often, and then serves."""

    def fail(owner, name, error, times):
        errors, usual = [error] * times, getattr(owner, name)

        def call(*given, **told):
            if errors:
                raise errors.pop()
            return usual(*given, **told)

        monkeypatch.setattr(owner, name, call)

    return fail


def paints(client, **told):
    id = client.submit(**told).json()["id"]
    job = client.wait(id, "done", "failed")
    assert client.wait(id, "done", "failed")["state"] == "done", job
    assert client.jobs.planned_bytes == 0


@row("H15")
@pytest.mark.parametrize("code", [errno.EAGAIN, errno.ENOMEM, errno.EMFILE])
def test_job_is_painted_once_the_system_has_room_for_a_process(serving, failing, code):
    with serving() as client:
        process = multiprocessing.context.SpawnProcess
        failing(process, "start", OSError(code, "no room"), 1)
        paints(client)


@row("H15")
def test_job_without_a_process_fails_and_the_next_is_painted(serving, failing):
    with serving() as client:
        process = multiprocessing.context.SpawnProcess
        failing(process, "start", OSError(errno.EAGAIN, "no room"), 2)
        id = client.submit().json()["id"]
        job = client.wait(id, "failed", "done")
        assert "could not be started" in job["error"]["message"]
        paints(client)


@row("H15")
@pytest.mark.parametrize("method", ["first_queued", "change", "ended"])
def test_full_disk_delays_jobs_and_ends_no_slot(serving, failing, method):
    """Where a job is chosen, where it is taken, and where those to remove are looked for."""
    with serving() as client:
        failing(client.jobs.store, method, OutputError("the disk is full"), 1)
        paints(client)
        paints(client)


@row("H15")
def test_end_of_a_job_is_written_as_soon_as_it_can_be(serving, caplog):
    with serving() as client:
        id = client.submit(LONG).json()["id"]
        client.wait(id, "running")
        store, usual = client.jobs.store, client.jobs.store.change

        def change(id, before, **values):
            if values["state"] == "cancelled" and before == "running" and not caplog.records:
                raise OutputError("the disk is full")
            return usual(id, before, **values)

        store.change = change
        client.http.delete(f"/api/jobs/{id}")
        assert client.wait(id, "cancelled")["state"] == "cancelled"
        assert "the disk is full" in caplog.text
        paints(client)


@row("H15")
def test_server_ends_while_the_end_of_a_job_cannot_be_written(serving):
    with serving() as client:
        usual = client.jobs.store.change

        def change(id, before, **values):
            if before == "running":
                raise OutputError("the disk is full")
            return usual(id, before, **values)

        client.jobs.store.change = change
        id = client.submit().json()["id"]
        client.wait(id, "running")
    with serving() as client:  # and the next goes on with the job
        assert client.wait(id, "done", "failed")["state"] == "done"


@row("H15")
def test_job_of_another_version_fails_alone(serving):
    with serving(paused=True) as client:
        id = client.submit().json()["id"]
        client.jobs.store.change(id, "queued", options='{"gone": 1}')
    with serving() as client:
        job = client.wait(id, "failed")
        assert "log" in job["error"]["message"]
        paints(client)


@row("H15")
def test_any_error_while_painting_fails_the_job_and_not_the_slot(serving, failing):
    with serving() as client:
        failing(client.jobs.feeds, "put", RuntimeError("a race"), 1)
        id = client.submit().json()["id"]
        assert client.wait(id, "failed", "done")["state"] == "failed"
        paints(client)


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (None, "queued"),
        (Failed("CorruptImage", "it is damaged"), "failed"),
        (Painted("cancelled"), "cancelled"),
        (Painted("the server is ending"), "queued"),
        (Painted(None, 3, 2, 0.5, 1.0), "done"),
    ],
)
def test_every_outcome_has_its_state(tmp_path, outcome, state):
    values = values_after(JOB, outcome, tmp_path, 9.0)
    assert values["state"] == state
    assert ("ended" in values) == (state != "queued")
