"""The one call for one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .devices import Precision
from .engine import Engine
from .images import PictureSource
from .limits import Limits
from .lowerings import Lowering
from .options import Options
from .records import ProgressCallback, Result
from .stop import Stop

__all__ = ["stylize"]


def stylize(
    content: PictureSource,
    styles: PictureSource | Sequence[PictureSource],
    options: Options | None = None,
    *,
    model: str | Path | None = None,
    device: str = "auto",
    precision: Precision = "float32",
    threads: int | None = None,
    lowering: Lowering = "auto",
    limits: Limits | None = None,
    progress: ProgressCallback | None = None,
    stop: Stop | None = None,
) -> Result:
    """Paint `content` in the manner of `styles`. For more than one picture, keep an `Engine`.

    Args:
        content: the photograph: a path, the bytes of a file, a PIL image, or an array (H, W),
            (H, W, 3) or (H, W, 4) of integers or of floats in 0..1.
        styles: the painting, likewise; several, as a list, are blended in equal parts.
        options: what to do; see `Options`.
        model: name or path of a network; None is the embedded one.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: of products: "float32", or on CUDA "tf32".
        threads: processors to use; None is all that this process may use.
        lowering: how convolutions are computed: "auto", "direct" or "winograd"; see `Engine`.
        limits: of what is accepted; see `Limits`.
        progress: called after each step with a `Progress`; returning False ends the work.
        stop: lets another thread end the work; the best picture so far is returned.

    Raises:
        OptionsError, ImageError, ModelError, LimitError, NumericalError: see
            `impasto.engine.errors`; all are `StyleError`. Where the work had begun, the error's
            `result` is the best picture so far.
    """
    engine = Engine(
        model,
        device=device,
        precision=precision,
        threads=threads,
        lowering=lowering,
        limits=limits,
    )
    return engine.stylize(content, styles, options, progress=progress, stop=stop)
