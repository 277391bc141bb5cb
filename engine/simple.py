"""The one call for one picture, and the one to go on with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .checkpoint import read_settings
from .devices import Precision
from .engine import Engine
from .images import PictureSource
from .limits import Limits
from .lowerings import Lowering
from .options import Options
from .records import ProgressCallback, Result
from .settings import Checkpoint
from .stop import Stop

__all__ = ["resume", "stylize"]


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
    memory: int | None = None,
    time: float | None = None,
    checkpoint: str | Path | Checkpoint | None = None,
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
        memory: bytes that the process may take; None is a share of what the system grants it: see
            `memory.default_budget`.
        time: seconds after which the work ends with the best picture so far; its levels are cut
            short so that the final one is reached. A level's first step is always begun.
        checkpoint: folder in which the work is saved while it goes on, for `resume` to go on with
            it after a crash; see `Checkpoint`. Pictures must then be given by path.
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
    return engine.stylize(
        content,
        styles,
        options,
        memory=memory,
        time=time,
        checkpoint=checkpoint,
        progress=progress,
        stop=stop,
    )


def resume(
    folder: str | Path,
    *,
    trust: str | bool = False,
    time: float | None = None,
    progress: ProgressCallback | None = None,
    stop: Stop | None = None,
) -> Result:
    """Go on with a work that was saved in a folder (`checkpoint=`), from where it was saved last.

    It ends near where it would have ended: in a file of 16 or 32 bits a number nothing is lost, but
    SciPy's optimiser, which serves canvases up to 128 x 128, begins anew from the best canvas. A
    work that was finished gives its result again.

    Args:
        folder: it goes on being saved there.
        trust: see `Engine`, where the work was begun with a bundle.
        time: seconds that it may take from now on; None is what was left of those it was given.
        progress, stop: see `stylize`.

    Raises:
        ResumeError: there is none, it is damaged, or its pictures or its network were changed.
        StyleError: anything else that `stylize` would raise.
    """
    settings, _ = read_settings(folder)
    engine = Engine(**settings.engine, trust=trust, limits=settings.limits)
    return engine.resume(folder, time=time, progress=progress, stop=stop)
