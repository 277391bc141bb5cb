"""Targets: what the canvas's features are to match, computed once per level."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from .errors import ImageTooSmall, LimitError
from .features import Features
from .front import Front, View
from .images import Picture, fitted_size, resize
from .kept_grams import Grams, KeptGrams
from .known_targets import Fitting
from .limits import Limits
from .pixels import to_image
from .stop import Stop
from .tiles import Tiling

if TYPE_CHECKING:
    from ..export.program import Kind

__all__ = [
    "border_beside",
    "check_style_size",
    "content_targets",
    "style_shape",
    "style_size",
    "style_targets",
]


def content_targets(
    view: View, tiling: Tiling | None, content: np.ndarray | None, stop: Stop
) -> dict[str, Features]:
    """Features of the content picture, which has the canvas's size, if there is one; by layer.

    Args:
        tiling: how it is cut, or None for all of it at once.
    """
    layers = view.selection.content_layers
    if not layers:
        return {}
    assert content is not None, "layers are compared, with nothing to compare them with"
    if tiling is None:
        found = _run(view, "content", layers, "image", to_image(content), stop)
        return {layer: Features(array) for layer, array in found.items()}
    front = Front(view, tiling, _shape(content))
    targets = front.features(content, stop)
    if deep := front.behind.content_layers:
        _, joined = front.sums(content, stop)
        assert joined is not None
        found = _run(view, "content", deep, "joined", joined, stop)
        targets |= {layer: Features(array) for layer, array in found.items()}
    return {layer: targets[layer] for layer in layers}


def style_targets(
    view: View,
    tiling: Tiling | None,
    styles: Sequence[Picture | np.ndarray],
    longer_sides: Sequence[int],
    shares: Sequence[float],
    smallest_side: int,
    stop: Stop,
    kept: KeptGrams | None = None,
    fitting: Fitting | None = None,
) -> Grams:
    """The styles' statistics per position by name, blended: see `export.style_losses`.

    For a sum of squares, matching the mean of several targets has the same gradient as the mean of
    the losses against each.

    Args:
        longer_sides: at which each style is looked at; see `style_size`.
        shares: of each in the mean, together 1. What has none is not looked at.
        kept: those of this network that are known already; None is none.
        fitting: what those that came with a style picture must fit; without it they do not.
    """
    layers = view.selection.style_layers
    if not layers:
        return {}
    if tiling is not None:
        tiling = tiling.of_styles()
    kept = KeptGrams() if kept is None else kept
    grams, parts = [], [share for share in shares if share]
    for style, longer_side, share in zip(styles, longer_sides, shares, strict=True):
        if share:
            size = style_size(style, longer_side, smallest_side)
            look = partial(_grams, view, tiling, style, size, stop)
            # What came with a picture is not kept: its pixels may come again, from somebody who
            # knows nothing of what a stranger wrote beside them.
            known = _known(view, tiling, style, size, fitting)
            grams.append(known or kept.of(style, (size, view.selection, tiling), look))
    return {
        name: np.average([gram[name] for gram in grams], axis=0, weights=parts).astype(np.float32)
        for name in view.selection.statistics(layers)
    }


def style_size(
    style: Picture | np.ndarray, longer_side: int, smallest_side: int
) -> tuple[int, int]:
    """The size that a style picture is looked at: its longer side as asked, its aspect kept.

    A very long and thin picture is enlarged until its shorter side is enough for the network.
    """
    return style_shape(_shape(style), longer_side, smallest_side)


def style_shape(shape: tuple[int, int], longer_side: int, smallest_side: int) -> tuple[int, int]:
    """The same for a style picture of this (height, width)."""
    needed = -(-smallest_side * max(shape) // min(shape))
    return fitted_size(*shape, max(longer_side, needed))


def check_style_size(
    style: Picture | np.ndarray, longer_side: int, smallest_side: int, limits: Limits
) -> None:
    """Refuse a style picture that would be looked at above the limits.

    Raises:
        LimitError: the style scale asks for it.
        ImageTooSmall: the picture is so thin that the network needs it so long.
    """
    limit = f"the limit of output_side is {limits.output_side}"
    if longer_side > limits.output_side:
        raise LimitError(f"style_scale makes the style {longer_side} pixels long, but {limit}")
    longer = max(style_size(style, longer_side, smallest_side))
    if longer > limits.output_side:
        height, width = style.shape[:2]
        raise ImageTooSmall(
            f"the style picture of {width} x {height} pixels is too thin: the network needs "
            f"{smallest_side} pixels on each side, which makes it {longer} pixels long, but {limit}"
        )


def _known(
    view: View,
    tiling: Tiling | None,
    style: Picture | np.ndarray,
    size: tuple[int, int],
    fitting: Fitting | None,
) -> Grams | None:
    """What came with a style picture, if it serves here."""
    if fitting is None or not isinstance(style, Picture) or style.known is None:
        return None
    selection = view.selection
    names = selection.statistics(selection.style_layers)
    border = border_beside(tiling, selection.border)
    return style.known.find(fitting, size, selection.pool, border, names)


def border_beside(tiling: Tiling | None, border: str) -> str:
    """How style pictures end beside a canvas that is cut so: as it does, or as one that wraps."""
    return border if tiling is None or tiling.outside == "end" else "wrap"


def _grams(
    view: View,
    tiling: Tiling | None,
    style: Picture | np.ndarray,
    size: tuple[int, int],
    stop: Stop,
) -> Grams:
    """Statistics per position of a style picture at this size."""
    scaled = resize(style, *size)
    if tiling is None:
        image = to_image(scaled)
        wanted = view.selection.statistics(view.selection.style_layers)
        return _run(view, "style", wanted, "image", image, stop)
    front = Front(view, tiling, size)
    grams, joined = front.sums(scaled, stop)
    if deep := front.behind.style_layers:
        assert joined is not None
        grams |= _run(view, "style", view.selection.statistics(deep), "joined", joined, stop)
    return grams


def _run(
    view: View, kind: Kind, wanted: Sequence[str], name: str, given: np.ndarray, stop: Stop
) -> dict[str, np.ndarray]:
    session = view.session(kind, (given.shape[2], given.shape[3]))
    outputs = [f"{kind}.{one}" for one in wanted]
    results = session.run({name: given}, outputs, stop, gives_back=True)
    return dict(zip(wanted, results.values(), strict=True))


def _shape(picture: Picture | np.ndarray) -> tuple[int, int]:
    return picture.shape[0], picture.shape[1]
