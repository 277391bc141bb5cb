"""A server on the toy network, with tiny pictures: in this process, or in one of its own."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time

import httpx2 as httpx
import numpy as np
import pytest

from impasto.engine.images import encode_picture
from impasto.export.network_file import encode_network
from impasto.service import jobs as jobs_module
from impasto.service.jobs import Jobs
from impasto.service.settings import ServiceSettings

LAYERS = {"content_layers": {"relu3_1": 1.0}, "style_layers": {"relu1_1": 1.0}}
QUICK = {**LAYERS, "size": 32, "levels": 1, "iterations": 2}
LONG = {**QUICK, "iterations": 1_000_000, "optimizer": "adam"}


@pytest.fixture(scope="session")
def network_path(toy, tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "toy.onnx"
    path.write_bytes(encode_network(toy))
    return path


@pytest.fixture(scope="session")
def png():
    """`png(seed=0)`: the bytes of a picture of 32 x 24 pixels."""

    def make(seed=0):
        rgb = np.random.default_rng(seed).random((24, 32, 3)).astype(np.float32)
        return encode_picture(rgb, None, "PNG")

    return make


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    monkeypatch.delenv("IMPASTO_TOKEN", raising=False)
    monkeypatch.setattr(jobs_module, "_PAUSE", 0.05)


@pytest.fixture
def styles(tmp_path, png):
    folder = tmp_path / "styles"
    folder.mkdir()
    (folder / "waves.png").write_bytes(png(9))
    (tmp_path / "secret.png").write_bytes(png(8))
    return folder


@pytest.fixture
def settings(tmp_path, styles, network_path):
    """`settings(**changed)`."""

    def make(**changed):
        usual = {"folder": tmp_path / "data", "memory": 4 << 30, "styles": styles, "threads": 1}
        return ServiceSettings(**{**usual, "model": network_path, "free_bytes": 0, **changed})

    return make


class Client:
    """Speaks to a server, as `httpx2` or Starlette's client does."""

    def __init__(self, http, png):
        self.http = http
        self._png = png

    def submit(self, options=None, files=None, data=None, **more):
        files = files or {"content": ("x", self._png(1)), "style": ("y", self._png(2))}
        told = {"options": json.dumps(QUICK if options is None else options), **(data or {})}
        return self.http.post("/api/jobs", files=files, data=told, **more)

    def wait(self, id, *states, seconds=120):
        until = time.monotonic() + seconds
        while (job := self.http.get(f"/api/jobs/{id}").json())["state"] not in states:
            assert time.monotonic() < until, job
            time.sleep(0.05)
        return job


@pytest.fixture
def serving(settings, png):
    """`with serving(**settings) as client`: the application in this process, real workers."""

    @contextlib.contextmanager
    def serving(paused=False, **changed):
        from starlette.testclient import TestClient

        from impasto.service.api import application

        jobs = Jobs(settings(**changed))
        if paused:  # jobs are accepted, and wait
            jobs.take = lambda: None
        assert jobs.open() is None
        with TestClient(
            application(jobs), base_url="http://127.0.0.1", raise_server_exceptions=False
        ) as http:
            client = Client(http, png)
            client.jobs = jobs
            yield client

    return serving


class Server:
    """`impasto serve` in a process of its own."""

    def __init__(self, process, port, png):
        self.process = process
        self.port = port
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        self.client = Client(self.http, png)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        return self.process.wait(60)


# The arguments are those of `ServiceSettings`, so that a test can be impatient.
_SERVE = """
import json, pathlib, sys
from impasto.cli.serve import _serve
from impasto.engine.limits import Limits
from impasto.service.settings import ServiceSettings

def main():
    told = json.loads(sys.argv[1])
    told["folder"], told["styles"] = pathlib.Path(told["folder"]), pathlib.Path(told["styles"])
    told["limits"] = Limits(**told.pop("limits", {}))
    _serve(ServiceSettings(**told))

if __name__ == "__main__":
    main()
"""


@pytest.fixture
def server(tmp_path, styles, network_path, png):
    """`server(**settings)`: starts one, at a free port."""
    script = tmp_path / "serve.py"
    script.write_text(_SERVE)
    started = []

    def start(**changed):
        told = {
            "folder": str(tmp_path / "data"),
            "styles": str(styles),
            "model": str(network_path),
            "memory": 4 << 30,
            "threads": 1,
            "free_bytes": 0,
            "port": 0,
            "every": 0.0,
            **changed,
        }
        process = subprocess.Popen(
            [sys.executable, "-P", str(script), json.dumps(told)],
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )
        line = process.stderr.readline()
        assert line.startswith("serving at"), line + process.stderr.read()
        started.append(Server(process, int(line.split(":")[2].split("/")[0]), png))
        return started[-1]

    yield start
    for one in started:
        one.http.close()
        if one.process.poll() is None:
            one.kill()
        one.process.stderr.close()


@pytest.fixture(autouse=True)
def row(request):
    """The row of docs/faults.md that a test is of."""
    return getattr(request, "param", None)
