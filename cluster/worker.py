"""What workers do: functions that Dask calls there, and what they keep from one call to the next.

A worker computes one thing at a time for as many clients as there are. It keeps the networks used
last with their sessions, and no picture.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import __version__
from ..engine.cpus import usable_cpus
from ..engine.devices import Precision
from ..engine.engine import Engine
from ..engine.errors import ClusterError
from ..engine.images import read_picture
from ..engine.limits import Limits
from ..engine.lowerings import Lowering
from ..engine.options import Options
from ..engine.pixels import Picture
from ..engine.programs import load_programs
from ..engine.records import Progress, Result
from ..engine.sessions import Desk, Sessions
from ..engine.stop import Stop
from .dask_client import is_called_off

__all__ = ["Machine", "PictureOrder", "compute_tile", "given", "paint_picture"]

# Of an evaluation there are two; a third may be left of what came before.
_SESSIONS = 3
_NETWORKS = 2
# Between two questions whether a picture is still wanted, in seconds.
_ASKED = 1.0


@dataclass(frozen=True)
class Machine:
    """How a worker is to compute.

    Args:
        fingerprint: of the network.
        version: of the client's Impasto.
        threads: processors for one task; None is all that the worker may use.
        device, precision, lowering: see `Engine`.
        limits: of what is accepted.
    """

    fingerprint: str
    threads: int | None
    lowering: Lowering
    device: str = "cpu"
    precision: Precision = "float32"
    limits: Limits = field(default_factory=Limits)
    version: str = __version__

    def check(self, fingerprint: str) -> None:
        """Raise `ClusterError` where this is another Impasto, or its network came out as another
        one."""
        if self.version != __version__:
            raise ClusterError(
                f"a worker has Impasto {__version__}, and the client {self.version}: give both the "
                "same"
            )
        if fingerprint != self.fingerprint:
            raise ClusterError("a network is another one when it has come to a worker")


@dataclass(frozen=True)
class PictureOrder:
    """A picture that is to be painted.

    Args:
        call: the name by which its batch may be called off.
        name: of the photograph, for messages.
        memory, time: see `impasto.stylize`.
    """

    machine: Machine
    options: Options
    call: str
    name: str
    memory: int
    time: float | None


def given(value: Any) -> Any:
    """The value itself: what is sent once, and stays until nobody needs it."""
    return value


def compute_tile(machine: Machine, network: bytes, task: Callable[..., Any], *row: Any) -> Any:
    """A task of `engine.tile_tasks` for one tile."""
    desk = _kept.get(("tiles", machine), lambda: _desk(machine, network))
    # Whether another tile follows nobody knows: the memory of each is given back.
    return task(desk, Stop(), True, *row)


def paint_picture(
    order: PictureOrder, network: bytes, styles: Sequence[Picture], photograph: bytes
) -> Result:
    """A whole picture, unless it is called off."""
    machine = order.machine
    engine: Engine = _kept.get(("pictures", machine), lambda: _engine(machine, network))
    picture = read_picture(photograph, machine.limits, order.name)
    # The plan counts none of what is decoded already.
    memory = max(1, order.memory - picture.nbytes)
    asked = time.monotonic()

    def is_wanted(progress: Progress) -> bool:
        nonlocal asked
        if time.monotonic() - asked < _ASKED:
            return True
        asked = time.monotonic()
        return not is_called_off(order.call)

    return engine.stylize(
        picture, styles, order.options, memory=memory, time=order.time, progress=is_wanted
    )


class _Kept:
    """What was used last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._things: dict[Hashable, Any] = {}

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What has this key; it is made where it is not there."""
        with self._lock:
            thing = self._things.pop(key, None)
            if thing is None:
                while len(self._things) >= _NETWORKS:
                    del self._things[next(iter(self._things))]
                thing = make()
            self._things[key] = thing
            return thing


_kept = _Kept()


def _desk(machine: Machine, network: bytes) -> Desk:
    programs = load_programs(network)
    machine.check(programs.fingerprint)
    threads = machine.threads or usable_cpus()
    sessions = Sessions(programs, machine.lowering, threads, machine.device, machine.precision)
    return Desk(sessions, _SESSIONS)


def _engine(machine: Machine, network: bytes) -> Engine:
    engine = Engine(
        network,
        device=machine.device,
        precision=machine.precision,
        threads=machine.threads,
        lowering=machine.lowering,
        limits=machine.limits,
    )
    machine.check(engine.fingerprint)
    return engine
