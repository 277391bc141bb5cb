"""Kill processes while they write pictures: `python tests/faults/kills.py --times 200`.

At the path must be a whole picture at any moment, the old one or the new one.
"""

# ruff: noqa: T201

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from impasto.engine.files import remove_leftovers
from impasto.engine.images import read_picture, write_picture

__all__ = ["kill_writers"]

_SHAPE = (120, 160, 3)
_LONGEST_SECONDS = 0.03  # some ten pictures
_WRITER = """
import sys
import numpy as np
from impasto.engine.images import write_picture

shades = [np.full((120, 160, 3), shade, np.float32) for shade in (0.0, 1.0)]
print("writing", flush=True)
while True:
    for shade in shades:
        write_picture(sys.argv[1], shade)
"""


def kill_writers(folder: Path, times: int, seed: int = 4) -> int:
    """So many writers, one after the other; how many of them left a temporary file behind.

    What the dead leave is removed at the end. Raises AssertionError where a picture is not whole.
    """
    path, choose = folder / "art.bmp", random.Random(seed)
    write_picture(path, np.zeros(_SHAPE, np.float32))
    for _ in range(times):
        command = [sys.executable, "-P", "-c", _WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout.readline() == b"writing\n"
            time.sleep(choose.uniform(0, _LONGEST_SECONDS))
            writer.kill()
        found = read_picture(path).samples
        assert found.shape == _SHAPE and found.min() == found.max()
    left = len(list(folder.glob(".impasto-*")))
    remove_leftovers(folder)
    assert [entry.name for entry in folder.iterdir()] == [path.name]
    return left


def main() -> None:
    """Kill as many as are asked for, and tell of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        left = kill_writers(Path(folder), given.times)
    print(f"{given.times} writers killed, {left} in the middle of a file: the picture was whole")


if __name__ == "__main__":
    main()
