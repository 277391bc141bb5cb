"""Options of style pictures, and of the files that hold them."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

__all__ = ["StyleBlend"]

StyleBlend: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--style-blend",
        metavar="PART,PART...",
        help="How much each STYLE counts beside the others, such as 2,1.",
        show_default="equal parts",
        rich_help_panel="Picture",
    ),
]
