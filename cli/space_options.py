"""Options of regions, and of layers with a style of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from .paths import path_of

__all__ = ["Keep", "LayerStyles", "Masks"]

_SPACE = "Space"

Masks: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--mask",
        metavar="MASK[:STYLE_MASK]",
        help="Paint only where the picture MASK is white, after the part of STYLE where STYLE_MASK "
        "is white; can be given several times, with one STYLE for each or for all. Coloured masks, "
        "in pairs, have a region for each colour.",
        show_default=False,
        rich_help_panel=_SPACE,
    ),
]
Keep: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--keep",
        metavar="MASK",
        help="Leave the photograph as it is where the picture MASK is white.",
        parser=path_of,
        show_default=False,
        rich_help_panel=_SPACE,
    ),
]
LayerStyles: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--layer-style",
        metavar="NAME=NUMBER",
        help="A style layer for the STYLE of this number, from 1, alone: fine strokes of one, "
        "large forms of another; can be given several times.",
        show_default=False,
        rich_help_panel=_SPACE,
    ),
]
