"""Several style pictures: how much each counts, and how large it is looked at."""

from __future__ import annotations

from .errors import OptionsError
from .options import Options

__all__ = ["check_blend", "style_scale_of", "style_shares", "style_sides", "styles_asked"]


def check_blend(options: Options, styles: int) -> None:
    """Refuse options that list a number for each of another number of style pictures.

    Raises:
        OptionsError: they do.
    """
    for name in ("style_scale", "style_blend"):
        listed = getattr(options, name)
        if isinstance(listed, tuple) and len(listed) != styles:
            raise OptionsError(
                f"{name} must list one number for each style picture: {styles}, not {len(listed)}"
            )


def styles_asked(options: Options) -> int:
    """How many style pictures the options speak of; 1 where they leave it open."""
    listed = [one for one in (options.style_scale, options.style_blend) if isinstance(one, tuple)]
    return len(listed[0]) if listed else 1


def style_shares(options: Options, styles: int) -> list[float]:
    """The share of each of so many style pictures in the blend; together they are 1."""
    if not styles:
        return []
    weights = options.style_blend or (1.0,) * styles
    # By the largest first, for a sum of huge numbers could be infinite, and of tiny ones inexact.
    parts = [weight / max(weights) for weight in weights]
    return [part / sum(parts) for part in parts]


def style_scale_of(options: Options) -> float:
    """The scale of the only style picture."""
    scale = options.style_scale
    return scale[0] if isinstance(scale, tuple) else scale


def style_sides(options: Options, canvas: tuple[int, int], styles: int) -> list[int]:
    """The longer side at which each of so many style pictures is looked at beside a canvas of this
    (height, width)."""
    if not styles:
        return []
    scale = options.style_scale
    scales = scale if isinstance(scale, tuple) else (scale,) * styles
    return [max(1, round(one * max(canvas))) for one in scales]
