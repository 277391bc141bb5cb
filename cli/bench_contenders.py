"""Who is measured, how often, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from ..engine.errors import ModelError
from ..engine.stop import Stop
from .bench_process import run_child

__all__ = ["EXACT", "IMPASTO", "ROOFLINE", "TORCH", "Contender", "Records", "measure_rounds"]

# What each contender told, round by round.
Records: TypeAlias = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Contender:
    """One way to compute: the module that does it, and what its job says besides."""

    name: str
    module: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    may_fail: bool = False


def _torch(name: str, layout: str, compiled: bool = False, exact: bool = False) -> Contender:
    # in the environment in which its users start it
    settings = {"layout": layout, "compiled": compiled, "exact": exact, "large_pages": False}
    return Contender(name, "bench_torch", settings, may_fail=compiled)


ROOFLINE = Contender("roofline", "bench_roofline", {"side": 2048, "evaluations": 8})
IMPASTO = Contender("impasto", "bench_impasto")
TORCH = (
    _torch("torch contiguous", "contiguous"),
    _torch("torch channels-last", "channels-last"),
    # Compiled, both layouts take the same time at 512 x 512; at 64 x 64 this one is the faster.
    _torch("torch.compile", "channels-last", compiled=True),
)
EXACT = _torch("torch float64", "contiguous", exact=True)


def measure_rounds(
    contenders: Sequence[Contender],
    job: Mapping[str, Any],
    rounds: int,
    tell: Callable[[str], None],
    stop: Stop,
) -> tuple[Records, list[str]]:
    """Measure each in turn, and all of them again in every round: a machine's speed drifts.

    One that may fail and does is left out from then on; the notes, one sentence each, say so.
    """
    records: Records = {contender.name: [] for contender in contenders}
    notes: list[str] = []
    folder = Path(job["folder"])
    left = list(contenders)
    for number in range(1, rounds + 1):
        for contender in list(left):
            tell(f"round {number} of {rounds}: {contender.name}")
            gradient = {"gradient": str(gradient_path(folder, contender))}
            try:
                record = run_child(
                    contender.module, {**job, **gradient, **contender.settings}, folder, stop
                )
            except ModelError as error:
                if not contender.may_fail:
                    raise
                notes.append(f"{contender.name} is left out: {error}")
                left.remove(contender)
                del records[contender.name]
            else:
                records[contender.name].append(record)
    return records, notes


def gradient_path(folder: Path, contender: Contender) -> Path:
    """Where a contender leaves its gradient, of the last round in the end."""
    return folder / f"{contender.name}.npy"
