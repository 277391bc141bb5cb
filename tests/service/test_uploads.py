"""Pictures while they come in: where they are, and how many: row H20."""

import socket
import tempfile
import time
from pathlib import Path

import pytest

from impasto.service.jobs import Jobs

from ..faults.rows import row
from .test_requests import refused
from .test_server import head

PART = b'--b\r\nContent-Disposition: form-data; name="content"; filename="x"\r\n\r\n'


def coming(server, count):
    """A submission that has sent so many bytes of its content, and waits."""
    line = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    line.sendall(head(f"Content-Length: {20 << 20}") + PART + b"x" * count)
    return line


def held(server):
    """The files that a server process has open."""
    found = []
    for link in Path(f"/proc/{server.process.pid}/fd").iterdir():
        try:
            found.append(str(link.readlink()))
        except FileNotFoundError:
            continue
    return found


@row("H20")
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's /proc")
def test_bodies_are_spooled_on_the_disk_of_the_jobs(server, tmp_path):
    uploads = tmp_path / "data" / "uploads"
    one = server()
    with coming(one, 3 << 20):
        while not any(path.startswith(str(uploads)) for path in held(one)):
            time.sleep(0.05)
    while any(path.startswith(str(uploads)) for path in held(one)):  # nothing is left of it
        time.sleep(0.05)
    assert list(uploads.iterdir()) == []


@row("H20")
def test_what_was_coming_in_at_a_death_is_removed(serving, settings):
    with Jobs(settings()):
        uploads = settings().folder / "uploads"
    (uploads / "tmpabc").write_bytes(b"half a picture")
    with serving(paused=True):
        assert list(uploads.iterdir()) == []


@row("H20")
def test_only_so_many_submissions_come_in_at_once(server):
    one = server(uploads=2)
    lines = [coming(one, 1000) for _ in range(2)]
    while (answer := one.client.submit()).status_code == 202:  # until both have been seen
        time.sleep(0.05)
    refused(answer, 503)
    assert int(answer.headers["retry-after"]) >= 1
    assert one.http.get("/api/jobs").status_code == 200
    for line in lines:
        line.close()
    while (answer := one.client.submit()).status_code == 503:  # until it has seen that they went
        time.sleep(0.05)
    assert answer.status_code == 202


@row("H20")
def test_disk_that_is_full_while_a_body_comes_in_is_told(serving, png):
    resource = pytest.importorskip("resource")
    with serving(paused=True) as client:
        files = {"content": ("x", png() + bytes(3 << 20)), "style": ("y", png())}
        usual = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, usual[1]))
        try:
            answer = client.submit(files=files)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        refused(answer, 507)
        assert client.submit().status_code == 202


def test_serving_changes_the_place_of_temporary_files_for_its_time_alone(settings, monkeypatch):
    from impasto.service import server

    class Config:
        def __init__(self, *given, **told):
            pass

    class Server:
        def __init__(self, config):
            pass

        def run(self, sockets):
            seen.append(tempfile.gettempdir())

    seen = []
    monkeypatch.setattr("uvicorn.Server", Server)
    monkeypatch.setattr("uvicorn.Config", Config)
    before = tempfile.tempdir
    with Jobs(settings()) as jobs, server.listening(settings(port=0)) as bound:
        server.serve(jobs, bound, lambda: None)
    assert seen == [str(settings().folder / "uploads")]
    assert tempfile.tempdir == before
