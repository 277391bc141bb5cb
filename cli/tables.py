"""Tables for people: with lines on a terminal, plain columns in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from .console import emit, is_terminal

__all__ = ["emit_table"]

# Where there is no window to fit into.
_WIDTH = 100


def emit_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table to stdout, its first column to the left and the others to the right."""
    from rich.console import Console
    from rich.table import Table

    width = None if is_terminal(sys.stdout) else _WIDTH
    table = Table(box=None) if width else Table()
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left", no_wrap=not number)
    for row in rows:
        table.add_row(*row)
    console = Console(width=width, highlight=False)
    with console.capture() as captured:
        console.print(table)
    emit("\n".join(line.rstrip() for line in captured.get().splitlines()))
