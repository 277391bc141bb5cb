"""The sessions of one engine: opened when they are needed, and shared while they are."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakValueDictionary

from .devices import Precision
from .lowerings import Lowering
from .programs import Program, Programs, Selection
from .session import Session, Weights

if TYPE_CHECKING:
    from ..export.program import Kind

__all__ = ["Sessions", "Size"]

Size: TypeAlias = tuple[int, int]

# Three for each of the last four selections: an open one takes up to thrice the network's memory.
_KEPT_SESSIONS = 12


class Sessions:
    """Opens each program once. Safe to use from several threads at once; not after a fork.

    Args:
        programs: of the network.
        lowering: as `choose_lowering` returns it.
        threads, device, precision: of every session.
    """

    def __init__(
        self,
        programs: Programs,
        lowering: Lowering,
        threads: int,
        device: str,
        precision: Precision,
    ) -> None:
        self._programs = programs
        self._tiled = lowering == "winograd"
        self._where = (threads, device, precision)
        self._weights = Weights(programs.weights)
        self._lock = threading.Lock()
        # Programs for any size stay open: the last ones used, in this order.
        self._kept: dict[tuple[Kind, Selection], Session] = {}
        # Those for one size hold the memory of their runs: open only while somebody uses them.
        self._used: WeakValueDictionary[tuple[Kind, Selection, Size], Session] = (
            WeakValueDictionary()
        )

    def get(self, kind: Kind, selection: Selection, size: Size) -> Session:
        """The session of that program for pictures of that (height, width).

        Raises:
            ModelError: it cannot be had, or this is another process than the one that made this.
        """
        self._weights.check_process()  # before the lock: in a forked child it may stay held
        with self._lock:
            return self._sized(kind, selection, size) if self._tiled else self._any(kind, selection)

    def _sized(self, kind: Kind, selection: Selection, size: Size) -> Session:
        key = (kind, selection, size)
        session = self._used.get(key)
        if session is None:
            session = self._open(self._programs.tiled(*key))
            self._used[key] = session
        return session

    def _any(self, kind: Kind, selection: Selection) -> Session:
        key = (kind, selection)
        session = self._kept.pop(key, None) or self._open(self._programs.program(*key))
        self._kept[key] = session
        while len(self._kept) > _KEPT_SESSIONS:
            del self._kept[next(iter(self._kept))]
        return session

    def _open(self, program: Program) -> Session:
        return Session(program, self._weights, *self._where)
