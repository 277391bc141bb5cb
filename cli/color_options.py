"""Options of what the result has of the photograph."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from ..engine.options import Color

__all__ = ["ColorKind", "Strength"]

_LOOK = "Look"

ColorKind: TypeAlias = Annotated[
    Color,
    typer.Option(
        "--color",
        help="Whose colours: style, as painted; content, the photograph's, given back afterwards; "
        "luminance, likewise, and only light and dark are painted; match, a painting whose "
        "colours were first spread as the photograph's.",
        rich_help_panel=_LOOK,
    ),
]
Strength: TypeAlias = Annotated[
    float,
    typer.Option(
        "--strength",
        metavar="SHARE",
        help="How much of the result is painted, 0 to 1; the rest is the photograph.",
        rich_help_panel=_LOOK,
    ),
]
