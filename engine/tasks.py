"""What else than a whole artwork can be made: the options of each task where none are given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from .errors import OptionsError
from .options import Options

if TYPE_CHECKING:
    from .devices import Precision
    from .lowerings import Lowering
    from .records import ProgressCallback
    from .settings import Checkpoint
    from .stop import Stop

__all__ = ["RECONSTRUCTION", "TEXTURE", "Budget", "Machine", "content_alone"]


class Machine(TypedDict, total=False):
    """Where a picture is made; see `Engine`."""

    model: str | Path | bytes | None
    device: str
    precision: Precision
    threads: int | None
    lowering: Lowering


class Budget(TypedDict, total=False):
    """What a work may take, and how it is watched; see `impasto.stylize`."""

    memory: int | None
    time: float | None
    checkpoint: str | Path | Checkpoint | None
    progress: ProgressCallback | None
    stop: Stop | None


# From noise at the final size, as in the paper: a coarser level would hand on what this layer does
# not tell of the picture.
RECONSTRUCTION = Options(style_layers={}, init="noise", levels=1, iterations=300)
# A coarser level has fewer positions than a deep layer has channels: its Gram matrices tell where
# things are, and the painting itself would come out.
TEXTURE = Options(content_layers={}, init="noise", coarsest=256)


def content_alone(options: Options) -> Options:
    """Those of a reconstruction.

    Raises:
        OptionsError: it would be there at once, being where it begins.
    """
    if options.init == "content" and not (options.tv_weight or options.init_blend):
        raise OptionsError("init cannot be content where nothing else is compared: use noise")
    return replace(options, style_layers={})
