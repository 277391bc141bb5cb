"""How the loss and its terms went down: what plots and reports draw."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from .thinning import Thinned

if TYPE_CHECKING:
    from ..engine.records import Progress

__all__ = ["COLOURS", "TOTAL", "Curve", "History", "LevelSpan", "loss_marks"]

TOTAL = "loss"
# Those that Okabe and Ito chose so that every eye tells them apart; black is for the whole loss.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#7a7a7a")
_MOST_POINTS = 600  # of one level: about as many as a drawing has pixels
_NAME = 0.11  # of a drawing's width that the name of a level takes


class Point(NamedTuple):
    """The losses after one step."""

    evaluations: int
    losses: Mapping[str, float]


class LevelSpan(NamedTuple):
    """One level's place among the evaluations; `name` is its size, or empty if there is no room."""

    name: str
    first: int
    last: int


@dataclass(frozen=True)
class Curve:
    """One term, or the sum of all.

    Args:
        name: of the term, such as "content.relu4_2", or `TOTAL`.
        pieces: for each level its points (evaluations, loss); the levels are not joined, since
            their losses are of pictures of different sizes. A loss is above 0, for it is drawn on
            a logarithmic scale.
    """

    name: str
    pieces: list[list[tuple[int, float]]]


@dataclass
class _Level:
    name: str
    first: int
    points: Thinned[Point] = field(default_factory=lambda: Thinned(_MOST_POINTS))
    latest: Point | None = None

    def __iter__(self) -> Iterator[Point]:
        yield from self.points.entries
        if self.latest is not None and self.latest != self.points.entries[-1]:
            yield self.latest


class History:
    """The losses of a work, step by step; of each level a bounded number of them."""

    def __init__(self) -> None:
        self._levels: dict[int, _Level] = {}

    def note(self, progress: Progress) -> None:
        """Take down the losses after a step."""
        level = self._levels.get(progress.level)
        if level is None:
            name = f"{progress.width} x {progress.height}"
            level = self._levels[progress.level] = _Level(name, progress.evaluations)
        point = Point(progress.evaluations, {TOTAL: progress.loss, **progress.terms})
        level.latest = point
        level.points.offer(lambda: point)

    @property
    def levels(self) -> list[LevelSpan]:
        """From coarse to fine."""
        spans = [
            LevelSpan(level.name, level.first, level.latest.evaluations)
            for level in self._levels.values()
            if level.latest is not None
        ]
        room = _NAME * (spans[-1].last - spans[0].first) if spans else 0
        return [
            span if span.last - span.first >= room else span._replace(name="") for span in spans
        ]

    @property
    def curves(self) -> list[Curve]:
        """The whole loss, then its terms; those that are 0 throughout are left out."""
        names = dict.fromkeys(
            name for level in self._levels.values() for point in level for name in point.losses
        )
        curves = [Curve(name, self._pieces(name)) for name in names]
        return [curve for curve in curves if curve.pieces]

    def _pieces(self, name: str) -> list[list[tuple[int, float]]]:
        pieces = [
            [
                (point.evaluations, point.losses[name])
                for point in level
                if 0 < point.losses.get(name, 0.0) < float("inf")
            ]
            for level in self._levels.values()
        ]
        return [piece for piece in pieces if piece]


def loss_marks(lowest: float, highest: float) -> list[float]:
    """Round numbers in the range: powers of ten, with 2 and 5 times those where they are few."""
    factors = (1,) if highest > 1000 * lowest else (1, 2, 5)
    powers = range(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)) + 1)
    marks = [float(f"{factor}e{power}") for power in powers for factor in factors]
    return [mark for mark in marks if lowest <= mark <= highest]
