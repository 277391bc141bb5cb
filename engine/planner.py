"""Choosing a plan: the fastest way to compute each level within a budget of memory."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, partial
from math import ceil, floor

from .accounts import Accounts, joined_at
from .costs import Costs
from .errors import MemoryLimit
from .footprints import Footprints
from .images import fitted_size
from .methods import Method, methods_for
from .plan import LevelPlan, Plan, Work
from .programs import Programs
from .pyramid import Level
from .tiles import Tiling, halo_of, side_of

__all__ = ["Planner"]

# Beside a tile's halo, at least so many pixels of core: below, most of the work is halo.
_SMALLEST_CORE = 64
# A program for more takes longer to build than tiles take to compute.
_LARGEST_PIXELS = 2048 * 2048
# How much longer a descent takes to get equally far down, at least: see docs/memory.md.
_SLOWNESS = {"scipy": 1.0, "lbfgs 20": 1.0, "lbfgs 10": 1.02, "lbfgs 10 half": 1.02, "adam": 2.0}
_FEW_PAIRS_SLOWNESS = 1.15


class Planner:
    """Plans works on one network.

    Args:
        programs: of the network.
        footprints: of its programs in the lowering that runs them.
        can_tile: whether there are programs for tiles.
    """

    def __init__(self, programs: Programs, footprints: Footprints, can_tile: bool) -> None:
        self._programs = programs
        self._accounts = Accounts(programs, footprints)
        self._can_tile = can_tile

    @cached_property
    def costs(self) -> Costs:
        """Of the network's layers."""
        return Costs.of(self._programs.weights, self._programs.strides)

    def plan(self, work: Work, memory: int) -> Plan:
        """The fastest way through every level that keeps within the budget, in bytes.

        Raises:
            MemoryLimit: there is none; the message tells the estimate of the smallest one, and the
                largest size that fits.
        """
        if (needed := self.smallest(work)) > memory:
            raise MemoryLimit(self._refusal(work, needed, memory))
        levels = tuple(self._level(work, level, memory) for level in work.levels)
        return Plan(levels, memory, max(self._accounts.ends(work), *(one.bytes for one in levels)))

    def smallest(self, work: Work) -> int:
        """The least memory, in bytes, that a plan of that work can keep within."""
        level = work.levels[-1]
        method = methods_for(work.options, _numbers(level))[-1]
        least: int | None = None
        for ways in reversed(self._ways(work, level)):
            taken = self._accounts.level(work, level, ways[-1], method, least)
            least = taken if least is None else min(least, taken)
        assert least is not None
        return max(self._accounts.fixed(work) + least, self._accounts.ends(work))

    def _refusal(self, work: Work, needed: int, memory: int) -> str:
        final = work.levels[-1]
        fits, too_large = 0, max(final.height, final.width)
        while too_large - fits > max(1, too_large // 64):
            size = (fits + too_large) // 2
            shape = fitted_size(final.height, final.width, size)
            smaller = replace(work, levels=(Level(*shape, final.iterations),))
            enough = min(shape) >= work.smallest_side
            if enough and self.smallest(smaller) > memory:
                too_large = size
            else:
                fits = size
        largest = (
            f"the largest size that fits is about {fits}"
            if min(fitted_size(final.height, final.width, max(1, fits))) >= work.smallest_side
            else "no size fits"
        )
        return (
            f"a picture of {final.width} x {final.height} needs at least "
            f"{_spelled(needed, ceil)} of memory, and may have {_spelled(memory, floor)}; {largest}"
        )

    def _level(self, work: Work, level: Level, memory: int) -> LevelPlan:
        best: tuple[float, LevelPlan] | None = None
        for method in methods_for(work.options, _numbers(level)):
            slowness = _SLOWNESS.get(str(method), _FEW_PAIRS_SLOWNESS)
            for ways in self._ways(work, level):
                if best is not None and slowness * self._cost(work, level, ways[0]) >= best[0]:
                    continue
                # The larger the tiles, the faster: the largest that fit.
                place = bisect_left(
                    ways, True, key=partial(self._fits, work, level, method, memory)
                )
                if place == len(ways):
                    continue
                cost = self._cost(work, level, ways[place])
                if best is None or slowness * cost < best[0]:
                    taken = self._accounts.level(work, level, ways[place], method)
                    plan = LevelPlan(
                        level.height,
                        level.width,
                        level.iterations,
                        ways[place],
                        method,
                        self._accounts.fixed(work) + taken,
                        cost,
                        self.costs.targets(work.selection, (level.height, level.width)),
                    )
                    best = (slowness * cost, plan)
        if best is None:  # a coarser level needs more: SciPy's, of a picture with tiny levels
            raise MemoryLimit(self._refusal(work, self.smallest(work), memory))
        return best[1]

    def _fits(
        self, work: Work, level: Level, method: Method, memory: int, tiling: Tiling | None
    ) -> bool:
        most = memory - self._accounts.fixed(work)
        return self._accounts.level(work, level, tiling, method, most) <= most

    def _cost(self, work: Work, level: Level, tiling: Tiling | None) -> float:
        shape = (level.height, level.width)
        return self.costs.evaluation(joined_at(work, tiling), tiling, shape)

    def _ways(self, work: Work, level: Level) -> list[list[Tiling | None]]:
        """All at once; the front in tiles, up to each pooling; and everything in tiles: of each the
        largest tiles first."""
        found: list[list[Tiling | None]] = []
        if level.height * level.width <= _LARGEST_PIXELS or not self._can_tile:
            found.append([None])
        if not self._can_tile:
            return found
        used = (*work.selection.content_layers, *work.selection.style_layers)
        names = list(self._programs.strides)
        deepest = max(used, key=names.index)
        joints = [name for name in names[: names.index(deepest)] if name.startswith("pool")]
        for joint in [*joints, deepest]:
            halo, unit = halo_of(self._programs.strides, [joint])
            sides = [
                side
                for side in self._sides(max(level.height, level.width), halo, unit)
                if side * min(side, level.height, level.width) <= _LARGEST_PIXELS
            ]
            found.append([Tiling(joint, side, side, halo, unit) for side in sides])
            if joint == deepest and work.selection.content_layers:
                found.append([Tiling(joint, side, side, halo, unit, half=True) for side in sides])
        return [ways for ways in found if ways]

    def _sides(self, longer: int, halo: int, unit: int) -> list[int]:
        """Of square tiles: those with which fewer and fewer cover the longer side."""
        smallest = 2 * halo + max(_SMALLEST_CORE, 2 * unit)
        sides = {side_of(longer, count, halo, unit) for count in range(1, longer // unit + 1)}
        return sorted((side + unit for side in sides if side >= smallest), reverse=True)


def _numbers(level: Level) -> int:
    return 3 * level.height * level.width


def _spelled(count: int, round_to: Callable[[float], int]) -> str:
    """Bytes as the command line takes them, so that what is said to be enough is."""
    return f"{round_to(count / 2**20)}M"
