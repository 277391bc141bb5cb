"""A worker process: a line for a line, and an end that a supervisor can rely on."""

import fcntl
import json
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

from impasto.engine.images import read_picture

from .conftest import EXAMPLES

QUICK = {"size": 32, "levels": 1, "iterations": 1}
LONG = {**QUICK, "iterations": 1_000_000, "optimizer": "adam"}


@pytest.fixture
def worker(python, environment, tmp_path, png):
    """One, with the pictures that `job` names."""
    for name, seed in (("photo.png", 1), ("painting.png", 2)):
        (tmp_path / name).write_bytes(png(seed))
    with subprocess.Popen(
        [*python, str(EXAMPLES / "worker.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=tmp_path,
    ) as process:
        yield process
        process.kill()


def job(id, **changed):
    usual = {"content": "photo.png", "style": "painting.png", "output": f"{id}.png"}
    return {"id": id, **usual, "options": QUICK, **changed}


def send(worker, *lines):
    for line in lines:
        print(line if isinstance(line, str) else json.dumps(line), file=worker.stdin, flush=True)


def answer(worker):
    return json.loads(worker.stdout.readline())


def wait_until_read(worker):
    while struct.unpack("i", fcntl.ioctl(worker.stdin, termios.FIONREAD, b"\0" * 4))[0]:
        time.sleep(0.01)


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into a pipe")


def test_every_job_has_its_answer_whatever_the_ones_before_were(worker, tmp_path):
    jobs = [
        job("a"),
        "no JSON",
        "[" * 100_000,
        job("b", content="gone.png"),
        job("c", options={"colour": "red"}),
        job("d", output="no/d.png"),
        job("e", time=0.5, options=LONG),
    ]
    send(worker, *jobs)
    worker.stdin.close()
    answers = [json.loads(line) for line in worker.stdout]
    assert [one.get("error", one["status"]) for one in answers] == [
        "done",
        "ValueError",
        "ValueError",
        "ImageNotFound",
        "TypeError",
        "OutputError",
        "done",
    ]
    assert worker.wait() == 0
    assert read_picture(tmp_path / "a.png").shape == (32, 32, 3)
    assert not (tmp_path / "d.png").exists()


def test_termination_ends_the_job_in_the_making_and_tells_of_it(worker, tmp_path):
    send(worker, job("a"))
    assert answer(worker)["status"] == "done"
    send(worker, job("b", options=LONG))
    wait_until_read(worker)
    worker.send_signal(signal.SIGTERM)
    assert [json.loads(line)["status"] for line in worker.stdout] in ([], ["unfinished"])
    assert worker.wait() == 0
    assert sorted(path.name for path in tmp_path.glob("?.png")) == ["a.png"]


def test_termination_ends_a_worker_that_waits(worker):
    send(worker, job("a"))
    assert answer(worker)["status"] == "done"
    worker.send_signal(signal.SIGTERM)
    assert worker.stdout.read() == ""
    assert worker.wait() == 0
