"""What the server and its worker processes say to each other, over a pipe that only they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ..engine.limits import Limits
from ..engine.options import Options

__all__ = [
    "Answer",
    "Cancel",
    "Failed",
    "Order",
    "Paint",
    "Painted",
    "PlanOrder",
    "Planned",
    "Ready",
    "Setup",
    "Shown",
    "Thumbnail",
    "Told",
]


@dataclass(frozen=True)
class Setup:
    """Of a worker's engine."""

    model: str | Path | None
    threads: int
    limits: Limits


@dataclass(frozen=True)
class PlanOrder:
    """Look at pictures' headers and plan a work, in the first budget of `memory` that will do."""

    content: Path
    styles: tuple[Path, ...]
    options: Options
    memory: tuple[int, ...]


@dataclass(frozen=True)
class Thumbnail:
    """Make a small JPEG of a picture or style file."""

    path: Path


@dataclass(frozen=True)
class Paint:
    """Paint, or go on with, the job of a folder."""

    job: str
    folder: Path
    content: Path
    styles: tuple[Path, ...]
    options: Options
    memory: int
    time: float
    every: float


@dataclass(frozen=True)
class Cancel:
    """End a job, whose checkpoint stays; or, with the name "", what is no job."""

    job: str
    reason: str


@dataclass(frozen=True)
class Ready:
    """The engine is open."""


@dataclass(frozen=True)
class Planned:
    """How a job would be made: its peak in bytes, and the budget with which it was planned."""

    bytes: int
    memory: int
    width: int
    height: int


@dataclass(frozen=True)
class Shown:
    """A thumbnail."""

    jpeg: bytes


@dataclass(frozen=True)
class Told:
    """Where a job stands, and at times a preview, as JPEG."""

    progress: Mapping[str, Any]
    preview: bytes | None


@dataclass(frozen=True)
class Painted:
    """The end of a job: `stopped` is the reason of a `Cancel`, or else the result is there."""

    stopped: str | None
    width: int = 0
    height: int = 0
    loss: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Failed:
    """An error: the name of its class, and its sentence."""

    kind: str
    sentence: str


Order: TypeAlias = PlanOrder | Thumbnail | Paint
Answer: TypeAlias = Planned | Shown | Painted | Failed
