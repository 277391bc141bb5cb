"""Targets: what the canvas's features are to match, computed once per level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from .errors import ImageTooSmall, LimitError
from .images import fitted_size, resize
from .limits import Limits
from .pixels import to_image
from .session import Session
from .stop import Stop

__all__ = ["check_style_size", "content_targets", "style_size", "style_targets"]

# The session of a program for pictures of some (height, width).
SessionFor: TypeAlias = Callable[[tuple[int, int]], Session]


def content_targets(
    session_for: SessionFor, layers: Sequence[str], content: np.ndarray, stop: Stop
) -> dict[str, np.ndarray]:
    """Features of the content picture, which has the canvas's size: by layer, (1, C, h, w)."""
    return _run(session_for, "content", layers, content, stop)


def style_targets(
    session_for: SessionFor,
    layers: Sequence[str],
    styles: Sequence[np.ndarray],
    longer_side: int,
    smallest_side: int,
    stop: Stop,
) -> dict[str, np.ndarray]:
    """Mean of the styles' Gram matrices per position: by layer, (C, C).

    For a sum of squares, matching the mean of several targets has the same gradient as the mean of
    the losses against each.
    """
    grams = []
    for style in styles:
        size = style_size(style, longer_side, smallest_side)
        grams.append(_run(session_for, "style", layers, resize(style, *size), stop))
    return {
        layer: np.asarray(np.mean([gram[layer] for gram in grams], axis=0), np.float32)
        for layer in layers
    }


def style_size(style: np.ndarray, longer_side: int, smallest_side: int) -> tuple[int, int]:
    """The size that a style picture is looked at: its longer side as asked, its aspect kept.

    A very long and thin picture is enlarged until its shorter side is enough for the network.
    """
    height, width = style.shape[:2]
    needed = -(-smallest_side * max(height, width) // min(height, width))
    return fitted_size(height, width, max(longer_side, needed))


def check_style_size(
    style: np.ndarray, longer_side: int, smallest_side: int, limits: Limits
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


def _run(
    session_for: SessionFor, kind: str, layers: Sequence[str], picture: np.ndarray, stop: Stop
) -> dict[str, np.ndarray]:
    session = session_for((picture.shape[0], picture.shape[1]))
    outputs = [f"{kind}.{layer}" for layer in layers]
    results = session.run({"image": to_image(picture)}, outputs, stop)
    return dict(zip(layers, results.values(), strict=True))
