"""A catalogue with one toy network, a cache of its own, and a server that can misbehave."""

import hashlib
import http.server
import re
import threading

import pytest

from impasto.models import catalogue
from impasto.models.catalogue import Downloadable


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The cache folder, not yet created."""
    folder = tmp_path / "home"
    monkeypatch.setenv("IMPASTO_HOME", str(folder))
    return folder


@pytest.fixture
def checkpoint(toy):
    """The bytes of a checkpoint of the toy network."""
    from safetensors.numpy import save

    return save(dict(toy.weights))


@pytest.fixture
def entry(toy, checkpoint, home, monkeypatch):
    """The toy network in the catalogue, in the place of all that can be downloaded."""
    made = Downloadable(
        name="toy",
        architecture=toy.architecture,
        origin="the toy's maker",
        licence="CC0",
        file="toy-01234567.pth",
        bytes=len(checkpoint),
        sha256=hashlib.sha256(checkpoint).hexdigest()[:8],
        folder="https://invalid.invalid/",
    )
    monkeypatch.setattr(catalogue, "DOWNLOADABLE", (made,))
    return made


class Server:
    """One file at every path; the attributes say how it is served."""

    def __init__(self, content):
        self.content = content
        self.etag = '"one"'
        self.headers = {}
        self.status = 200
        self.ranges = True
        self.shift = 0
        self.cut_after = None
        self.stall_after = None
        self.location = None
        self.announces_length = True
        self.requests = []
        self.stalled = threading.Event()
        self.released = threading.Event()
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                owner.answer(self)

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def answer(self, handler):
        wanted = handler.headers.get("Range")
        self.requests.append((wanted, handler.headers.get("If-Range")))
        if self.location:
            handler.send_response(302)
            handler.send_header("Location", self.location)
            handler.end_headers()
            return
        start, total = 0, len(self.content)
        if self.status != 200:
            handler.send_response(self.status)
        elif wanted and self.ranges and handler.headers.get("If-Range") == self.etag:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
            if start >= total:
                handler.send_response(416)
                handler.send_header("Content-Range", f"bytes */{total}")
                handler.end_headers()
                return
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start + self.shift}-{total - 1}/{total}")
        else:
            handler.send_response(200)
        if self.etag:
            handler.send_header("ETag", self.etag)
        headers = {"Content-Type": "application/octet-stream"} | self.headers
        if self.announces_length:
            headers = {"Content-Length": total - start} | headers
        for key, value in headers.items():
            handler.send_header(key, value)
        handler.end_headers()
        self._send_body(handler, self.content[start:])

    def _send_body(self, handler, body):
        if self.stall_after is not None:
            handler.wfile.write(body[: self.stall_after])
            handler.wfile.flush()
            self.stalled.set()
            self.released.wait()
            return
        handler.wfile.write(body if self.cut_after is None else body[: self.cut_after])

    def close(self):
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def server(checkpoint):
    """The toy's checkpoint on this machine."""
    made = Server(checkpoint)
    yield made
    made.close()
