"""An oil brush: a bent ribbon of bristles that leaves both colour and thickness."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from .fields import Field

__all__ = ["Brush", "Canvas", "follow"]

_Pixels = NDArray[np.intp]
_BRISTLES, _LENGTH = 96, 256  # samples of a bristle print, across and along the stroke
_SAMPLES_PER_PIXEL = 1.5  # enough that a bent ribbon has no holes on its outer side


@dataclass(frozen=True)
class Brush:
    """One size of brush; lengths are in pixels of the canvas."""

    length: float
    width: float
    dryness: float  # 0: covers fully; 1: only the strongest bristles leave paint
    load: float  # height of the paint it leaves


class Canvas:
    """Colour (H, W, 3) in 0..1, and the height (H, W) of the paint."""

    def __init__(self, colour: Field, rng: np.random.Generator) -> None:
        self.colour = colour.copy()
        self.height = np.zeros(colour.shape[:2])
        self._prints = [_bristle_print(rng) for _ in range(24)]
        self._rng = rng

    def stroke(self, path: Field, brush: Brush, first: Field, second: Field) -> None:
        """Draw along the path (N, 2) of (y, x), the brush loaded with two colours side by side."""
        marks = self._prints[self._rng.integers(len(self._prints))]
        if self._rng.random() < 0.5:
            marks = marks[:, ::-1]
        rows, columns, along, across = _ribbon(path, brush.width)
        bottom, right = self.colour.shape[:2]
        inside = (rows >= 0) & (columns >= 0) & (rows < bottom) & (columns < right)
        print_at = (
            (along * (_LENGTH - 1)).astype(np.intp)[:, None],
            ((across + 1.0) * 0.5 * (_BRISTLES - 1)).astype(np.intp)[None, :],
        )
        mark = marks[print_at]
        cover = _cover(mark, along, across, brush.dryness)
        keep = inside & (cover > 0.02)
        rows, columns, mark, cover = rows[keep], columns[keep], mark[keep], cover[keep]
        side = np.broadcast_to(across, keep.shape)[keep]

        mixed = np.clip(0.5 + 0.7 * side + 0.5 * mark, 0.0, 1.0)[:, None]
        paint = (first + (second - first) * mixed) * (1.0 + 0.14 * mark[:, None])
        alpha = cover[:, None]
        self.colour[rows, columns] += (paint - self.colour[rows, columns]) * alpha

        ridge = 0.45 * np.abs(side) ** 4
        thickness = brush.load * (0.6 + 0.5 * mark + ridge)
        below = 0.55 * self.height[rows, columns]
        self.height[rows, columns] += (below + thickness - self.height[rows, columns]) * cover


def follow(angle: Field, seeds: Field, length: float, steps: int) -> Field:
    """Paths (N, steps, 2) of the given length that pass through the seeds (N, 2) along a field."""
    halves = []
    for sign in (-1.0, 1.0):
        point, points = seeds.copy(), []
        for _ in range(steps // 2):
            row = np.clip(point[:, 0], 0, angle.shape[0] - 1).astype(np.intp)
            column = np.clip(point[:, 1], 0, angle.shape[1] - 1).astype(np.intp)
            heading = angle[row, column]
            ahead = np.stack([np.sin(heading), np.cos(heading)], axis=-1)
            point = point + sign * ahead * (length / steps)
            points.append(point)
        halves.append(points)
    return np.stack(halves[0][::-1] + [seeds] + halves[1], axis=1)


def _bristle_print(rng: np.random.Generator) -> Field:
    """Marks (along, across) in about -1..1: long streaks, since a bristle keeps its paint."""
    coarse = gaussian_filter(rng.standard_normal((_LENGTH, _BRISTLES)), (40.0, 3.0), mode="nearest")
    fine = gaussian_filter(rng.standard_normal((_LENGTH, _BRISTLES)), (22.0, 0.9), mode="nearest")
    marks = coarse / coarse.std() + 0.8 * fine / fine.std()
    return np.asarray(np.clip(marks / 2.6, -1.0, 1.0))


def _ribbon(path: Field, width: float) -> tuple[_Pixels, _Pixels, Field, Field]:
    """Pixel rows and columns (S, T) of a ribbon, with its own coordinates along and across."""
    reach = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    along = np.linspace(0.0, 1.0, max(int(reach[-1] * _SAMPLES_PER_PIXEL), 4))
    centre = np.stack([np.interp(along * reach[-1], reach, path[:, k]) for k in (0, 1)], axis=-1)
    tangent = np.gradient(centre, axis=0)
    tangent /= np.maximum(np.hypot(*tangent.T)[:, None], 1e-9)
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], axis=-1)

    across = np.linspace(-1.0, 1.0, max(int(width * _SAMPLES_PER_PIXEL), 3))
    offset = (0.5 * width * _outline(along))[:, None] * across[None, :]
    place = centre[:, None, :] + offset[..., None] * normal[:, None, :]
    rows, columns = np.floor(place[..., 0]), np.floor(place[..., 1])
    return rows.astype(np.intp), columns.astype(np.intp), along, across


def _outline(along: Field) -> Field:
    """Half-width along the stroke: a round start, a full middle, a lifted, pointed end."""
    start = np.sqrt(np.clip(along / 0.10, 0.0, 1.0))
    end = np.clip((1.0 - along) / 0.45, 0.0, 1.0) ** 0.6
    return np.asarray(start * end)


def _cover(mark: Field, along: Field, across: Field, dryness: float) -> Field:
    """Opacity (S, T): the brush runs dry towards its end, weak bristles first."""
    dry = dryness * (0.25 + 1.1 * along[:, None] ** 2) + 0.35 * dryness * across[None, :] ** 4
    return np.asarray(np.clip((mark + 1.05 - 1.5 * dry) * 4.0, 0.0, 1.0))
