"""An evaluation here and in torch, by processes that wait in turn for each other's evaluation.

    .venv-oracle/bin/python benchmarks/turns.py [--size 1000x667] [--rounds 10] [--against compiled]

`impasto bench` starts a process for each measurement, some minutes apart. Where two cores are those
of a cloud, their speed changes within seconds (see docs/performance.md): here each evaluation has a
neighbour by the other side, and the median of their ratios is told as well.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# As the command line does: BLAS threads would contend with those of the network.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from impasto.cli.bench import parse_size
from impasto.cli.bench_child import read_pictures
from impasto.cli.bench_prepare import prepare
from impasto.cli.large_pages import asking
from impasto.engine.engine import Engine
from impasto.engine.options import Options
from impasto.models.store import load

_OURS = "impasto"
_WARM = 2  # evaluations before the first one that counts


def main() -> None:
    """Print seconds of each side, and how many times as fast Impasto is."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", default="512", help="as of `impasto bench`: 512, or 1000x667")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", help="a network's name or file; VGG19 of random weights if not")
    parser.add_argument(
        "--against", choices=("compiled", "channels-last", "contiguous"), default="compiled"
    )
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(json.loads(arguments.serve))
        return
    width, height = parse_size(arguments.size)
    with tempfile.TemporaryDirectory() as folder:
        job = {"folder": folder, "height": height, "width": width, "model": arguments.model}
        job |= {"threads": arguments.threads, "model": prepare(job)["model"]}
        sides = [Side({**job, "side": side}) for side in (arguments.against, _OURS)]
        seconds = np.array([in_turn(sides, number) for number in range(arguments.rounds)])
        for side in sides:
            side.close()
    for name, taken in zip((arguments.against, _OURS), seconds.T, strict=True):
        print(f"{name}: {np.median(taken):.3f} s ({taken.min():.3f} to {taken.max():.3f})")
    ratios = seconds[:, 0] / seconds[:, 1]
    print(f"{np.median(ratios):.2f} times ({ratios.min():.2f} to {ratios.max():.2f})")


def in_turn(sides: list[Side], number: int) -> list[float]:
    """Seconds of an evaluation by each; every other round the last one begins."""
    order = list(enumerate(sides))
    found = {place: side.evaluation() for place, side in (order if number % 2 else order[::-1])}
    return [found[place] for place in range(len(sides))]


class Side:
    """A process that evaluates when it is told to."""

    def __init__(self, job: dict[str, object]) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": str(job["threads"])}
        if job["side"] == _OURS:  # as the installed command does it
            environment = asking(environment) or environment
        command = [sys.executable, __file__, "--serve", json.dumps(job)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, env=environment
        )
        for _ in range(_WARM):
            self.evaluation()

    def evaluation(self) -> float:
        """Its seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def serve(job: dict[str, object]) -> None:
    """Evaluate once for every line that comes, and print the seconds."""
    photograph, painting, canvas = read_pictures(str(job["folder"]))
    evaluate = _evaluate(job, photograph, painting)
    for _ in sys.stdin:
        start = time.perf_counter()
        evaluate(canvas)
        print(time.perf_counter() - start, flush=True)


def _evaluate(
    job: dict[str, object], photograph: np.ndarray, painting: np.ndarray
) -> Callable[[np.ndarray], object]:
    model, threads = str(job["model"]), int(str(job["threads"]))
    if job["side"] == _OURS:
        engine = Engine(Path(model), device="cpu", threads=threads)
        options = Options(size=max(photograph.shape))
        return engine.objective(photograph, painting, options).evaluate
    import torch

    from impasto.cli.bench_torch import TorchObjective

    torch.set_num_threads(threads)
    compiled = job["side"] == "compiled"
    return TorchObjective(
        load(model),
        Options(),
        photograph,
        painting,
        layout="channels-last" if compiled else str(job["side"]),
        compiled=compiled,
    ).evaluate


if __name__ == "__main__":
    main()
