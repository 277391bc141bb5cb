"""Looking at what was sent, where that takes for ever: row H18."""

import multiprocessing
import os
import signal
import sys
import threading
import time

import pytest

from impasto.engine.engine import Engine
from impasto.engine.limits import Limits
from impasto.engine.options import Options
from impasto.engine.stop import Stop, Stopped
from impasto.service import clerk, worker
from impasto.service.messages import Cancel, Failed, PlanOrder, Ready, Setup

from ..faults.rows import row
from .conftest import QUICK
from .test_requests import refused
from .test_server import spawned

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
SETUP = Setup(None, 1, Limits())


@pytest.fixture
def halted(monkeypatch):
    """`halted(client)`: its clerk does nothing any more, and heeds nothing."""
    monkeypatch.setattr(clerk, "_HEEDED_WITHIN", 0.2)

    def halt(client):
        os.kill(client.jobs.clerk._worker._process.pid, signal.SIGSTOP)

    return halt


@row("H18")
def test_plan_that_takes_too_long_is_refused_as_what_it_is_and_the_next_made(serving, halted):
    with serving(paused=True, plan_seconds=3.0) as client:
        halted(client)
        answer = client.submit()
        refused(answer, 503, "3 s")
        assert answer.json()["error"] == "DeadlineExceeded"
        assert int(answer.headers["retry-after"]) >= 1
        assert list((client.jobs.folder / "jobs").iterdir()) == []
        assert client.submit().status_code == 202


@row("H18")
def test_thumbnail_that_takes_too_long_is_refused_as_what_it_is(serving, halted):
    with serving(paused=True, plan_seconds=0.2) as client:
        halted(client)
        refused(client.http.get("/api/styles/waves/thumbnail"), 503)


@row("H18")
def test_nothing_else_waits_for_a_plan_and_not_all_can(server):
    one = server()
    id = one.client.submit().json()["id"]
    one.client.wait(id, "done", "failed")
    (first, *_) = spawned(one.process.pid)
    os.kill(first, signal.SIGSTOP)
    codes = []
    waiting = [
        threading.Thread(target=lambda: codes.append(one.client.submit().status_code))
        for _ in range(40)
    ]
    for thread in waiting:
        thread.start()
    while not codes:  # those beyond the places are answered
        time.sleep(0.05)
    with one.http.stream("GET", f"/api/jobs/{id}/events") as stream:
        assert "event: state" in "".join(stream.iter_text())
    assert one.http.get("/api/styles").status_code == 200
    assert set(codes) == {503}
    os.kill(first, signal.SIGCONT)
    for thread in waiting:
        thread.join()
    assert set(codes) == {202, 503}


@row("H18")
def test_server_that_ends_does_not_wait_for_a_plan(serving, halted):
    with serving(paused=True, plan_seconds=1e6) as client:
        halted(client)
        answers = []
        asking = threading.Thread(target=lambda: answers.append(client.submit()))
        asking.start()
        while not list((client.jobs.folder / "jobs").glob("*/style-0")):
            time.sleep(0.01)
        client.jobs.close()
        asking.join()
        refused(answers[0], 503, "ending")


class Endless(Engine):
    """Plans until it is stopped."""

    planning = None

    def __init__(self, *given, **told):
        type(self).planning = threading.Semaphore(0)

    def plan(self, *given, stop, **told):
        self.planning.release()
        while True:
            stop.check()
            time.sleep(0.01)


@pytest.fixture
def working(monkeypatch, tmp_path):
    """`working(server)`: the worker's main function, while a thread is its server."""
    monkeypatch.setattr(worker, "Engine", Endless)
    monkeypatch.setattr(worker.signal, "signal", lambda number, action: None)

    def work(server):
        ours, theirs = multiprocessing.Pipe()
        told = []

        def serve():
            told.append(ours.recv())
            ours.send(PlanOrder(tmp_path, (tmp_path,), Options(), (1, 2)))
            Endless.planning.acquire()
            server(ours, told)
            ours.close()

        thread = threading.Thread(target=serve)
        thread.start()
        worker.work(theirs, SETUP)
        thread.join()
        return told

    return work


@row("H18")
def test_plan_ends_when_its_server_dies(working):
    assert working(lambda pipe, told: None) == [Ready()]


@row("H18")
def test_plan_ends_when_it_is_told_to_and_the_next_does_not(working, tmp_path):
    def server(pipe, told):
        pipe.send(Cancel("", "it took too long"))
        told.append(pipe.recv())
        pipe.send(PlanOrder(tmp_path, (tmp_path,), Options(), (1,)))
        Endless.planning.acquire()
        told.append(pipe.poll(0.2))

    late = Failed("DeadlineExceeded", "it took too long")
    assert working(server) == [Ready(), late, False]


def test_engine_ends_a_plan_that_is_stopped(network_path, png):
    stop = Stop()
    stop.request("enough")
    engine = Engine(network_path, threads=1)
    with pytest.raises(Stopped):
        engine.plan(png(1), png(2), Options(**QUICK), stop=stop)
    assert engine.plan(png(1), png(2), Options(**QUICK), stop=Stop()).bytes > 0
