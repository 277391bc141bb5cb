"""Regions: where on the photograph which painting counts, and where nothing is painted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["NO_REGIONS", "Region", "Regions", "Sight", "everywhere"]


@dataclass(frozen=True, eq=False)
class Region:
    """A part of the photograph, and what it is painted after.

    Args:
        mask: (H, W) uint8, 255 where it is, of the photograph's shape in any size.
        styles: which style pictures count there, from 0.
        style_mask: (h, w) uint8, the part of those pictures that counts; None is all of them.
    """

    mask: np.ndarray = field(repr=False)
    styles: tuple[int, ...]
    style_mask: np.ndarray | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Sight:
    """A region at a level.

    Args:
        mask: (H, W) float32 in 0..1, of the canvas's size.
        styles, style_mask: as of `Region`.
    """

    mask: np.ndarray = field(repr=False)
    styles: tuple[int, ...]
    style_mask: np.ndarray | None = field(default=None, repr=False)

    @property
    def area(self) -> float:
        """Its share of the canvas."""
        return float(self.mask.mean(dtype=np.float64))


@dataclass(frozen=True, eq=False)
class Regions:
    """All of a work; none at all is one that is painted everywhere.

    Args:
        regions: may overlap, and need not cover the photograph.
        kept: (H, W) uint8, 255 where the photograph stays; or None.
        reading_bytes: that reading the masks took at most, they included.
    """

    regions: tuple[Region, ...] = ()
    kept: np.ndarray | None = field(default=None, repr=False)
    reading_bytes: int = 0

    def __len__(self) -> int:
        return len(self.regions)

    @property
    def nbytes(self) -> int:
        """Of all masks."""
        masks = [self.kept, *(mask for one in self.regions for mask in (one.mask, one.style_mask))]
        return sum(mask.nbytes for mask in masks if mask is not None)

    def at(self, fitted: Callable[[np.ndarray], np.ndarray]) -> tuple[Sight, ...]:
        """Those that a level sees.

        Args:
            fitted: brings a mask to the canvas's size, as it does the photograph.
        """
        free = None if self.kept is None else 1 - fitted(self.kept)
        return tuple(
            Sight(
                fitted(one.mask) if free is None else fitted(one.mask) * free,
                one.styles,
                one.style_mask,
            )
            for one in self.regions
        )


NO_REGIONS = Regions()


def everywhere(styles: Sequence[object]) -> Region:
    """The region of a work that has none, for those that keep a part of the photograph."""
    return Region(np.full((1, 1), 255, np.uint8), tuple(range(len(styles))))
