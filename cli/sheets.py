"""A sheet: labelled pictures in rows, on one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .sheet_curves import Losses, Scale, summary

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

__all__ = ["Cell", "Row", "drawn_sheet"]

_PAPER, _INK, _FAINT, _LINE = (250, 249, 246), (34, 32, 29), (109, 103, 95), (0, 114, 178)
_GAP, _TITLE, _LABEL, _CURVE = 16, 22, 16, 96


@dataclass(frozen=True, eq=False)
class Cell:
    """One picture of a sheet.

    Args:
        picture: (H, W, 3) float32, RGB in 0..1.
        label: of a few words.
        losses: (evaluations, loss) on its way, drawn under it where there are any.
    """

    picture: np.ndarray = field(repr=False)
    label: str
    losses: Losses = ()


@dataclass(frozen=True)
class Row:
    """Pictures side by side, under a title."""

    title: str
    cells: Sequence[Cell]


def drawn_sheet(rows: Sequence[Row]) -> np.ndarray:
    """(H, W, 3) float32: the pictures at their own sizes, each with its label below; curves share
    one logarithmic scale, so that they can be compared."""
    from PIL import Image, ImageDraw

    cells = [cell for row in rows for cell in row.cells]
    width = max(cell.picture.shape[1] for cell in cells)
    across = max(len(row.cells) for row in rows)
    heights = [_height(row) for row in rows]
    size = (_GAP + across * (width + _GAP), _GAP + sum(heights) + _GAP * len(rows))
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    scale = Scale.of(cell.losses for cell in cells)
    top = _GAP
    for row, height in zip(rows, heights, strict=True):
        draw.text((_GAP, top), row.title, _INK, font=_font(_TITLE))
        for number, cell in enumerate(row.cells):
            _draw(sheet, draw, cell, (_GAP + number * (width + _GAP), top + _TITLE + _GAP), scale)
        top += height + _GAP
    return np.asarray(sheet, np.float32) / 255


def _height(row: Row) -> int:
    curve = _CURVE + _GAP + 2 * _LABEL if any(cell.losses for cell in row.cells) else 0
    pictures: int = max(cell.picture.shape[0] for cell in row.cells)
    return _TITLE + _GAP + pictures + _GAP // 2 + 2 * _LABEL + curve


def _draw(
    sheet: Image,
    draw: ImageDraw,
    cell: Cell,
    place: tuple[int, int],
    scale: Scale,
) -> None:
    from PIL import Image

    left, top = place
    pixels = np.rint(np.clip(cell.picture, 0, 1) * 255).astype(np.uint8)
    sheet.paste(Image.fromarray(pixels), place)
    height, width = pixels.shape[:2]
    top += height + _GAP // 2
    for line in _broken(draw, cell.label, width):
        draw.text((left, top), line, _FAINT, font=_font(_LABEL - 2))
        top += _LABEL
    if cell.losses:
        top = place[1] + height + _GAP // 2 + 2 * _LABEL + _GAP // 2
        _draw_curve(draw, cell.losses, (left, top, width), scale)


def _draw_curve(
    draw: ImageDraw,
    losses: Losses,
    place: tuple[int, int, int],
    scale: Scale,
) -> None:
    left, top, width = place
    draw.line([(left, top), (left, top + _CURVE), (left + width, top + _CURVE)], _FAINT)
    points = [(left + x, top + y) for x, y in scale.points(losses, width, _CURVE)]
    draw.line(points, _LINE, width=2)
    top += _CURVE + _GAP // 4
    for number, line in enumerate(_broken(draw, summary(losses), width)):
        draw.text((left, top + number * _LABEL), line, _FAINT, font=_font(_LABEL - 4))


def _broken(draw: ImageDraw, text: str, width: int) -> list[str]:
    """In two lines at most; what has no room in those is left out."""
    words, lines = text.split(), [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if draw.textlength(longer, font=_font(_LABEL - 2)) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines[:2]


def _font(size: int) -> ImageFont | FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)
