"""Options of style pictures, and of the files that hold them."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

__all__ = ["StyleBlend", "StyleScale", "StyleSize"]

_PICTURE = "Picture"

StyleBlend: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--style-blend",
        metavar="PART,PART...",
        help="How much each STYLE counts beside the others, such as 2,1.",
        show_default="equal parts",
        rich_help_panel=_PICTURE,
    ),
]
StyleScale: TypeAlias = Annotated[
    str,
    typer.Option(
        "--style-scale",
        metavar="FACTOR[,FACTOR...]",
        help="Longer side of the style picture as a multiple of the result's, 1/16 to 16: "
        "larger gives larger strokes. One number for all, or one for each STYLE.",
        rich_help_panel=_PICTURE,
    ),
]
StyleSize: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--style-size",
        metavar="PIXELS",
        help="The same in pixels, beside the final result; instead of --style-scale.",
        show_default="as --style-scale says",
        rich_help_panel=_PICTURE,
    ),
]
