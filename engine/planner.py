"""Choosing a plan: the fastest way to compute each level within a budget of memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, partial
from math import ceil, floor, inf

from .accounts import Accounts
from .balance import measured
from .costs import Costs
from .errors import MemoryLimit
from .footprints import Footprints
from .images import fitted_size
from .kept_grams import KEPT_BYTES
from .ladders import Ladder, cheapest
from .methods import Method, methods_for
from .plan import LevelPlan, Plan, Work
from .programs import Programs
from .pyramid import Level
from .stop import Stop
from .tiles import Tiling, halo_of, side_of, wrapping

__all__ = ["Planner"]

# Beside a tile's halo, at least so many pixels of core: below, most of the work is halo.
_SMALLEST_CORE = 64
# A program for more takes longer to build than tiles take to compute.
_LARGEST_PIXELS = 2048 * 2048
# Longer sides of canvases that are evaluated to tell how long an evaluation takes.
_SAMPLES = (128, 256)
# Larger tiles have hardly less halo.
_LARGEST_TILE = 1280 * 1280
# Tiles that are not so much smaller than others are not worth a look.
_SMALLER = 0.95


class Planner:
    """Plans works on one network.

    Args:
        programs: of the network.
        footprints: of its programs in the lowering that runs them.
        can_tile: whether there are programs for tiles.
        workers: that compute tiles at the same time; they may have as much memory each.
    """

    def __init__(
        self, programs: Programs, footprints: Footprints, can_tile: bool, workers: int = 1
    ) -> None:
        self._programs = programs
        self._accounts = Accounts(programs, footprints)
        self._can_tile = can_tile
        self._workers = workers

    @cached_property
    def costs(self) -> Costs:
        """Of the network's layers."""
        return Costs.of(self._programs.weights, self._programs.strides)

    def plan(self, work: Work, memory: int, stop: Stop | None = None) -> Plan:
        """The fastest way through every level that keeps within the budget, in bytes.

        Raises:
            MemoryLimit: there is none; the message tells the estimate of the smallest one, and the
                largest size that fits.
            Stopped: `stop` was requested.
        """
        accounts = self._accounts.until(stop or Stop())
        if (needed := self._smallest(work, accounts)) > memory:
            raise MemoryLimit(self._refusal(work, needed, memory, accounts))
        levels = tuple(self._level(work, level, memory, accounts) for level in work.levels)
        return Plan(levels, memory, max(accounts.ends(work), *(one.bytes for one in levels)))

    def samples(self, work: Work) -> dict[tuple[int, int], float]:
        """(height, width) of one or two small canvases, and what an evaluation of each costs: to
        tell from the seconds that it takes how long the work will."""
        final, unit = work.levels[-1], work.smallest_side
        found = {}
        for side in _SAMPLES:
            scale = min(1.0, side / max(final.shape))
            height, width = (max(1, round(one * scale / unit)) * unit for one in final.shape)
            sample = Level(height, width, 1)
            found[height, width] = self._cost(work, sample, self._ways(work, sample)[0][0])
        return found

    def _smallest(self, work: Work, accounts: Accounts) -> int:
        """The least memory, in bytes, that a plan of that work can keep within."""
        level = work.levels[-1]
        method = methods_for(work.options, _numbers(level))[-1]
        least: int | None = None
        for ways in reversed(self._ways(work, level)):
            taken = accounts.level(work, level, ways[-1], method, least)
            least = taken if least is None else min(least, taken)
        assert least is not None
        return max(accounts.fixed + least, accounts.ends(work))

    def _refusal(self, work: Work, needed: int, memory: int, accounts: Accounts) -> str:
        final = work.levels[-1]
        fits, too_large = 0, max(final.height, final.width)
        while too_large - fits > max(1, too_large // 64):
            size = (fits + too_large) // 2
            smaller = _resized(work, size)
            enough = min(smaller.levels[-1].shape) >= work.smallest_side
            if enough and self._smallest(smaller, accounts) > memory:
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

    def _level(self, work: Work, level: Level, memory: int, accounts: Accounts) -> LevelPlan:
        fixed = accounts.fixed
        ways = self._ways(work, level)
        found = []
        for method in methods_for(work.options, _numbers(level)):
            for some in ways:
                taken = partial(_taken, accounts, work, level, method, memory - fixed, some)
                costs = [method.slowness * self._cost(work, level, way) for way in some]
                sizes = [_pixels(level, way) for way in some]
                found.append((method, some, Ladder(costs, sizes, taken, memory - fixed)))
        best = cheapest([ladder for _, _, ladder in found])
        if best is None:  # a coarser level needs more: SciPy's, of a picture with tiny levels
            needed = self._smallest(work, accounts)
            raise MemoryLimit(self._refusal(work, needed, memory, accounts))
        method, some, _ = next(one for one in found if one[2] is best)
        way = some[best.place]
        needed = fixed + accounts.level(work, level, way, method)
        return LevelPlan(
            level.height,
            level.width,
            level.iterations,
            way,
            method,
            needed,
            self._cost(work, level, way),
            self.costs.targets(work.selection, (level.height, level.width)),
            measured(work.options, len(work.regions)),
            accounts.weights(work, level, way),
            min(accounts.looks(work, level) + memory - needed, KEPT_BYTES),
        )

    def _cost(self, work: Work, level: Level, tiling: Tiling | None) -> float:
        shape = (level.height, level.width)
        return self.costs.evaluation(work.selection.tiled(tiling), tiling, shape, self._workers)

    def _ways(self, work: Work, level: Level) -> list[list[Tiling | None]]:
        """All at once; the front in tiles, up to each pooling; and everything in tiles: of each the
        largest tiles first."""
        found: list[list[Tiling | None]] = []
        if level.height * level.width <= _LARGEST_PIXELS or not self._can_tile:
            found.append([None])
        if not self._can_tile:
            return found
        used = work.selection.layers
        names = list(self._programs.strides)
        deepest = max(used, key=names.index)
        joints = [name for name in names[: names.index(deepest)] if name.startswith("pool")]
        if work.options.border == "wrap":
            whole = wrapping(self._programs.strides, used, (level.height, level.width))
            around = max(whole.whole((level.height, level.width)))
            sides = self._sides(around, whole.halo, whole.unit)
            tilings = [whole, *(replace(whole, height=side, width=side) for side in sides)]
            return [[*self._worth_it(work, level, tilings)]]
        for joint in [*joints, deepest]:
            halo, unit = halo_of(self._programs.strides, [joint])
            sides = [
                side
                for side in self._sides(max(level.height, level.width), halo, unit)
                if side * min(side, level.height, level.width) <= _LARGEST_TILE
            ]
            tilings = [Tiling(joint, side, side, halo, unit) for side in sides]
            tilings = self._worth_it(work, level, tilings)
            found.append([*tilings])
            if joint == deepest and work.selection.content_layers:
                found.append([replace(tiling, half=True) for tiling in tilings])
        return [ways for ways in found if ways]

    def _worth_it(self, work: Work, level: Level, tilings: list[Tiling]) -> list[Tiling]:
        """Without those that cost no less than one with smaller tiles, of which the workers have
        fewer rounds each."""
        found: list[Tiling] = []
        least = inf
        for tiling in reversed(tilings):
            if (cost := self._cost(work, level, tiling)) < least:
                found.insert(0, tiling)
                least = cost
        return found

    def _sides(self, longer: int, halo: int, unit: int) -> list[int]:
        """Of square tiles: those with which fewer and fewer cover the longer side."""
        smallest = 2 * halo + max(_SMALLEST_CORE, 2 * unit)
        found: list[int] = []
        for count in range(1, longer // unit + 1):
            side = side_of(longer, count, halo, unit)
            if side >= smallest and (not found or side + unit <= _SMALLER * found[-1]):
                found.append(side + unit)
        return found


def _taken(
    accounts: Accounts,
    work: Work,
    level: Level,
    method: Method,
    most: int,
    ways: list[Tiling | None],
    place: int,
) -> int:
    return accounts.level(work, level, ways[place], method, most)


def _resized(work: Work, size: int) -> Work:
    """The work with a smaller longer side. Of coarser levels only their number counts, which is no
    less than it would be."""
    *coarser, final = work.levels
    height, width = fitted_size(*final.shape, size)
    if work.options.levels is None:  # two pixels for what is rounded up from level to level
        ratio, least = size / max(final.shape), work.options.coarsest - 2
        coarser = [level for level in coarser if max(level.shape) * ratio > least]
    levels = (
        *(replace(level, height=1, width=1) for level in coarser),
        replace(final, height=height, width=width),
    )
    return replace(work, levels=levels)


def _numbers(level: Level) -> int:
    return 3 * level.height * level.width


def _pixels(level: Level, tiling: Tiling | None) -> int:
    """Of a tile."""
    shape = (level.height, level.width)
    height, width = shape if tiling is None else tiling.size(shape)
    return height * width


def _spelled(count: int, round_to: Callable[[float], int]) -> str:
    """Bytes as the command line takes them, so that what is said to be enough is."""
    return f"{round_to(count / 2**20)}M"
