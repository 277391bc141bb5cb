"""The same sheet as a page that stands alone: every picture at its own size, with its label and,
where the sheet has one, its curve."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template

from .sheet_curves import Losses, Scale, summary
from .sheets import Cell, Row

__all__ = ["sheet_page"]

_CURVE = 96  # pixels of its height, as on the sheet


def sheet_page(title: str, rows: Sequence[Row], command: str) -> str:
    """HTML, which needs nothing from anywhere else.

    Args:
        command: that made it.
    """
    scale = Scale.of(cell.losses for row in rows for cell in row.cells)
    template = Template(files(__package__).joinpath("sheet_page.html").read_text("utf-8"))
    return template.substitute(
        title=escape(title),
        rows="\n".join(_row(row, scale) for row in rows),
        command=escape(command),
    )


def _row(row: Row, scale: Scale) -> str:
    cells = "\n".join(_cell(cell, scale) for cell in row.cells)
    return f'<h2>{escape(row.title)}</h2>\n<div class="row">\n{cells}\n</div>'


def _cell(cell: Cell, scale: Scale) -> str:
    from ..engine.images import encode_picture

    height, width = cell.picture.shape[:2]
    data = base64.b64encode(encode_picture(cell.picture, None, "PNG")).decode()
    label = escape(cell.label)
    curve = _curve(cell.losses, width, scale) if cell.losses else ""
    return (
        f'<figure style="width: {width}px"><img src="data:image/png;base64,{data}" '
        f'width="{width}" height="{height}" alt="{label}">'
        f"<figcaption>{label}{curve}</figcaption></figure>"
    )


def _curve(losses: Losses, width: int, scale: Scale) -> str:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in scale.points(losses, width, _CURVE))
    return (
        f'<svg viewBox="-1 -1 {width + 2} {_CURVE + 2}" role="img" aria-label="The loss">'
        f'<path d="M0 0V{_CURVE}H{width}"/><polyline points="{places}"/></svg>'
        f"{escape(summary(losses))}"
    )
