"""One call for one picture of each kind, and the one to go on with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from .checkpoint import read_header
from .engine import Engine
from .images import PictureSource
from .limits import Limits
from .options import Options
from .records import ProgressCallback, Result
from .settings import Checkpoint
from .stop import Stop
from .tasks import Machine

__all__ = ["reconstruct", "resume", "stylize", "texture"]


def stylize(
    content: PictureSource,
    styles: PictureSource | Sequence[PictureSource],
    options: Options | None = None,
    *,
    limits: Limits | None = None,
    memory: int | None = None,
    time: float | None = None,
    checkpoint: str | Path | Checkpoint | None = None,
    progress: ProgressCallback | None = None,
    stop: Stop | None = None,
    **machine: Unpack[Machine],
) -> Result:
    """Paint `content` in the manner of `styles`. For more than one picture, keep an `Engine`.

    Args:
        content: the photograph: a path, the bytes of a file, a PIL image, or an array (H, W),
            (H, W, 3) or (H, W, 4) of integers or of floats in 0..1.
        styles: the painting, likewise; several, as a list, are blended in equal parts.
        options: what to do; see `Options`.
        limits: of what is accepted; see `Limits`.
        memory: bytes that the process may take; None is a share of what the system grants it: see
            `memory.default_budget`.
        time: seconds after which the work ends with the best picture so far; its levels are cut
            short so that the final one is reached. A level's first step is always begun.
        checkpoint: folder in which the work is saved while it goes on, for `resume` to go on with
            it after a crash; see `Checkpoint`. Pictures must then be given by path.
        progress: called after each step with a `Progress`; returning False ends the work.
        stop: lets another thread end the work; the best picture so far is returned.
        machine: `model`, `device`, `precision`, `threads`, `lowering` of the `Engine`.

    Raises:
        OptionsError, ImageError, ModelError, LimitError, NumericalError: see
            `impasto.engine.errors`; all are `StyleError`. Where the work had begun, the error's
            `result` is the best picture so far.
    """
    return Engine(limits=limits, **machine).stylize(
        content,
        styles,
        options,
        memory=memory,
        time=time,
        checkpoint=checkpoint,
        progress=progress,
        stop=stop,
    )


def reconstruct(
    picture: PictureSource,
    options: Options | None = None,
    *,
    limits: Limits | None = None,
    memory: int | None = None,
    time: float | None = None,
    checkpoint: str | Path | Checkpoint | None = None,
    progress: ProgressCallback | None = None,
    stop: Stop | None = None,
    **machine: Unpack[Machine],
) -> Result:
    """What a layer of the network knows of a picture: one with the same features, from noise.

    Gatys et al. 2015, equation 1, and the upper row of its Figure 1.

    Args:
        picture: see `stylize`.
        options: its style layers are not used; None are `tasks.RECONSTRUCTION`: relu4_2, from noise
            at the final size, 300 steps.

    Everything else is as of `stylize`.
    """
    return Engine(limits=limits, **machine).reconstruct(
        picture,
        options,
        memory=memory,
        time=time,
        checkpoint=checkpoint,
        progress=progress,
        stop=stop,
    )


def texture(
    styles: PictureSource | Sequence[PictureSource],
    options: Options | None = None,
    *,
    limits: Limits | None = None,
    memory: int | None = None,
    time: float | None = None,
    checkpoint: str | Path | Checkpoint | None = None,
    progress: ProgressCallback | None = None,
    stop: Stop | None = None,
    **machine: Unpack[Machine],
) -> Result:
    """A texture in the manner of a painting, of any size: Gram matrices alone are matched.

    Gatys et al. 2015, equation 5; the lower row of its Figure 1.

    Args:
        styles: see `stylize`; where the size is one number, the result has the first one's aspect.
        options: its content layers are not used; None are `tasks.TEXTURE`, which begin with noise.
            With the border "wrap", copies of the result join without a seam.

    Everything else is as of `stylize`.
    """
    return Engine(limits=limits, **machine).texture(
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
    SciPy's optimiser, which serves canvases up to 64 x 64, begins anew from the best canvas. A
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
    settings, _ = read_header(folder)
    engine = Engine(**settings.engine, trust=trust, limits=settings.limits)
    return engine.resume(folder, time=time, progress=progress, stop=stop)
