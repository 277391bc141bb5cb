"""From several works to one sheet: what `layers` and `compare-inits` have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import typer

from ..engine.errors import OptionsError
from .console import emit_json, say
from .curves import TOTAL, History
from .exits import EXIT_OF_STOP
from .painting import check_output
from .paths import refuse_to_replace
from .progress import painting_bar
from .saving import Saving
from .signals import Signals
from .tasks import engine_of
from .watching import command_line

if TYPE_CHECKING:
    from ..engine.engine import Engine
    from ..engine.records import Progress, ProgressCallback, Result
    from ..engine.stop import Stop
    from ..engine.tasks import Budget
    from .sheets import Row

__all__ = ["Made", "Part", "write_sheet"]

# What makes one picture of a sheet.
Made: TypeAlias = "Callable[[Engine, Budget], Result]"
# The title of a row, and of each picture its label and what makes it.
Part: TypeAlias = tuple[str, Sequence[tuple[str, Made]]]


def write_sheet(
    context: typer.Context,
    parts: Callable[[Engine], Sequence[Part]],
    pictures: Sequence[tuple[str, Path]],
    output: Path,
    page: Path | None,
    *,
    with_curves: bool,
) -> NoReturn:
    """Make every picture, write the sheet and its page, tell of it, and end the command.

    Args:
        parts: what is to be made, which may depend on the network.
        pictures: what they are made of, each with its part, such as "style picture".
        page: HTML to be written besides.
        with_curves: whether each picture has its losses below.
    """
    from ..engine.files import check_writable, write_atomic
    from ..engine.images import read_header, write_picture
    from .sheet_page import sheet_page
    from .sheets import drawn_sheet

    asked = context.params
    sources = [*(path for _, path in pictures), asked["model"]]
    check_output(output, sources, Saving())
    if page is not None:
        if page.suffix.lower() not in (".html", ".htm"):
            raise OptionsError(f"the page {str(page)!r} must have the suffix .html")
        refuse_to_replace(page, [*sources, output])
        check_writable(page)
    for part, path in pictures:  # before any is painted: the last is looked at minutes later
        read_header(path, what=part)
    opened = engine_of(context)
    records: list[dict[str, Any]] = []
    with Signals() as signals:
        with painting_bar(not asked["quiet"]) as bar:
            made = signals.run(lambda stop: _rows(opened(), parts, bar, stop, records, with_curves))
        if isinstance(made, str):
            say(f"{made}: no sheet was written")
            raise typer.Exit(EXIT_OF_STOP.get(made, 0))
        write_picture(output, drawn_sheet(made))
        command = command_line(context)
        if page is not None:
            text = sheet_page(output.stem, made, command)
            write_atomic(page, text.encode("utf-8", "backslashreplace"))
        if asked["json"]:
            told = None if page is None else str(page)
            emit_json({"output": str(output), "page": told, "pictures": records})
        elif not asked["quiet"]:
            say(f"{output}: {len(records)} pictures")
    raise typer.Exit(0)


def _rows(
    engine: Engine,
    parts: Callable[[Engine], Sequence[Part]],
    bar: ProgressCallback | None,
    stop: Stop,
    records: list[dict[str, Any]],
    with_curves: bool,
) -> list[Row] | str:
    """The rows; or why the work was stopped."""
    from .sheets import Cell, Row

    rows = []
    for title, cells in parts(engine):
        row = []
        for label, make in cells:
            history = History()

            def note(told: Progress, history: History = history) -> None:
                history.note(told)
                if bar is not None:
                    bar(told)

            result = make(engine, {"progress": note, "stop": stop})
            if result.stopped in EXIT_OF_STOP:
                return result.stopped
            losses = {"initial": result.initial_loss, "final": result.loss}
            records.append({"row": title, "label": label, "loss": losses})
            row.append(Cell(result.canvas, label, _losses(history) if with_curves else ()))
        rows.append(Row(title, row))
    return rows


def _losses(history: History) -> list[tuple[int, float]]:
    pieces = [piece for curve in history.curves if curve.name == TOTAL for piece in curve.pieces]
    return [point for piece in pieces for point in piece]
