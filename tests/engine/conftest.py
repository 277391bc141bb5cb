"""An engine on the toy network, and pictures that are not noise."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from impasto.engine.engine import Engine
from impasto.engine.options import Options
from impasto.export.network_file import encode_network

_CONTENT_LAYERS = {"relu3_1": 1.0}
_STYLE_LAYERS = {"relu1_1": 1.0, "relu2_1": 1.0, "relu3_1": 2.0}


@pytest.fixture(scope="session")
def toy_file(tmp_path_factory, toy):
    """The toy network as a network file."""
    path = tmp_path_factory.mktemp("toy") / "toy.onnx"
    path.write_bytes(encode_network(toy))
    return path


@pytest.fixture(scope="session")
def engine(toy_file):
    """The toy network on one thread."""
    return Engine(toy_file, threads=1, device="cpu")


@pytest.fixture(scope="session")
def asked():
    """`asked(size=24, ...)`: options on the toy network's layers, quick where not said."""

    def make(**given):
        quick = {"size": 24, "levels": 1, "iterations": 4}
        layers = {"content_layers": _CONTENT_LAYERS, "style_layers": _STYLE_LAYERS}
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


@pytest.fixture(scope="session")
def run_alone():
    """`run_alone(code, *arguments)`: what the code prints in a new process.

    Without the working folder on the path: the folder `impasto` of the source tree is no package.
    """

    def run(code, *arguments):
        command = [sys.executable, "-P", "-W", "error", "-c", code, *map(str, arguments)]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stderr
        return told.stdout

    return run


@pytest.fixture(scope="session")
def peak_of():
    """`peak_of(work)`: the most bytes that Python and NumPy hold while it runs, besides before."""

    def peak_of(work):
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            work()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        return peak - before

    return peak_of


@pytest.fixture
def machine(tmp_path):
    """`machine({path: text})`: a root folder that has these files."""

    def make(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path

    return make
