"""What every fault is tried on, and what must hold after each of them."""

import contextlib
import dataclasses
import gc
import hashlib
import http.server
import locale
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

# Loaded before anything is compared: SciPy adds a filter of warnings of its own.
import scipy.optimize  # noqa: F401
from PIL import Image, ImageFile

from impasto.cli import main as cli
from impasto.engine.engine import Engine
from impasto.engine.images import write_picture
from impasto.engine.options import Options
from impasto.export.network_file import encode_network

_DESCRIPTORS = Path("/proc/self/fd")


@dataclasses.dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


def _open_files():
    """Names of what is open; the pipes and temporary files of capturing are pytest's own."""
    if not _DESCRIPTORS.exists():
        return []
    found = []
    for entry in _DESCRIPTORS.iterdir():
        with contextlib.suppress(OSError):
            found.append(str(entry.readlink()))
    return sorted(found)


def _process():
    """What belongs to the process, and not to us."""
    mask = os.umask(0)
    os.umask(mask)
    return {
        "working folder": Path.cwd(),
        "umask": mask,
        "environment": {**os.environ, "PYTEST_CURRENT_TEST": ""},
        "warning filters": list(warnings.filters),
        "signal handlers": [signal.getsignal(number) for number in signal.valid_signals()],
        "locale": locale.setlocale(locale.LC_ALL),
        "random numbers": random.getstate(),
        "NumPy's errors": np.geterr(),
        "recursion": sys.getrecursionlimit(),
        "Pillow": (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES),
        "descriptors": _open_files(),
        "threads": threading.active_count(),
    }


@pytest.fixture(autouse=True)
def row(request):
    """The row that a test is of; afterwards nothing of the process is left or changed."""
    gc.collect()
    before = _process()
    yield getattr(request, "param", None)
    gc.collect()
    for _ in range(100):  # threads that were asked to end
        if threading.active_count() <= before["threads"]:
            break
        time.sleep(0.01)
    assert _process() == before


@pytest.fixture(autouse=True)
def own_place(row, tmp_path, monkeypatch):
    """Each test has a folder and a cache of its own, and leaves no temporary file there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    for name in cli._BLAS_THREADS:
        monkeypatch.setenv(name, "1")
    yield
    assert list(tmp_path.rglob(".impasto-*")) == []


@pytest.fixture
def run(capfd):
    """`run(*arguments)`: the command line in this process; exit code, stdout and stderr."""

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            cli.main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Ended(end.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def spawn(tmp_path):
    """`spawn(*arguments, before="")`: the same in a process of its own, after the code `before`."""

    def spawn(*arguments, before="", environment=None, **streams):
        code = f"{before}\nfrom impasto.cli.main import main\nmain()"
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | streams
        return subprocess.Popen(
            [sys.executable, "-P", "-c", code, *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "100", "TERM": "xterm", **(environment or {})},
            **streams,
        )

    return spawn


@pytest.fixture
def run_alone(tmp_path):
    """`run_alone(code, *arguments)`: what the code prints in a new process."""

    def run_alone(code, *arguments):
        command = [sys.executable, "-P", "-W", "error", "-c", code, *map(str, arguments)]
        told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert told.returncode == 0, told.stderr
        return told.stdout

    return run_alone


@pytest.fixture(scope="session")
def network_path(toy, tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "toy.onnx"
    path.write_bytes(encode_network(toy))
    return path


@pytest.fixture(scope="session")
def engine(network_path):
    """The toy network on one thread."""
    return Engine(network_path, threads=1, device="cpu")


@pytest.fixture(scope="session")
def asked():
    """`asked(size=24, ...)`: options on the toy network's layers, quick where not said."""

    def make(**given):
        quick = {"size": 24, "levels": 1, "iterations": 3}
        layers = {
            "content_layers": {"relu3_1": 1.0},
            "style_layers": {"relu1_1": 1.0, "relu2_1": 1.0},
        }
        return Options(**{**quick, **layers, **given})

    return make


@pytest.fixture(scope="session")
def scene():
    """`scene(height, width, seed=0)`: smooth waves of colour, (H, W, 3) float32 in 0..1."""

    def make(height, width, seed=0):
        random = np.random.default_rng(seed)
        y, x = np.mgrid[0:height, 0:width] / max(height, width)
        waves = [
            np.sin(random.uniform(3, 15) * x + random.uniform(3, 15) * y + random.uniform(0, 6))
            for _ in range(3)
        ]
        return (0.5 + 0.4 * np.stack(waves, axis=-1)).astype(np.float32)

    return make


@pytest.fixture
def content(tmp_path, scene):
    write_picture(tmp_path / "photo.png", scene(24, 32, 1))
    return tmp_path / "photo.png"


@pytest.fixture
def style(tmp_path, scene):
    write_picture(tmp_path / "paint.png", scene(20, 20, 2))
    return tmp_path / "paint.png"


@pytest.fixture
def work(network_path):
    """The options of the smallest picture, 32 pixels and two steps, without its output."""
    layers = ["--content-layer", "relu3_1", "--style-layer", "relu1_1", "--style-layer", "relu2_1"]
    return [*layers, "--size", "32", "--iterations", "2", "--model", network_path, "--threads", "1"]


@pytest.fixture
def paint(run, content, style, work):
    """`paint(content=..., style=..., output="art.png", more=())`: that picture, in this process."""

    def paint(content=content, style=style, output="art.png", more=()):
        return run("stylize", *work, "-o", output, *more, "--", content, style)

    return paint


@pytest.fixture
def refused(tmp_path):
    """`refused(ended, code, *words)`: one sentence and its exit code; what was there before stays.

    The sentence has all of the words.
    """

    def refused(ended, code, *words):
        assert ended.code == code, ended.err
        assert ended.err.count("\n") == 1, ended.err
        assert ended.err.startswith("impasto: ")
        assert ended.out == ""
        for word in words:
            assert str(word) in ended.err
        assert not (tmp_path / "art.png").exists()

    return refused


@pytest.fixture
def pulling(toy, monkeypatch, tmp_path):
    """`pulling()`: pull the toy network from a server, which serves `pulling.served[-1]`."""
    from safetensors.numpy import save

    from impasto.models import catalogue
    from impasto.models.download import pull

    data = save(dict(toy.weights))
    served = [data]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(served[-1])

        def log_message(self, *arguments):
            pass

    entry = catalogue.Downloadable(
        name="toy",
        architecture=toy.architecture,
        origin="the toy's maker",
        licence="CC0",
        file="toy-01234567.pth",
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest()[:8],
        folder="https://invalid.invalid/",
    )
    monkeypatch.setattr(catalogue, "DOWNLOADABLE", (entry,))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()

        def pulling():
            return pull("toy", base_url=f"http://127.0.0.1:{server.server_port}")

        pulling.served = served
        yield pulling
        server.shutdown()
        thread.join()
