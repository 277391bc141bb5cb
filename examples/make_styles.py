"""Paint the example styles: `python examples/make_styles.py [--out DIR] [--size 640] [--seed 7]`.

The same size and seed give the same pictures. Needs numpy, scipy and Pillow, and about a minute.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from styles.fields import Field
from styles.mosaic import paint_mosaic
from styles.strokes import paint_strokes
from styles.woodcut import paint_woodcut

PAINTERS: dict[str, Callable[[int, np.random.Generator], Field]] = {
    "strokes": paint_strokes,
    "woodcut": paint_woodcut,
    "mosaic": paint_mosaic,
}


def main() -> None:
    """Paint each style and save it as a JPEG."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to fill")
    parser.add_argument("--size", type=int, default=640, help="width and height in pixels")
    parser.add_argument("--seed", type=int, default=7, help="another seed paints another picture")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, paint in PAINTERS.items():
        picture = paint(options.size, np.random.default_rng(options.seed))
        pixels = np.round(255.0 * picture).astype(np.uint8)
        path = options.out / f"style_{name}.jpg"
        Image.fromarray(pixels).save(path, quality=92, optimize=True)
        print(path)


if __name__ == "__main__":
    main()
