"""The losses under the pictures of a sheet: all on one scale, so that they can be compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self, TypeAlias

__all__ = ["Losses", "Scale", "summary"]

# (evaluations, loss) on the way of a picture.
Losses: TypeAlias = "Sequence[tuple[int, float]]"


class Scale(NamedTuple):
    """Most evaluations, lowest and highest loss of all curves; the losses are logarithmic."""

    most: int
    lowest: float
    highest: float

    @classmethod
    def of(cls, curves: Iterable[Losses]) -> Self:
        """The one on which all of them fit."""
        points = [point for losses in curves for point in losses]
        if not points:
            return cls(1, 1.0, 1.0)
        losses = [loss for _, loss in points]
        return cls(max(at for at, _ in points), min(losses), max(losses))

    def points(self, losses: Losses, width: int, height: int) -> list[tuple[float, float]]:
        """Their places, from the left and from the top, in an area of that size."""
        span = math.log(self.highest / self.lowest) or 1.0
        return [
            (width * at / self.most, height * math.log(self.highest / loss) / span)
            for at, loss in losses
        ]


def summary(losses: Losses) -> str:
    """What a curve shows, in words."""
    (_, first), (evaluations, last) = losses[0], losses[-1]
    return f"{first:.3g} to {last:.3g} in {evaluations} evaluations"
