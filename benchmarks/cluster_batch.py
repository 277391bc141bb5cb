"""A batch on one worker process and on two, one thread each, one after the other.

    .venv/bin/python benchmarks/cluster_batch.py PHOTOGRAPH PAINTING
    .venv/bin/python benchmarks/cluster_batch.py PHOTOGRAPH PAINTING --pictures 8 --size 128 \\
        --iterations 100 --rounds 3

Every time is that of a whole command: starting scheduler and workers, sending the network, opening
an engine in each worker. Prints each round, the load of the machine before it, and how many times
two are as fast; the last line has the medians. The pictures of both are compared.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from impasto.engine.images import read_picture

COMMAND_LINE = "from impasto.cli.main import main; main()"


def main() -> None:
    """Print one line for each round."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photograph", type=Path)
    parser.add_argument("painting", type=Path)
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photographs = Path(folder) / "photographs"
        photographs.mkdir()
        for number in range(asked.pictures):
            target = photographs / f"{number:03}{asked.photograph.suffix}"
            shutil.copyfile(asked.photograph, target)
        rounds = []
        for number in range(asked.rounds):
            load = os.getloadavg()[0]
            times = [seconds(asked, photographs, Path(folder) / str(n), n) for n in (1, 2)]
            rounds.append(times)
            one, two = times
            print(
                f"round {number + 1}: load {load:.1f}, {one:.1f} s and {two:.1f} s: {one / two:.2f}"
            )
            compare(Path(folder) / "1", Path(folder) / "2")
    one, two = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"medians: one worker {one:.1f} s, two {two:.1f} s, {one / two:.2f} times as fast")


def seconds(asked: argparse.Namespace, photographs: Path, output: Path, workers: int) -> float:
    """Of a whole command with so many workers."""
    shutil.rmtree(output, ignore_errors=True)
    command = ["batch", photographs, "--style", asked.painting, "-o", output, "--threads", "1"]
    command += ["--size", asked.size, "--iterations", asked.iterations, "--quiet"]
    command += ["--cluster", f"local:{workers}"]
    began = time.perf_counter()
    subprocess.run([sys.executable, "-P", "-c", COMMAND_LINE, *map(str, command)], check=True)
    return time.perf_counter() - began


def compare(one: Path, two: Path) -> None:
    """Say where a picture is missing, or not the same."""
    for path in sorted(one.iterdir()):
        if (read_picture(path).samples != read_picture(two / path.name).samples).any():
            print(f"{path.name} differs")


if __name__ == "__main__":
    main()
