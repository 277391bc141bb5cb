"""Who computes the tiles of a canvas: this process, or others.

What tiles are made of may lie where they are computed; here it is then only known by something that
stands for it, in the order of the tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from .checks import shown
from .errors import OptionsError
from .sessions import Desk, Sessions
from .stop import Stop

if TYPE_CHECKING:
    from .lowerings import Lowering
    from .programs import Programs

__all__ = ["Given", "Runners", "TileRunner", "TilesHere", "Workers", "runners_of"]

# Values, one for each tile, or what stands for them.
Given: TypeAlias = Sequence[Any]


class TileRunner(Protocol):
    """Computes a task of `tile_tasks` for all tiles of a canvas."""

    def hold(self, values: Iterable[Any]) -> Given:
        """What stands for values that are needed more than once."""

    def keep(self, task: Callable[..., Any], stop: Stop, *given: Given) -> Given:
        """What stands for the results of a task, which stay where they were computed."""

    def run(self, task: Callable[..., Any], stop: Stop, *given: Given) -> Iterator[Any]:
        """The results of a task, in the order of the tiles.

        Args:
            given: sequences of the same length: what the task is given for each tile.

        Raises:
            Stopped: `stop` was requested.
            StyleError: a tile could not be computed.
        """


# Of a network, as its sessions have it.
Runners: TypeAlias = Callable[[Sessions], TileRunner]


class Workers(Protocol):
    """Other processes that compute tiles."""

    @property
    def count(self) -> int:
        """How many tiles they compute at once."""

    def runner(
        self,
        fingerprint: str,
        packed: Callable[[], bytes],
        lowering: Lowering,
        threads: int | None,
    ) -> TileRunner:
        """What computes tiles of pictures on a network there.

        Args:
            fingerprint: of the network.
            packed: makes its network file, where they do not have it yet.
            threads: processors for each tile; None leaves it to them.
        """


class TilesHere:
    """One tile after the other in this process.

    A session keeps the memory of its last tile for the next one, and gives it back after the last:
    the sums, the rest and the way back need theirs one after the other.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._desk = Desk(sessions)

    def hold(self, values: Iterable[Any]) -> Given:
        """See `TileRunner`."""
        return list(values)

    def keep(self, task: Callable[..., Any], stop: Stop, *given: Given) -> Given:
        """See `TileRunner`."""
        return list(self.run(task, stop, *given))

    def run(self, task: Callable[..., Any], stop: Stop, *given: Given) -> Iterator[Any]:
        """See `TileRunner`."""
        rows = list(zip(*given, strict=True))
        for number, row in enumerate(rows, 1):
            yield task(self._desk, stop, number == len(rows), *row)


def runners_of(
    workers: Workers | None,
    programs: Programs,
    lowering: Lowering,
    threads: int | None,
    can_tile: bool,
) -> tuple[Runners, int]:
    """Who computes the tiles of pictures on a network, and how many at once.

    Args:
        workers: None is this process.
        can_tile: whether there are programs for tiles.

    Raises:
        OptionsError: there are workers, but no such programs; they are none.
    """
    if workers is None:
        return TilesHere, 1
    if not hasattr(type(workers), "runner"):
        raise OptionsError(f"workers must be those of a cluster, not {shown(workers)}")
    if not can_tile:
        raise OptionsError("workers compute tiles of networks, not of bundles, on processors")
    runner = workers.runner(programs.fingerprint, programs.packed, lowering, threads)
    return lambda sessions: runner, workers.count
