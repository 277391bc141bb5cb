"""`--cluster` as it is typed: the same pictures, told of in the same way."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from impasto.cli import main as cli
from impasto.engine.images import read_picture, write_picture

LAYERS = ["--content-layer", "relu3_1", "--style-layer", "relu1_1", "--style-layer", "relu2_1=2"]


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture
def run(capfd, tmp_path, monkeypatch):
    """`run(*arguments)`: the command line in this process; exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    for name in cli._BLAS_THREADS:
        monkeypatch.setenv(name, "1")

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            cli.main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Ended(end.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def photos(tmp_path, network, waves):
    """Four photographs, a painting and the toy network."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed, name in enumerate("abcd"):
        write_picture(folder / f"{name}.png", waves(24, 32, seed))
    write_picture(tmp_path / "paint.png", waves(20, 20, 9))
    (tmp_path / "toy.onnx").write_bytes(network)
    return folder


@pytest.fixture
def work():
    """What comes after the paths of the quickest batch."""
    machine = ["--model", "toy.onnx", "--threads", "1", "--device", "cpu"]
    return ["--style", "paint.png", *LAYERS, *machine, "--size", "32", "--iterations", "2"]


@pytest.fixture
def address(dask_cluster):
    return dask_cluster.scheduler_address


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_batch_has_the_same_pixels_report_and_failures(run, photos, work, address, tmp_path):
    (photos / "b.png").write_bytes(b"no picture")
    (photos / "c.png").write_bytes((photos / "c.png").read_bytes()[:-200])
    told = []
    for folder, more in (("here", []), ("there", ["--cluster", address])):
        ended = run("batch", photos, *work, "-o", folder, "--report", f"{folder}.jsonl", *more)
        assert (ended.code, ended.out) == (3, "")
        assert f"{folder}: 2 made, 0 skipped, 2 failed, " in ended.err
        failed = sorted(line for line in ended.err.splitlines() if line.startswith("failed: "))
        report = sorted(lines(tmp_path / f"{folder}.jsonl"), key=lambda one: one["source"])
        for one in report:
            assert one.pop("output") == f"{folder}/{one['source'][-5]}.png"
            assert one.pop("seconds") > 0
        told.append((failed, report))
    assert told[0] == told[1]
    assert len(told[0][0]) == 2
    for name in "ad":
        here, there = (read_picture(tmp_path / f / f"{name}.png").rgb for f in ("here", "there"))
        np.testing.assert_array_equal(here, there)
    ended = run("batch", photos, *work, "-o", "there", "--cluster", address)
    assert "there: 0 made, 2 skipped, 2 failed, " in ended.err


def test_a_batch_is_complete_and_the_same_though_a_worker_is_killed(
    run, photos, work, address, tmp_path, pids, monkeypatch
):
    from impasto.cluster.dask_client import DaskClient

    submit, calls = DaskClient.submit, []

    def killing(self, function, *given):
        future = submit(self, function, *given)
        calls.append(function.__name__)
        if calls.count("paint_picture") == 3:
            os.kill(pids()[0], signal.SIGKILL)
        return future

    assert run("batch", photos, *work, "-o", "here").code == 0
    monkeypatch.setattr(DaskClient, "submit", killing)
    assert run("batch", photos, *work, "-o", "there", "--cluster", address).code == 0
    assert calls.count("paint_picture") == 4
    for name in "abcd":
        here, there = (read_picture(tmp_path / f / f"{name}.png").rgb for f in ("here", "there"))
        np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize(
    "more, sentence",
    [
        (["--style-layer", "relu9_9"], "the network has no layer 'relu9_9'"),
        (["--style-scale", "1,2"], "--style-scale must list one number for each style picture"),
        (["--levels", "9"], "--levels must be at most"),
        (["--init", "gone.png"], "initial picture 'gone.png' cannot be read"),
    ],
    ids=str,
)
def test_what_no_picture_can_be_painted_with_ends_a_batch_at_once(
    run, photos, work, more, sentence
):
    ended = run("batch", photos, *work, "-o", "art", *more)
    assert ended.code in (2, 3)
    assert ended.err.startswith("impasto: ")
    assert sentence in ended.err
    assert "failed" not in ended.err


def test_a_picture_to_begin_with_is_on_no_worker(run, photos, work, address, tmp_path):
    ended = run(
        "batch", photos, *work, "-o", "art", "--init", photos / "a.png", "--cluster", address
    )
    assert (ended.code, ended.err) == (
        2,
        "impasto: --init must be content, style or noise on a cluster: its workers have no files "
        "of this machine\n",
    )


def test_a_batch_is_called_off(run, photos, work, address, pids, tmp_path):
    """The workers are asked to leave what they do, and what comes next is painted at once."""
    code = "from impasto.cli.main import main\nmain()"
    long = ["--iterations", "100000", "--levels", "1", "--cluster", address]
    batch = subprocess.Popen(
        [sys.executable, "-P", "-c", code, "batch", str(photos), *work, "-o", "art", *long],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        while not any(client.processing().values()):
            pass
        batch.send_signal(signal.SIGINT)
        _, err = batch.communicate()
        assert batch.returncode == 130
        assert "interrupted: 0 of 4 pictures are in art" in err
        while any(client.processing().values()):
            pass
    assert run("batch", photos, *work, "-o", "art", "--cluster", address).code == 0


def test_an_own_cluster_paints_and_is_gone(run, photos, work, tmp_path):
    size = ["--size", "200", "--levels", "1", "--cluster", "local:2"]
    ended = run("stylize", photos / "a.png", "paint.png", *work[2:], *size, "-o", "a.png", "--json")
    told = json.loads(ended.out)
    assert ended.code == 0
    tiling = told["plan"]["levels"][0]["tiling"]
    assert tiling["down"] * tiling["across"] >= 2
    assert read_picture(tmp_path / "a.png").shape == (150, 200, 3)


@pytest.mark.parametrize(
    "address, code, sentence",
    [
        ("nowhere", 2, "the address of a cluster is local:N, or that of a Dask scheduler"),
        ("local:0", 2, "the address of a cluster is local:N, or that of a Dask scheduler"),
        ("tcp://127.0.0.1:65536", 2, "the address of a cluster is local:N, or that of"),
        ("tcp://127.0.0.1:1", 9, "there is no Dask scheduler with a worker at 'tcp://127.0.0.1:1'"),
        (
            "tls://127.0.0.1:1",
            9,
            "tls://127.0.0.1:1 is encrypted, and Dask's configuration names no",
        ),
        (
            "ucx://127.0.0.1:1",
            2,
            "the address of a cluster is local:N, or that of a Dask scheduler",
        ),
    ],
)
def test_a_cluster_that_cannot_be_had_is_one_sentence(
    run, photos, work, address, code, sentence, monkeypatch
):
    monkeypatch.setattr("impasto.cluster.dask_client._CONNECT", 0.2)
    ended = run("batch", photos, *work, "-o", "art", "--cluster", address)
    assert ended.code == code
    assert ended.err.startswith(f"impasto: {sentence}")
    assert len(ended.err.splitlines()) == 1


def test_without_dask_it_is_told_what_is_missing(run, photos, work, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    ended = run("batch", photos, *work, "-o", "art", "--cluster", "local:2")
    assert (ended.code, ended.err) == (
        4,
        "impasto: work on a cluster needs Dask: pip install 'impasto[cluster]'\n",
    )


def test_another_version_on_a_worker_is_refused(alone):
    from impasto.cluster.worker import Machine
    from impasto.engine.errors import ClusterError

    Machine(alone.fingerprint, 1, "auto").check(alone.fingerprint)
    with pytest.raises(ClusterError, match=r"a worker has Impasto .*, and the client 0\.0\.0"):
        Machine(alone.fingerprint, 1, "auto", version="0.0.0").check(alone.fingerprint)
    with pytest.raises(ClusterError, match="another one when it has come"):
        Machine("other", 1, "auto").check(alone.fingerprint)
