"""What a picture costs beyond its evaluations: a batch, and a process for each.

    python benchmarks/batch_overhead.py [examples/photo_cat.jpg examples/style_strokes.jpg]

Small pictures are cut out of a photograph. Of a whole process, from its start to its end, the time
that it spent in evaluations of loss and gradient is taken off; what is left, start-up, reading,
planning, targets, steps of the optimiser and writing, is shared out among its pictures.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from PIL import Image

ROOT = Path(__file__).parents[1]
# The command line, with a clock around every evaluation.
TIMED = """
import atexit, sys, time
from impasto.cli.main import main
from impasto.engine.objective import Objective

measure, wall, processor = Objective.measure, [], []

def timed(self, *given):
    began = time.perf_counter(), time.process_time()
    try:
        return measure(self, *given)
    finally:
        wall.append(time.perf_counter() - began[0])
        processor.append(time.process_time() - began[1])

Objective.measure = timed
atexit.register(lambda: print(len(wall), sum(wall), sum(processor)))
main()
"""


class Spent(NamedTuple):
    """Seconds of a process, by the wall clock and by the processor's, in evaluations and in all."""

    evaluations: int
    wall: float
    wall_inside: float
    processor: float
    processor_inside: float

    @property
    def beyond(self):
        """By both clocks, beyond the evaluations."""
        return self.wall - self.wall_inside, self.processor - self.processor_inside


def run(*arguments):
    command = [sys.executable, "-P", "-c", TIMED, *map(str, arguments), "--quiet"]
    began, before = time.perf_counter(), _of_children()
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    wall, processor = time.perf_counter() - began, _of_children() - before
    count, wall_inside, processor_inside = map(float, told.split()[-3:])
    return Spent(int(count), wall, wall_inside, processor, processor_inside)


def _of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cut(content, side, count, folder):
    """Square pieces of a photograph, all of them different."""
    with Image.open(content) as opened:
        photograph = opened.convert("RGB")
    width, height = photograph.size
    columns = width - side
    for number in range(count):
        left, top = number * 37 % columns, number * 23 % (height - side)
        piece = photograph.crop((left, top, left + side, top + side))
        piece.save(folder / f"{number:03}.png")


def tell(what, runs, pictures):
    evaluations = sum(one.evaluations for one in runs)
    wall, processor = (sum(one.beyond[clock] for one in runs) / pictures for clock in (0, 1))
    whole = sum(one.wall for one in runs)
    print(
        f"{what}: {whole:.1f} s, {evaluations} evaluations; beyond them {wall:.3f} s a picture, "
        f"{processor:.3f} s of them on the processor"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("content", nargs="?", default=ROOT / "examples/photo_cat.jpg")
    parser.add_argument("style", nargs="?", default=ROOT / "examples/style_strokes.jpg")
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--alone", type=int, default=10, help="processes of one picture each")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    work = ["--size", asked.size, "--iterations", asked.iterations, "--threads", asked.threads]
    with tempfile.TemporaryDirectory() as place:
        photos, art = Path(place) / "photos", Path(place) / "art"
        photos.mkdir()
        cut(asked.content, asked.size, asked.pictures, photos)
        print(f"load {os.getloadavg()[0]:.1f}")
        batch = run("batch", photos, "--style", asked.style, "-o", art, *work)
        tell(f"one batch of {asked.pictures}", [batch], asked.pictures)
        alone = [
            run("stylize", photo, asked.style, "-o", Path(place) / "one.png", *work)
            for photo in sorted(photos.iterdir())[: asked.alone]
        ]
        tell(f"{asked.alone} processes of one", alone, asked.alone)
        print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
