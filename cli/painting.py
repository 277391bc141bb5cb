"""From work to a picture file: what `stylize` and `resume` have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeAlias

import typer

from ..engine.errors import StyleError
from .console import emit_json, say
from .exits import EXIT_OF_STOP
from .observer import Observer
from .paths import refuse_to_replace
from .progress import painting_bar
from .report import is_painted, record_of, summary_of
from .saving import Saving
from .signals import Signals
from .watching import Watching

if TYPE_CHECKING:
    from ..engine.engine import Engine
    from ..engine.options import Options
    from ..engine.records import ProgressCallback, Result
    from ..engine.stop import Stop

__all__ = ["Work", "check_output", "paint_to"]

Work: TypeAlias = "Callable[[ProgressCallback | None, Stop], tuple[Engine, Options, Result]]"


def check_output(output: Path, sources: Iterable[Path | str | None], saving: Saving) -> None:
    """Say before the work what would make saving fail after it; what the dead have left beside the
    picture is removed."""
    from ..engine.files import check_writable, remove_leftovers

    saving.check(output)
    check_writable(output)
    refuse_to_replace(output, sources)
    remove_leftovers(output.absolute().parent)


def paint_to(
    output: Path,
    work: Work,
    *,
    json: bool,
    quiet: bool,
    watching: Watching | None = None,
    saving: Saving | None = None,
) -> NoReturn:
    """Do the work, save its picture, tell of it, and end the command.

    Args:
        saving: how the picture is written.
        watching: what else is written, after the picture itself.
    """
    observer = Observer(watching or Watching(output))
    saving = saving or Saving()
    with Signals() as signals:
        try:
            with painting_bar(not quiet) as bar:
                report = observer.beside(bar)
                engine, options, result = signals.run(lambda stop: work(report, stop))
        except StyleError as error:
            _rescue(error, output, observer, saving)
            raise
        # When its time is over, a picture is due, whatever it is.
        is_kept = is_painted(result) or result.stopped == "time"
        kept = output if is_kept else None
        if kept is not None:
            saving.save(result, kept)
        if result.stopped in EXIT_OF_STOP:
            where = "nothing was painted yet" if kept is None else f"the best picture is in {kept}"
            say(f"{result.stopped}: {where}")
        elif not quiet:
            say(summary_of(result, output))
        try:
            if kept is not None:
                observer.write(result, engine, options)
        finally:
            for line in observer.summary() if not quiet else ():
                say(line)
            if json:
                record = record_of(result, kept, engine, options)
                emit_json({**record, **observer.record()})
    raise typer.Exit(EXIT_OF_STOP.get(result.stopped, 0))


def _rescue(error: StyleError, output: Path, observer: Observer, saving: Saving) -> None:
    """Save the best picture of a run that failed; why the run failed stays the error."""
    from ..engine.records import Result

    if not isinstance(error.result, Result) or not is_painted(error.result):
        return
    try:
        saving.save(error.result, output)
        say(f"the work failed, but the best picture so far is in {output}")
    except StyleError as unsaved:
        say(f"the best picture so far is lost: {unsaved}")
    try:
        observer.write(error.result)
    except StyleError as unwritten:
        say(str(unwritten))
