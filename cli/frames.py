"""Frames of the way to a picture: those saved beside it, and those kept for an animation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .thinning import Thinned

if TYPE_CHECKING:
    import numpy as np

__all__ = ["MOST_FRAMES", "KeptFrames", "NumberedFrames", "as_jpeg", "shrunk_size"]

MOST_FRAMES = 120


class NumberedFrames:
    """Files beside `output`, named after it: of art.png, art.0001.png and so on."""

    def __init__(self, output: Path) -> None:
        self._output = output
        self.count = 0

    def path(self, number: int) -> Path:
        """Where one of them is, counted from 1."""
        return self._output.with_name(f"{self._output.stem}.{number:04}{self._output.suffix}")

    def is_one(self, path: Path) -> bool:
        """Whether it has the name of one of them, whatever its number."""
        before, after = re.escape(self._output.stem), re.escape(self._output.suffix)
        return (
            re.fullmatch(rf"{before}\.\d{{4,}}{after}", path.name, re.DOTALL) is not None
            and path.absolute().parent.resolve() == self._output.absolute().parent.resolve()
        )

    def existing(self) -> list[Path]:
        """Those that are there, in any order; none where the folder cannot be read."""
        try:
            return [path for path in self._output.absolute().parent.iterdir() if self.is_one(path)]
        except OSError:
            return []

    def save(self, canvas: np.ndarray) -> None:
        """Write the next one; errors as in `write_picture`."""
        from ..engine.images import write_picture

        write_picture(self.path(self.count + 1), canvas)
        self.count += 1


class KeptFrames:
    """At most `MOST_FRAMES` canvases, evenly spaced, in little memory.

    Each is kept as a JPEG no larger than it will be shown, a tenth of its floats or less; the
    formats of the animations lose more than that.

    Args:
        side: longer side of the animation in pixels, at most.
    """

    def __init__(self, side: int) -> None:
        self._side = side
        self._kept: Thinned[bytes] = Thinned(MOST_FRAMES - 1)  # and the result

    def offer(self, canvas: np.ndarray) -> None:
        """The canvas after one more step, (H, W, 3) in 0..1; it may change afterwards."""
        self._kept.offer(lambda: as_jpeg(canvas, self._side))

    def with_result(self, result: np.ndarray) -> Iterator[np.ndarray]:
        """The frames, each when it is asked for, the result as the last: uint8, all of one size."""
        from ..engine.images import read_picture, resize

        height, width = shrunk_size(result, self._side)
        for file in (*self._kept.entries, as_jpeg(result, self._side)):
            floats = resize(read_picture(file, what="frame"), height, width)
            yield (floats * 255 + 0.5).astype("uint8")

    def __len__(self) -> int:
        """How many there are, with the result."""
        return len(self._kept.entries) + 1


def as_jpeg(canvas: np.ndarray, side: int, alpha: np.ndarray | None = None) -> bytes:
    """The file of a picture of floats, shrunk until its longer side is at most `side`."""
    from ..engine.images import encode_picture, resize

    height, width = shrunk_size(canvas, side)
    if (height, width) != canvas.shape[:2]:
        canvas = resize(canvas, height, width)
        alpha = None if alpha is None else resize(alpha, height, width)
    return encode_picture(canvas, alpha, "JPEG")


def shrunk_size(canvas: np.ndarray, side: int) -> tuple[int, int]:
    """(height, width) of a picture whose longer side is to be at most `side`."""
    from ..engine.images import fitted_size

    height, width = canvas.shape[:2]
    return fitted_size(height, width, min(side, max(height, width)))
