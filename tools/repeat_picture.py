"""Lay a picture out 2 x 2, to look for seams.

python tools/repeat_picture.py TILE.png REPEATED.jpg
"""

from __future__ import annotations

import sys

import numpy as np

from impasto.engine.images import read_picture, resize, write_picture


def main(source: str, destination: str) -> None:
    """Read the one, write the other."""
    picture = read_picture(source)
    height, width = picture.shape[:2]
    write_picture(destination, np.tile(resize(picture, height, width), (2, 2, 1)))


if __name__ == "__main__":
    main(*sys.argv[1:])
