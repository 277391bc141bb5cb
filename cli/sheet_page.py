"""The same sheet as a page that stands alone: every picture at its own size, with its label."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template

from .sheets import Cell, Row

__all__ = ["sheet_page"]


def sheet_page(title: str, rows: Sequence[Row], command: str) -> str:
    """HTML, which needs nothing from anywhere else.

    Args:
        command: that made it.
    """
    template = Template(files(__package__).joinpath("sheet_page.html").read_text("utf-8"))
    return template.substitute(
        title=escape(title),
        rows="\n".join(map(_row, rows)),
        command=escape(command),
    )


def _row(row: Row) -> str:
    cells = "\n".join(map(_cell, row.cells))
    return f'<h2>{escape(row.title)}</h2>\n<div class="row">\n{cells}\n</div>'


def _cell(cell: Cell) -> str:
    from ..engine.images import encode_picture

    height, width = cell.picture.shape[:2]
    data = base64.b64encode(encode_picture(cell.picture, None, "PNG")).decode()
    label = escape(cell.label)
    return (
        f'<figure style="width: {width}px"><img src="data:image/png;base64,{data}" '
        f'width="{width}" height="{height}" alt="{label}"><figcaption>{label}</figcaption></figure>'
    )
