"""Keeping on: what a work saves so that another process can go on with it, after kill -9 too.

The folder holds one file, which is replaced as a whole: the settings with which the work was begun,
where it stands, its best canvas, and the optimiser's state where that is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from math import inf
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from . import arrays_file
from .arrays_file import Damaged
from .checks import shown
from .errors import OptionsError, ResumeError, StyleError
from .files import check_writable, remove_leftovers
from .records import LevelResult
from .settings import Checkpoint, Settings
from .walk import State

__all__ = ["Keeper", "Standing", "read_header", "read_standing"]

_VERSION = 1
_FILE = "work.impasto"
_LARGEST_COUNT = 2**40
# A save is to take a small part of the time, whatever the disk.
_LONGEST_SHARE = 0.1
# What a disk takes within the second that a stop may wait.
_QUICK_BYTES = 128 << 20


@dataclass(frozen=True, eq=False)
class Standing:
    """Where a work stands.

    Args:
        level: the one that it is at, counted from 1.
        iteration, evaluations: made there; at 0 the canvas is that of the level before, if any.
        level_seconds: spent there; `seconds` in all.
        initial_loss, loss, terms: see `Result`.
        finished: the levels before.
        method: that the state is of.
        balance: coefficients of that level's terms by name, where they were measured (`balance`).
        ended: why the work is at its end, or None where it is not.
        canvas: the best one, (H, W, 3), or None where that is the initial one.
        state: of the optimiser.
    """

    level: int = 1
    iteration: int = 0
    evaluations: int = 0
    level_seconds: float = 0.0
    seconds: float = 0.0
    initial_loss: float = float("nan")
    loss: float = float("nan")
    terms: Mapping[str, float] = field(default_factory=dict)
    finished: tuple[LevelResult, ...] = ()
    method: str = ""
    balance: Mapping[str, float] = field(default_factory=dict)
    ended: str | None = None
    canvas: np.ndarray | None = None
    state: State = field(default_factory=dict)


class Keeper:
    """Saves one work, in a folder that is held for it (see `holding`).

    Args:
        resuming: it is the one that the folder holds.

    Raises:
        OptionsError: the folder holds another work that is not finished.
        OutputError: the folder cannot be written to.
    """

    def __init__(self, checkpoint: Checkpoint, settings: Settings, resuming: bool = False) -> None:
        folder = Path(checkpoint.folder).absolute()
        self._path = folder / _FILE
        self._every = checkpoint.every
        self._settings = asdict(settings)
        self._next = 0.0
        check_writable(self._path)
        remove_leftovers(folder)
        if not resuming and self._path.exists():
            _refuse_unfinished(folder)

    @property
    def is_due(self) -> bool:
        """Whether it is time for a save again."""
        return perf_counter() >= self._next

    def save_last(self, standing: Standing) -> None:
        """The same for a work that is being stopped, whose end is not to wait for the disk: a large
        state of the optimiser is left out, and it will begin anew from the canvas.
        """
        if sum(array.nbytes for array in standing.state.values()) > _QUICK_BYTES:
            standing = replace(standing, state={})
        self.save(standing, lambda: None)

    def save(self, standing: Standing, check: Callable[[], None]) -> None:
        """Replace what was saved before.

        Args:
            check: called often; if it raises, what was saved before stays.

        Raises:
            OutputError: it cannot be written.
        """
        began = perf_counter()
        arrays = {f"state.{name}": array for name, array in standing.state.items()}
        if standing.canvas is not None:
            arrays["canvas"] = standing.canvas
        told = {
            entry.name: getattr(standing, entry.name)
            for entry in fields(standing)
            if entry.name not in ("canvas", "state", "finished")
        }
        told["terms"], told["balance"] = dict(standing.terms), dict(standing.balance)
        told["finished"] = [asdict(level) for level in standing.finished]
        header = {"version": _VERSION, "settings": self._settings, "standing": told}
        arrays_file.write_arrays(self._path, header, arrays, check)
        ended = perf_counter()
        self._next = ended + max(self._every, (ended - began) / _LONGEST_SHARE)


def read_header(folder: str | Path) -> tuple[Settings, Standing]:
    """The settings of the work in a folder, and where it stands, without canvas and state.

    The file was looked at to its last byte: the settings name files, and open an engine.

    Raises:
        ResumeError: there is none, or it cannot be used; the message names the folder.
    """
    with _Reported(folder):
        header = arrays_file.read_header(Path(folder) / _FILE)
        return _settings_in(header), _standing_in(header, {})


def read_standing(folder: str | Path) -> Standing:
    """Where the work in a folder stands.

    Raises:
        ResumeError: there is none, or it is damaged; the message names the folder.
    """
    with _Reported(folder):
        header, arrays = arrays_file.read_arrays(Path(folder) / _FILE)
        return _standing_in(header, arrays)


def _standing_in(header: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> Standing:
    told = dict(header["standing"])
    finished = tuple(LevelResult(**level) for level in told.pop("finished"))
    for record in (told, *map(asdict, finished)):
        _check_kinds(record)
    canvas = arrays.pop("canvas", None)
    if canvas is not None and (
        canvas.dtype != np.float32 or canvas.ndim != 3 or not np.isfinite(canvas).all()
    ):
        raise Damaged("its canvas is none")
    state = {name.removeprefix("state."): array for name, array in arrays.items()}
    return Standing(**told, finished=finished, canvas=canvas, state=state)


def _check_kinds(told: Mapping[str, Any]) -> None:
    """Raise `Damaged` where a number or a text of a record is something else."""
    for name, value in told.items():
        is_count = type(value) is int and 0 <= value < _LARGEST_COUNT
        if name in ("method", "ended", "stopped", "optimizer"):
            fits = isinstance(value, str) or (name == "ended" and value is None)
        elif name == "terms":
            fits = isinstance(value, dict) and all(
                isinstance(term, float) for term in value.values()
            )
        elif name == "balance":
            fits = isinstance(value, dict) and all(
                isinstance(factor, float) and 0 <= factor < inf for factor in value.values()
            )
        elif "seconds" in name or "loss" in name:
            fits = is_count or (isinstance(value, float) and not value < 0)
        else:
            fits = is_count
        if not fits:
            raise Damaged(f"its {name} cannot be {shown(value)}")


class _Reported:
    """Turns whatever is wrong with a checkpoint into one sentence."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = str(folder)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            raise ResumeError(f"there is no work in the folder {self._folder!r}") from error
        if isinstance(error, OSError):
            reason = error.strerror or error
            raise ResumeError(f"the work in {self._folder!r} cannot be read: {reason}") from error
        if isinstance(error, Damaged):
            raise ResumeError(f"the work in {self._folder!r} is damaged: {error}") from error
        if isinstance(error, AttributeError | KeyError | TypeError | ValueError | StyleError):
            raise ResumeError(
                f"the work in {self._folder!r} is damaged: its header makes no sense"
            ) from error


def _refuse_unfinished(folder: Path) -> None:
    _, standing = read_header(folder)
    if standing.ended is None:
        raise OptionsError(
            f"the folder {str(folder)!r} holds a work that is not finished: resume it, or give "
            "another folder"
        )


def _settings_in(header: Mapping[str, Any]) -> Settings:
    if header["version"] != _VERSION:
        raise Damaged("it is of another version of Impasto")
    return Settings.read(header["settings"])
