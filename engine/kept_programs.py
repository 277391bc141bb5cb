"""Programs for one size, kept for the next picture of that size."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from ..export.program import Kind
    from .programs import Program, Selection

__all__ = ["KEPT_PROGRAMS", "KeptPrograms", "ProgramKey"]

ProgramKey: TypeAlias = "tuple[Kind, Selection, tuple[int, int]]"

# Bytes of the programs for one size that are kept: of small pictures a dozen, which take up to a
# tenth of a second each to build.
KEPT_PROGRAMS = 32 << 20


class KeptPrograms:
    """The programs used last, within so many bytes."""

    def __init__(self) -> None:
        self._programs: dict[ProgramKey, Program] = {}
        self._lock = Lock()

    def get(self, key: ProgramKey) -> Program | None:
        """The program, if it is there."""
        with self._lock:
            program = self._programs.pop(key, None)
            if program is not None:
                self._programs[key] = program
            return program

    def put(self, key: ProgramKey, program: Program) -> None:
        """Keep a program, and let others go that were used before."""
        with self._lock:
            self._programs[key] = program
            taken = sum(one.nbytes for one in self._programs.values())
            while taken > KEPT_PROGRAMS:
                taken -= self._programs.pop(next(iter(self._programs))).nbytes
