"""Arguments and options that may also be a stream."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from .output_option import output_option
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
    output_option(
        "CONTENT.impasto.png in this folder",
        "Picture to write; - is standard output, as PNG; else the suffix tells the format: "
        ".png .jpg .webp .avif .tif .bmp",
        output_of,
    ),
]
