"""Arguments and options that may also be a stream."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from .streams import output_of, source_of

__all__ = ["PipedContent", "PipedOutput"]

PipedContent: TypeAlias = Annotated[
    Path,
    typer.Argument(
        metavar="CONTENT",
        help="The photograph; - is standard input.",
        parser=source_of,
        show_default=False,
    ),
]
PipedOutput: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="Picture to write; - is standard output, as PNG; else the suffix tells the format: "
        ".png .jpg .webp .avif .tif .bmp",
        parser=output_of,
        show_default="CONTENT.impasto.png in this folder",
        rich_help_panel="Output",
    ),
]
