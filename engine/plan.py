"""The plan of a work: how each level is computed within a budget of memory, made before it starts.

The same request has the same plan: it depends on sizes, options and budget alone, not on what
happens to be free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .finishing import kept_bytes
from .methods import Method
from .options import Options
from .picture_memory import encode_bytes
from .programs import Selection
from .pyramid import Level
from .regions import NO_REGIONS, Regions
from .tiles import Tiling

__all__ = ["LevelPlan", "Plan", "Work"]

# Of the objective for each step of an optimiser: some take a second one.
_EVALUATIONS = 1.05


@dataclass(frozen=True)
class Work:
    """What is asked for, as far as memory goes.

    Args:
        levels: from coarse to fine.
        styles: (height, width) of each style picture as it is given.
        options: layers, optimiser, style scale.
        selection: of a network, without a joint.
        smallest_side: pixels that the network needs on each side of a picture.
        held_bytes: that its pictures take as they were decoded.
        decode_bytes: that reading them takes at most, what is held included.
        regions: of the canvas that have a style of their own.
    """

    levels: tuple[Level, ...]
    styles: tuple[tuple[int, int], ...]
    options: Options
    selection: Selection
    smallest_side: int
    held_bytes: int = 0
    decode_bytes: int = 0
    regions: Regions = NO_REGIONS

    @property
    def encode_bytes(self) -> int:
        """That writing the result takes, beside the result, which is a PNG: so the command line's
        is where nothing else is said."""
        return encode_bytes(*self.levels[-1].shape, 4, "PNG")

    @property
    def kept_bytes(self) -> int:
        """That are kept of the photograph at the final size, and of masks, to the end."""
        return kept_bytes(self.levels[-1].shape, self.options) + self.regions.nbytes


@dataclass(frozen=True)
class LevelPlan:
    """How one scale is worked on.

    Args:
        height, width, iterations: of the canvas, and steps to take.
        tiling: how pictures are cut, or None for all of each at once.
        method: the optimiser.
        bytes: the most memory that the process has at this level.
        cost: of one evaluation, in units of `costs.Costs`.
        targets_cost: of the targets, likewise.
        measured: evaluations before the first step, by which the objective is balanced.
        weights: names of those that its programs have arranged for them.
        looks: bytes that may be kept of what is known of styles, of earlier works too.
        seconds: the estimate of all its work; None where nothing was timed.
    """

    height: int
    width: int
    iterations: int
    tiling: Tiling | None
    method: Method
    bytes: int
    cost: float
    targets_cost: float
    measured: int
    weights: frozenset[str]
    looks: int
    seconds: float | None = None

    @property
    def evaluations(self) -> float:
        """Of the objective, about."""
        return self.iterations * _EVALUATIONS + self.measured

    @property
    def tiles(self) -> tuple[int, int]:
        """How many tiles the canvas has down and across; one of each where it is not cut."""
        return (1, 1) if self.tiling is None else self.tiling.counts((self.height, self.width))


@dataclass(frozen=True)
class Plan:
    """All levels, from coarse to fine, and the whole.

    Args:
        memory: the budget in bytes.
        bytes: the estimate of the process's peak, at most the budget.
    """

    levels: tuple[LevelPlan, ...]
    memory: int
    bytes: int

    @property
    def seconds(self) -> float | None:
        """The estimate of the whole duration; None where nothing was timed."""
        known = [level.seconds for level in self.levels if level.seconds is not None]
        return sum(known) if len(known) == len(self.levels) else None

    def timed(self, costs: Sequence[float], evaluations: Sequence[float]) -> Plan:
        """With the seconds of all levels.

        Args:
            costs: of one or two evaluations, as `LevelPlan.cost`, ascending.
            evaluations: the seconds that they took: what they have in common does not grow with
                the size.
        """
        rate, always = evaluations[-1] / costs[-1], 0.0
        if len(costs) == 2 and costs[1] > costs[0]:
            slope = (evaluations[1] - evaluations[0]) / (costs[1] - costs[0])
            rate = min(rate, max(slope, rate / 2))
            always = max(0.0, evaluations[1] - rate * costs[1])
        levels = tuple(
            replace(
                level,
                seconds=rate * (level.targets_cost + level.evaluations * level.cost)
                + always * level.evaluations,
            )
            for level in self.levels
        )
        return replace(self, levels=levels)
