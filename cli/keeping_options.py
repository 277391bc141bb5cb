"""Options of what a work may take, and of how it is saved on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from .output_option import output_option
from .paths import path_of

__all__ = ["CheckpointEvery", "CheckpointFolder", "Folder", "Memory", "ResumedOutput", "Time"]

_BUDGET = "Memory, time and safety"

Memory: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--memory",
        metavar="BYTES",
        help="The process takes no more, such as 800M or 1.5G; large pictures are computed tile by "
        "tile then, with the same result. `impasto plan` tells how.",
        show_default="half of the machine's, or three quarters of a container's",
        rich_help_panel=_BUDGET,
    ),
]
Time: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--time",
        metavar="TIME",
        help="End after so long with the best picture so far, such as 90s, 2m or 1h30m; each "
        "level gets its share.",
        show_default="as long as all steps take",
        rich_help_panel=_BUDGET,
    ),
]
CheckpointFolder: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        metavar="FOLDER",
        help="Save the work there while it goes on; `impasto resume FOLDER` continues it.",
        parser=path_of,
        rich_help_panel=_BUDGET,
    ),
]
CheckpointEvery: TypeAlias = Annotated[
    str,
    typer.Option(
        "--checkpoint-every",
        metavar="TIME",
        help="Time between two saves, at least; they take a tenth of the time at most.",
        rich_help_panel=_BUDGET,
    ),
]
Folder: TypeAlias = Annotated[
    Path,
    typer.Argument(
        metavar="FOLDER",
        help="Given to --checkpoint when the work began.",
        parser=path_of,
        show_default=False,
    ),
]

ResumedOutput: TypeAlias = Annotated[
    Path | None,
    output_option("the one that was asked for when the work began", "Picture to write."),
]
