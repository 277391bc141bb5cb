"""A cluster as the engine and the command line see it: workers for tiles, or for whole pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Condition, Lock
from typing import Any
from uuid import uuid4

from ..engine.cpus import usable_cpus
from ..engine.errors import OptionsError
from ..engine.images import read_file
from ..engine.lowerings import Lowering
from ..engine.options import STARTS, Options
from ..engine.pixels import Picture
from ..engine.records import Result
from ..engine.stop import Stop
from ..engine.tile_runner import Given, TileRunner
from .dask_client import DaskClient, local_workers
from .worker import Machine, PictureOrder, compute_tile, given, paint_picture

__all__ = ["Cluster", "PictureWorkers"]


# Pictures beyond those that are painted: at the workers when they begin the next one.
_AHEAD = 2
# Seconds between two looks at how many workers there are, where all have their pictures.
_LOOK = 1.0


class Cluster(AbstractContextManager["Cluster"]):
    """Workers of a Dask cluster. An `Engine` that is given them has tiles computed there.

    Args, Raises: see `DaskClient`.
    """

    def __init__(self, address: str, patience: float = 60.0) -> None:
        self._client = DaskClient(address, patience)
        self._own = local_workers(address)
        self._networks: dict[str, Any] = {}

    def __exit__(self, *ended: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the scheduler, and end the workers that were started here."""
        self._networks.clear()
        self._client.close()

    @property
    def count(self) -> int:
        """See `Workers`."""
        return max(1, self._client.threads)

    def runner(
        self,
        fingerprint: str,
        packed: Callable[[], bytes],
        lowering: Lowering,
        threads: int | None,
    ) -> TileRunner:
        """See `Workers`."""
        network = self._network(fingerprint, packed)
        machine = Machine(fingerprint, self._threads(threads), lowering)
        return _TilesThere(self._client, network, machine)

    def pictures(
        self,
        machine: Machine,
        packed: Callable[[], bytes],
        styles: Sequence[Picture],
        options: Options,
        memory: int,
        time: float | None,
    ) -> PictureWorkers:
        """What paints whole pictures there.

        Args:
            packed: makes the network file, where the workers do not have it yet.
            styles: the paintings, which travel once.
            memory: bytes that a worker may take for a picture.
            time: seconds for each.

        Raises:
            OptionsError: the options name a file, which no worker has.
        """
        if options.init not in STARTS:
            raise OptionsError(
                "init must be content, style or noise on a cluster: its workers have no files of "
                "this machine"
            )
        network = self._network(machine.fingerprint, packed)
        order = PictureOrder(
            replace(machine, threads=self._threads(machine.threads)),
            options,
            f"impasto-{uuid4().hex}",
            "",
            memory,
            time,
        )
        return PictureWorkers(self._client, network, self._client.submit(given, styles), order)

    def _network(self, fingerprint: str, packed: Callable[[], bytes]) -> Any:
        """The future of a network file: Dask brings it to each worker that needs it, once."""
        if fingerprint not in self._networks:
            self._networks[fingerprint] = self._client.submit(given, packed())
        return self._networks[fingerprint]

    def _threads(self, asked: int | None) -> int | None:
        """Where the workers share this machine, their share of it."""
        if asked is not None or self._own is None:
            return asked
        return max(1, usable_cpus() // self._own)


class PictureWorkers:
    """Paints pictures, several at a time: each call waits for its own."""

    def __init__(self, client: DaskClient, network: Any, styles: Any, order: PictureOrder) -> None:
        self._client = client
        self._network = network
        self._styles = styles
        self._order = order
        self._calling_off = Lock()
        self._turns = Condition()
        self._taken = 0

    def paint(self, source: Path, stop: Stop) -> Result:
        """One picture.

        Raises:
            Stopped: `stop` was requested; what is being painted then is called off.
            StyleError: it cannot be painted.
        """
        with self._turn(stop):
            photograph, name = read_file(source, self._order.machine.limits, "content picture")
            order, beside = replace(self._order, name=name), (self._network, self._styles)
            future = self._client.submit(paint_picture, order, *beside, photograph)
            with stop.calling(self._call_off):
                (result,) = self._client.results([future], stop)
        assert isinstance(result, Result)
        return result

    @contextmanager
    def _turn(self, stop: Stop) -> Iterator[None]:
        """While inside, this is one of as many pictures as the workers paint at once, and a few
        that wait for them: each is held here, first as a file and then as what it has become.

        Raises:
            Stopped: `stop` was requested.
        """
        with self._turns:
            while self._taken >= self._client.threads + _AHEAD:
                self._turns.wait(_LOOK)
                stop.check()
            self._taken += 1
        try:
            yield
        finally:
            with self._turns:
                self._taken -= 1
                self._turns.notify()

    def _call_off(self) -> None:
        """All of them: the first that hears of the stop does it."""
        if self._calling_off.acquire(blocking=False):
            self._client.call_off(self._order.call)


class _TilesThere:
    """See `TileRunner`."""

    def __init__(self, client: DaskClient, network: Any, machine: Machine) -> None:
        self._client = client
        self._beside = (machine, network)

    def hold(self, values: Iterable[Any]) -> Given:
        return [self._client.submit(given, value) for value in values]

    def keep(self, task: Callable[..., Any], stop: Stop, *rows: Given) -> Given:
        kept = []
        for row in zip(*rows, strict=True):
            stop.check()
            kept.append(self._client.submit(compute_tile, *self._beside, task, *row))
        return kept

    def run(self, task: Callable[..., Any], stop: Stop, *rows: Given) -> Iterator[Any]:
        return self._client.results(self.keep(task, stop, *rows), stop)
