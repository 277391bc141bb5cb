"""`impasto bench`: how fast one evaluation of the objective is here, alone or beside torch."""

from __future__ import annotations

import contextlib
import importlib.util
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from .. import __version__
from ..engine.errors import OptionsError, RuntimeMissing
from ..engine.stop import Stop, Stopped
from . import parameters as p
from .bench_contenders import IMPASTO, ROOFLINE, TORCH, measure_rounds
from .bench_exact import gradient_errors
from .bench_process import run_child
from .bench_record import figures_of
from .bench_table import print_figures
from .console import emit_json, is_terminal, say
from .exits import EXIT_OF_STOP
from .signals import Signals

__all__ = ["bench", "parse_size"]

# In each process: the first one is told apart, of the others the median.
_EVALUATIONS = 5


def bench(
    size: Annotated[
        str,
        typer.Option(
            "--size",
            metavar="N|WxH",
            help="Pixels of the canvas: its side, or width and height.",
        ),
    ] = "512",
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME|PATH",
            help="Network: a name that `impasto models` lists, or a file made by `impasto export`.",
            show_default="the shape of VGG19 with random weights",
        ),
    ] = None,
    against: Annotated[
        Literal["torch"] | None,
        typer.Option("--against", help="Measure torch as well, on the same work."),
    ] = None,
    rounds: Annotated[
        int,
        typer.Option("--rounds", min=1, max=100, help="How often each of them is measured."),
    ] = 3,
    threads: p.Threads = None,
    lowering: p.LoweringName = "auto",
    json: p.Json = False,
    debug: p.Debug = False,
) -> None:
    """Measure one evaluation, loss and gradient: its time, its memory, and how exact it is.

    Each measurement has a process of its own. With --against torch all ways to run torch take
    turns with Impasto, and both gradients are compared with those of float64.
    """
    from ..engine.checks import whole
    from ..engine.cpus import usable_cpus

    width, height = parse_size(size)
    if against == "torch" and importlib.util.find_spec("torch") is None:
        raise RuntimeMissing(
            "--against torch needs torch, which this Python has not: `pip install torch` brings it"
        )
    job = {
        "width": width,
        "height": height,
        "model": model,
        "lowering": lowering,
        "threads": usable_cpus() if threads is None else whole("threads", threads, 1, 1024),
        "evaluations": _EVALUATIONS,
    }
    with Signals() as signals, _status() as tell:
        try:
            figures = signals.run(
                lambda stop: _measured(job, against is not None, rounds, tell, stop)
            )
        except Stopped as stopped:
            say(f"{stopped}: nothing was measured to its end")
            raise typer.Exit(EXIT_OF_STOP[str(stopped)]) from stopped
    if json:
        emit_json(figures)
    else:
        print_figures(figures)


def parse_size(text: str) -> tuple[int, int]:
    """ "512" is 512 x 512; "1000x667" is a width of 1000 and a height of 667.

    Raises:
        OptionsError: neither of these.
    """
    found = re.fullmatch(r"([0-9]{1,6})(?:x([0-9]{1,6}))?", text, re.ASCII)
    sides = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if min(sides) < 1:
        raise OptionsError(f"--size must be like 512 or 1000x667, in pixels, not {text!r}")
    return sides


def _measured(
    case: dict[str, Any],
    with_torch: bool,
    rounds: int,
    tell: Callable[[str], None],
    stop: Stop,
) -> dict[str, Any]:
    """All figures; the files that this needs are removed with their folder."""
    contenders = (IMPASTO, *(TORCH if with_torch else ()))
    with tempfile.TemporaryDirectory(prefix="impasto-bench-") as folder:
        job = case | {"folder": folder}
        prepared = run_child("bench_prepare", job, Path(folder), stop)
        job["model"] = prepared["model"]
        records, notes = measure_rounds((ROOFLINE, *contenders), job, rounds, tell, stop)
        measured = [contender for contender in contenders if contender.name in records]
        exact = gradient_errors(measured, job, tell, stop) if with_torch else None
    versions = {"impasto": __version__, "python": platform.python_version()}
    for contender in measured:
        versions |= records[contender.name][0]["versions"]
    return {
        "versions": versions,
        "platform": platform.platform(),
        **{name: case[name] for name in ("width", "height", "threads", "evaluations")},
        "rounds": rounds,
        "model": prepared["name"],
        "lowering": records[IMPASTO.name][0]["lowering"],
        "flops": prepared["flops"],
        **figures_of(records, prepared["flops"], exact.errors if exact else {}),
        "exact": {"width": exact.width, "height": exact.height} if exact else None,
        "notes": notes + (exact.notes if exact else []),
    }


@contextlib.contextmanager
def _status() -> Iterator[Callable[[str], None]]:
    """What is measured at the moment, for people."""
    if not is_terminal(sys.stderr):
        yield lambda text: None
        return
    from rich.console import Console

    with Console(stderr=True).status("preparing") as status:
        yield status.update
