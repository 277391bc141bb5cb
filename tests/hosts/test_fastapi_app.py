"""An application of FastAPI: few pictures at once, which end with their clients and the server."""

import contextlib
import re
import signal
import socket
import subprocess
import sys
import time

import httpx2 as httpx
import pytest

from impasto.engine.images import read_picture

from .conftest import EXAMPLES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals, and affinity")


@pytest.fixture
def server(python, environment):
    """The process of uvicorn, with a client in `http`."""
    command = ["-m", "uvicorn", "fastapi_app:app", "--app-dir", str(EXAMPLES), "--port", "0"]
    process = subprocess.Popen(
        [*python, *command, "--timeout-graceful-shutdown", "1"],
        stderr=subprocess.PIPE,
        text=True,
        env=environment | {"PAINT_AT_ONCE": "1"},
    )
    told = ""
    while (found := re.search(r"running on (http://\S+)", told)) is None:
        line = process.stderr.readline()
        assert line, told
        told += line
    with httpx.Client(base_url=found[1], timeout=120) as http:
        process.http = http
        yield process
    process.kill()
    process.communicate()


def ask(server, *pictures, **fields):
    files = zip(("content", "style"), (("x", one) for one in pictures), strict=True)
    return server.http.build_request("POST", "/paint", files=dict(files), data=fields)


@contextlib.contextmanager
def painting(server, request):
    """Send a request, and leave when its picture is being painted; its client goes at the end."""
    address = server.http.base_url
    head = "\r\n".join(f"{name}: {value}" for name, value in request.headers.items())
    with socket.create_connection((address.host, address.port)) as line:
        line.sendall(f"POST /paint HTTP/1.1\r\n{head}\r\n\r\n".encode() + request.read())
        while not is_full(server):
            time.sleep(0.05)
        yield


def is_full(server):
    """Asked with a request that takes no place: where there is one, its size is refused."""
    answer = server.http.send(ask(server, b"x", b"y", size="0"))
    assert (answer.status_code, answer.headers.get("retry-after")) in ((503, "30"), (400, None))
    return answer.status_code == 503


def test_pictures_come_back_and_what_is_wrong_is_told_in_a_sentence(server, png):
    made = server.http.send(ask(server, png(1), png(2), size="48", seconds="1"))
    assert (made.status_code, made.headers["content-type"]) == (200, "image/png")
    assert read_picture(made.content).shape == (48, 48, 3)
    for pictures, size, status in (
        ((png(1), b"no picture"), "48", 422),
        ((png(1), png(2)), "1025", 413),
        ((png(1), png(2)), "0", 400),
    ):
        refused = server.http.send(ask(server, *pictures, size=size))
        assert refused.status_code == status
        assert refused.json()["message"]


def test_work_ends_with_its_client_and_with_the_server(server, png):
    request = ask(server, png(1), png(2), size="256", seconds="1000")
    with painting(server, request):
        pass
    while is_full(server):  # until the client's going was seen
        time.sleep(0.05)
    with painting(server, request):
        server.send_signal(signal.SIGTERM)
        assert server.wait() in (0, -signal.SIGTERM)
