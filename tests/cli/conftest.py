"""A toy network in a file, tiny pictures, and two ways to run the command line."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest

from impasto.cli import main as cli
from impasto.engine.images import write_picture
from impasto.export.network_file import encode_network


@dataclasses.dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    """Each test has a folder and a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    for name in cli._BLAS_THREADS:
        monkeypatch.setenv(name, "1")


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

    def spawn(*arguments, before="", **streams):
        code = f"{before}\nfrom impasto.cli.main import main\nmain()"
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | streams
        return subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "100", "TERM": "xterm"},
            **streams,
        )

    return spawn


@pytest.fixture(scope="session")
def network_path(toy, tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "toy.onnx"
    path.write_bytes(encode_network(toy))
    return path


@pytest.fixture
def content(tmp_path):
    return _picture(tmp_path / "photo.png", (24, 32), 1)


@pytest.fixture
def style(tmp_path):
    return _picture(tmp_path / "paint.png", (20, 20), 2)


@pytest.fixture
def tiny(content, style, network_path):
    """The arguments of the smallest picture: 32 x 24, two steps, in `art.png`."""
    layers = [
        "--content-layer",
        "relu3_1",
        "--style-layer",
        "relu1_1",
        "--style-layer",
        "relu2_1=2",
    ]
    work = ["--size", "32", "--iterations", "2", "--model", network_path]
    return ["stylize", content, style, *layers, *work, "-o", "art.png"]


def _picture(path, shape, seed):
    write_picture(path, np.random.default_rng(seed).random((*shape, 3)).astype(np.float32))
    return path
