"""A server process, and what happens to it: rows H02, H04, H06, H13, H14, H17."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ..faults.rows import row
from .conftest import LONG, QUICK

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")


def raw(server, data, patience=60):
    """What comes back, to the end, when this is sent as it is."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=patience) as line:
        line.sendall(data)
        found = b""
        while part := line.recv(65536):
            found += part
        return found


def head(*more):
    lines = ["POST /api/jobs HTTP/1.1", "Host: 127.0.0.1", *more]
    lines.append("Content-Type: multipart/form-data; boundary=b")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def children(pid):
    """Processes that a process has started, by their ids."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def lives(pid):
    """Whether a process is there, and no mere entry that nobody has asked for."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def ignores(pid, number):
    """Whether a process has said that it ignores that signal."""
    found = re.search(r"SigIgn:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    return bool(int(found[1], 16) >> (number - 1) & 1)


def spawned(pid):
    """The worker processes of a server, the oldest first: Python's resource tracker aside."""
    return sorted(
        child
        for child in children(pid)
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    )


@row("H02")
def test_bodies_above_the_limit_are_refused_however_they_come(server):
    one = server(limits={"file_bytes": 1000})
    most = 2 * 1000 + (1 << 20)
    part = b'--b\r\nContent-Disposition: form-data; name="content"; filename="x"\r\n\r\n'
    answer = raw(one, head(f"Content-Length: {most + 1}"))
    assert answer.startswith(b"HTTP/1.1 413") and b"connection: close" in answer
    chunk = part + b"x" * (most + 1 - len(part))
    chunked = b"%x\r\n%s\r\n" % (len(chunk), chunk)
    answer = raw(one, head("Transfer-Encoding: chunked") + chunked)
    assert answer.startswith(b"HTTP/1.1 413"), answer
    answer = raw(one, head("Content-Encoding: gzip", "Content-Length: 3") + b"abc")
    assert answer.startswith(b"HTTP/1.1 415")
    # A length that lies is the length: what comes behind it is no request.
    lying = raw(one, head("Content-Length: 5") + b"--b--" + b"x" * 100)
    assert lying.startswith(b"HTTP/1.1 400")
    assert one.http.get("/healthz").status_code == 200


@row("H04")
def test_slow_clients_are_let_go_and_others_served(server):
    one = server(head_seconds=0.5, body_seconds=0.5, reader_seconds=0.5)
    assert raw(one, b"") == b""
    assert raw(one, b"GET /healthz HT") == b""
    answer = raw(one, head("Content-Length: 1000") + b"--b\r\n")
    assert answer.startswith(b"HTTP/1.1 408")
    job = one.client.submit({**QUICK, "size": 1024, "iterations": 0}).json()
    one.client.wait(job["id"], "done", "failed")
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        slow.settimeout(60)
        slow.connect(("127.0.0.1", one.port))
        ask = f"GET /api/jobs/{job['id']}/result HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        slow.sendall(ask.encode() * 4)
        time.sleep(3)
        assert one.http.get("/healthz").status_code == 200
        with pytest.raises(ConnectionError):
            while slow.recv(65536):
                pass
            raise ConnectionResetError  # closed before all was read


@row("H05")
def test_a_thousand_connections_do_not_keep_the_server(server):
    one = server(connections=200, head_seconds=1.0)
    lines = [socket.create_connection(("127.0.0.1", one.port)) for _ in range(1000)]
    for line in lines:
        line.close()
    while one.http.get("/healthz").status_code != 200:  # until it has seen that they are closed
        time.sleep(0.05)


@row("H06")
def test_job_of_a_client_that_goes_away_ends_where_it_was_attached(server):
    one = server()
    ids = [one.client.submit(LONG).json()["id"] for _ in range(2)]
    with one.http.stream("GET", f"/api/jobs/{ids[0]}/events?attached=true") as stream:
        for line in stream.iter_lines():
            if line == "event: progress":
                break
    one.client.wait(ids[0], "cancelled")
    with one.http.stream("GET", f"/api/jobs/{ids[1]}/events") as stream:
        for line in stream.iter_lines():
            if line == "event: progress":
                break
    assert one.http.get(f"/api/jobs/{ids[1]}").json()["state"] == "running"


@row("H13")
def test_termination_saves_what_runs_and_the_next_server_goes_on(server):
    one = server()
    options = {**QUICK, "iterations": 3000, "optimizer": "adam"}
    ids = [one.client.submit(options).json()["id"] for _ in range(2)]
    one.client.wait(ids[0], "running")
    with one.http.stream("GET", f"/api/jobs/{ids[0]}/events") as stream:
        for line in stream.iter_lines():
            if line == "event: progress":
                break
        workers = children(one.process.pid)
        assert one.kill(signal.SIGTERM) == 0
    assert workers
    two = server()
    for id in ids:
        assert two.client.wait(id, "done", "failed")["state"] == "done"


def test_submissions_during_the_grace_are_told_to_come_again(server):
    one = server(grace=60.0)
    id = one.client.submit(LONG).json()["id"]
    one.client.wait(id, "running")
    while not (painters := _painters(one.process.pid)):
        time.sleep(0.05)
    (worker,) = painters
    os.kill(worker, signal.SIGSTOP)  # or the grace would be over at once
    one.process.send_signal(signal.SIGTERM)
    while one.http.get("/readyz").status_code == 200:
        time.sleep(0.05)
    refused = one.client.submit()
    assert (refused.status_code, set(refused.json())) == (503, {"error", "message"})
    assert int(refused.headers["retry-after"]) >= 1
    assert one.http.get(f"/api/jobs/{id}").json()["state"] == "running"
    os.kill(worker, signal.SIGCONT)
    assert one.process.wait(60) == 0


@row("H17")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_server_that_is_told_to_end_while_it_opens_ends(tmp_path, number):
    command = [sys.executable, "-P", "-c", "from impasto.cli.main import main; main()", "serve"]
    process = subprocess.Popen(
        [*command, str(tmp_path / "data"), "--port", "0"], stderr=subprocess.PIPE, text=True
    )
    try:
        while not (started := spawned(process.pid)):
            assert process.poll() is None
            time.sleep(0.01)
        (clerk,) = started
        while not ignores(clerk, signal.SIGTERM):  # until it opens its engine
            time.sleep(0.001)
        os.kill(clerk, signal.SIGSTOP)  # or it might be open before the signal comes
        process.send_signal(number)
        if number == signal.SIGINT:
            assert process.wait(60) == 130
            assert process.stderr.read() == ""
        else:
            assert process.wait(60) == -number
            os.kill(clerk, signal.SIGCONT)  # it is alone now, and ends by itself
        while lives(clerk):
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


# What fails is the event loop, say, or the terminal that is told the address.
_FAILING = """
import pathlib, sys
import impasto.service.server as server
from impasto.cli.serve import _serve
from impasto.service.settings import ServiceSettings

def fail(*given):
    raise RuntimeError("something broke")

def main():
    server.serve = fail
    folder, model = map(pathlib.Path, sys.argv[1:])
    _serve(ServiceSettings(folder=folder, model=model, memory=4 << 30, threads=1, port=0))

if __name__ == "__main__":
    main()
"""


@row("H17")
def test_error_after_the_workers_have_begun_ends_the_server(tmp_path, network_path):
    script = tmp_path / "failing.py"
    script.write_text(_FAILING)
    ended = subprocess.run(
        [sys.executable, "-P", str(script), str(tmp_path / "data"), str(network_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    assert "something broke" in ended.stderr


def test_one_folder_has_one_server(server, tmp_path):
    server()
    command = [sys.executable, "-P", "-c", "from impasto.cli.main import main; main()", "serve"]
    second = subprocess.run(
        [*command, str(tmp_path / "data"), "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (second.returncode, second.stdout) == (2, "")
    (sentence,) = second.stderr.splitlines()
    assert sentence.startswith("impasto: ") and "data" in sentence


def test_every_accepted_job_is_finished_after_a_kill(server):
    one = server()
    options = {**QUICK, "iterations": 300, "optimizer": "adam"}
    ids = [one.client.submit(options).json()["id"] for _ in range(4)]
    one.client.wait(ids[1], "running")
    one.kill()
    two = server()
    for id in ids:
        assert two.client.wait(id, "done", "failed")["state"] == "done"


@row("H14")
def test_worker_that_dies_is_replaced_and_its_job_tried_once_more(server):
    import os

    one = server()
    id = one.client.submit(LONG).json()["id"]
    before = set()
    for _ in range(2):
        one.client.wait(id, "running")
        while not (found := _painters(one.process.pid) - before):
            time.sleep(0.05)
        until = time.monotonic() + 60
        while one.http.get(f"/api/jobs/{id}").json()["progress"] is None:
            assert time.monotonic() < until
            time.sleep(0.05)
        before |= found
        os.kill(max(found), signal.SIGSEGV)
        while Path(f"/proc/{max(found)}").exists():
            time.sleep(0.05)
    job = one.client.wait(id, "failed")
    assert "died twice" in job["error"]["message"]
    again = one.client.submit().json()["id"]
    assert one.client.wait(again, "done", "failed")["state"] == "done"
    one.kill()
    assert "pictures" in one.process.stderr.read()


def _painters(pid):
    """Worker processes, the clerk, which is the first, aside."""
    return set(spawned(pid)[1:])
