"""Targets: what the canvas's features are to match, computed once per level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .blending import Shares
from .errors import ImageTooSmall, LimitError
from .features import Features
from .formulas import Extent
from .front import Front, View
from .guides import guides_at
from .images import Picture, fitted_size, resize
from .kept_grams import Grams, KeptGrams, hashed
from .known_targets import Fitting
from .limits import Limits
from .pixels import to_image
from .regions import Sight
from .selection import places_of, statistics_of
from .stop import Stop
from .tile_runner import Given
from .tiles import Tiling

if TYPE_CHECKING:
    from ..export.program import Kind

__all__ = [
    "ContentTargets",
    "border_beside",
    "check_style_size",
    "content_targets",
    "style_shape",
    "style_size",
    "style_targets",
]


class ContentTargets(NamedTuple):
    """What the canvas is to match of the content picture.

    Args:
        extents: how large the features of each layer are, by layer.
        whole: (1, C, h, w) float32, of the layers that are not tiled, by layer.
        tiled: of the others, for each tile, if there are any; see `Front.features`.
    """

    extents: dict[str, Extent]
    whole: dict[str, np.ndarray]
    tiled: Given


def content_targets(
    view: View,
    tiling: Tiling | None,
    content: np.ndarray | None,
    stop: Stop,
    masks: Sequence[np.ndarray] = (),
) -> ContentTargets:
    """Features of the content picture, which has the canvas's size, if there is one.

    Args:
        tiling: how it is cut, or None for all of it at once.
        masks: of the regions that the programs of tiles ask for.
    """
    layers = view.selection.content_layers
    if not layers:
        return ContentTargets({}, {}, ())
    assert content is not None, "layers are compared, with nothing to compare them with"
    extents: dict[str, Extent] = {}
    whole: dict[str, np.ndarray] = {}
    tiled: Given = ()
    if tiling is None:
        whole = _run(view, "content", layers, "image", to_image(content), stop)
    else:
        front = Front(view, tiling, _shape(content), masks)
        crops = front.crops(content)
        tiled, extents = front.features(crops, stop)
        if deep := front.behind.content_layers:
            _, joined = front.sums(crops, stop)
            assert joined is not None
            whole = _run(view, "content", deep, "joined", joined, stop)
    extents |= {layer: _extent(features) for layer, features in whole.items()}
    return ContentTargets({layer: extents[layer] for layer in layers}, whole, tiled)


def style_targets(
    view: View,
    tiling: Tiling | None,
    styles: Sequence[Picture | np.ndarray],
    longer_sides: Sequence[int],
    shares: Shares,
    smallest_side: int,
    stop: Stop,
    kept: KeptGrams | None = None,
    fitting: Fitting | None = None,
    sights: Sequence[Sight] = (),
) -> Grams:
    """The styles' statistics per position by name, blended: see `export.style_losses`.

    For a sum of squares, matching the mean of several targets has the same gradient as the mean of
    the losses against each.

    Args:
        longer_sides: at which each style is looked at; see `style_size`.
        shares: of each in the mean. What has none is not looked at.
        kept: those of this network that are known already; None is none.
        fitting: what those that came with a style picture must fit; without it they do not.
        sights: the regions of the canvas; there are targets for each, of its own styles.
    """
    layers = view.selection.style_layers
    if not layers:
        return {}
    if tiling is not None:
        tiling = tiling.of_styles()
    kept = KeptGrams() if kept is None else kept
    wanted = replace(view.selection, regions=len(sights))
    loss, found = wanted.style_loss, {}
    for region, sight in enumerate(sights or [None]):
        mask = None if sight is None else sight.style_mask
        own = replace(view, selection=replace(view.selection, regions=int(mask is not None)))
        counted = shares.among(range(len(styles)) if sight is None else sight.styles)
        looks: dict[int, Grams] = {}
        for number in counted.used(layers):
            style = styles[number]
            size = style_size(style, longer_sides[number], smallest_side)
            look = partial(_grams, own, tiling, style, mask, size, stop)
            # What came with a picture is not kept: its pixels may come again, from somebody who
            # knows nothing of what a stranger wrote beside them.
            known = _known(own, tiling, style, size, fitting) if mask is None else None
            seen = (size, own.selection, tiling, None if mask is None else hashed(mask))
            looks[number] = known or kept.of(style, seen, look)
        for layer in layers:
            place = layer if sight is None else places_of(layer, len(sights))[region]
            parts = counted.of_layer(layer)
            names = zip(statistics_of(loss, layer), statistics_of(loss, place), strict=True)
            for name, blended in names:
                found[blended] = np.average(
                    [looks[number][name] for number in parts], axis=0, weights=[*parts.values()]
                ).astype(np.float32)
    # In the order of the program's terms.
    return {name: found[name] for name in wanted.statistics(layers)}


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
    shape: tuple[int, int], longer_side: int, smallest_side: int, limits: Limits
) -> None:
    """Refuse a style picture of this (height, width) that would be looked at above the limits.

    Raises:
        LimitError: the style scale asks for it.
        ImageTooSmall: the picture is so thin that the network needs it so long.
    """
    limit = f"the limit of output_side is {limits.output_side}"
    if longer_side > limits.output_side:
        raise LimitError(f"style_scale makes the style {longer_side} pixels long, but {limit}")
    longer = max(style_shape(shape, longer_side, smallest_side))
    if longer > limits.output_side:
        height, width = shape
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
    mask: np.ndarray | None,
    size: tuple[int, int],
    stop: Stop,
) -> Grams:
    """Statistics per position of a style picture at this size, of all of it or of what a mask
    shows, by the names of the layers."""
    scaled = resize(style, *size)
    masks = [] if mask is None else [resize(mask, *size)]
    if tiling is None:
        wanted = view.selection.style_layers
        grams = _looked(view, wanted, "image", to_image(scaled), masks, stop)
    else:
        front = Front(view, tiling, size, masks)
        grams, joined = front.sums(front.crops(scaled), stop)
        if deep := front.behind.style_layers:
            assert joined is not None
            grams |= _looked(view, deep, "joined", joined, masks, stop)
    return {name.replace("@0", ""): gram for name, gram in grams.items()}


def _looked(
    view: View,
    layers: Sequence[str],
    name: str,
    given: np.ndarray,
    masks: Sequence[np.ndarray],
    stop: Stop,
) -> Grams:
    guides = guides_at(masks, {view.strides[layer] for layer in layers})
    return _run(view, "style", view.selection.statistics(layers), name, given, stop, guides)


def _run(
    view: View,
    kind: Kind,
    wanted: Sequence[str],
    name: str,
    given: np.ndarray,
    stop: Stop,
    guides: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> dict[str, np.ndarray]:
    session = view.session(kind, (given.shape[2], given.shape[3]))
    outputs = [f"{kind}.{one}" for one in wanted]
    results = session.run({name: given, **guides}, outputs, stop, gives_back=True)
    return dict(zip(wanted, results.values(), strict=True))


def _extent(features: np.ndarray) -> Extent:
    channels, height, width = features.shape[1:]
    return Extent(Features(features).sum_of_squares(), channels, height * width)


def _shape(picture: Picture | np.ndarray) -> tuple[int, int]:
    return picture.shape[0], picture.shape[1]
