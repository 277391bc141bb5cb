"""The sessions of one engine: opened when they are needed, and shared while they are."""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakValueDictionary

from .devices import Precision
from .lowerings import Lowering
from .programs import Programs, Selection
from .session import Session, Weights
from .stop import Stop

if TYPE_CHECKING:
    from ..export.program import Kind

__all__ = ["Desk", "Sessions", "Size"]

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
        # Those for one size hold the memory of their runs: open only while somebody uses them.
        self._used: WeakValueDictionary[tuple[Kind, Selection, Size | None], Session] = (
            WeakValueDictionary()
        )
        # Those for any size stay open: the last ones used, in this order.
        self._kept: dict[tuple[Kind, Selection], Session] = {}

    def get(
        self, kind: Kind, selection: Selection, size: Size, stop: Stop | None = None
    ) -> Session:
        """The session of that program for pictures of that (height, width).

        Raises:
            Stopped: `stop` was requested before it was open.
            ModelError: it cannot be had, or this is another process than the one that made this.
        """
        self.check_process()
        with self._lock:
            session = self._used.get((kind, selection, size if self._tiled else None))
            if session is None:
                session = self._open(kind, selection, size, stop or Stop())
            if not self._tiled:
                self._kept.pop((kind, selection), None)
                self._kept[kind, selection] = session
                while len(self._kept) > _KEPT_SESSIONS:
                    del self._kept[next(iter(self._kept))]
            return session

    def check_process(self) -> None:
        """Raise `ModelError` in another process than the one that made this, where a lock may be
        held for ever."""
        self._weights.check_process()

    def let_go(self, needed: Collection[str] = ()) -> None:
        """Keep nothing that nobody uses: what comes needs other programs, and may have the memory
        of one thing at a time. Of a device nothing is let go.

        Args:
            needed: arrangements of weights that what comes needs too.
        """
        if self._where[1] == "cpu":
            with self._lock:
                self._kept.clear()
                self._weights.let_go(needed)

    def _open(self, kind: Kind, selection: Selection, size: Size, stop: Stop) -> Session:
        programs = self._programs
        program = (
            programs.tiled(kind, selection, size, stop)
            if self._tiled
            else programs.program(kind, selection)
        )
        session = Session(program, self._weights, *self._where, stop=stop)
        self._used[kind, selection, size if self._tiled else None] = session
        return session


class Desk:
    """Sessions that are used again and again: those for one size would close in between.

    Args:
        most: that stay open, those used last; None is all.
    """

    def __init__(self, sessions: Sessions, most: int | None = None) -> None:
        self._sessions = sessions
        self._most = most
        self._lock = threading.Lock()
        self._open: dict[tuple[Kind, Selection, Size], Session] = {}

    def session(self, kind: Kind, selection: Selection, size: Size, stop: Stop) -> Session:
        """See `Sessions.get`."""
        key = (kind, selection, size)
        with self._lock:
            session = self._open.pop(key, None)
            if session is None:
                while self._most is not None and len(self._open) >= self._most:
                    del self._open[next(iter(self._open))]
                session = self._sessions.get(*key, stop)
            self._open[key] = session
            return session
