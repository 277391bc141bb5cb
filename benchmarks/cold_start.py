"""From process start to the first finished evaluation of the objective, embedded network.

    .venv/bin/python benchmarks/cold_start.py CONTENT STYLE [--size 256] [--runs 5]

Each run is a process of its own; the median and the range are printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

ONE = """
import sys
from impasto import Engine, Options
from impasto.engine.images import read_picture, resize
content, style, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
objective = Engine().objective(content, style, Options(size=size))
objective.evaluate(resize(read_picture(content).rgb, *objective.shape))
"""


def main() -> None:
    """Print seconds by the wall clock, interpreter and imports included."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("content")
    parser.add_argument("style")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    seconds = []
    for _ in range(arguments.runs):
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", ONE, arguments.content, arguments.style, str(arguments.size)],
            check=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        seconds.append(time.perf_counter() - began)
    print(f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})")


if __name__ == "__main__":
    main()
