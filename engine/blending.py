"""Several style pictures: how much each counts, and how large it is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from .errors import OptionsError
from .options import Options

__all__ = ["Shares", "check_blend", "scaled", "style_scale_of", "style_sides", "styles_asked"]


def check_blend(options: Options, styles: int) -> None:
    """Refuse options that list a number for each of another number of style pictures.

    Raises:
        OptionsError: they do.
    """
    for layer, number in options.layer_styles.items():
        if number > styles:
            raise OptionsError(f"layer_styles[{layer}] is {number}, but there are {styles} styles")
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


@dataclass(frozen=True)
class Shares:
    """How much each style picture counts, in each layer.

    Args:
        parts: of each style picture by its number, at least 0.
        alone: layers that one style picture has to itself, and its number.
    """

    parts: Mapping[int, float]
    alone: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, options: Options, styles: int) -> Shares:
        """Those of so many style pictures."""
        weights = options.style_blend or (1.0,) * styles
        alone = {layer: number - 1 for layer, number in options.layer_styles.items()}
        return cls(dict(enumerate(weights)), alone)

    def among(self, styles: Iterable[int]) -> Shares:
        """Of some of the style pictures, a region's own; of equal ones where none counts else."""
        parts = {number: self.parts[number] for number in styles}
        return Shares(parts if any(parts.values()) else dict.fromkeys(parts, 1.0), self.alone)

    def of_layer(self, layer: str) -> dict[int, float]:
        """The share of each that counts; together they are 1."""
        if layer in self.alone:
            return {self.alone[layer]: 1.0}
        # By the largest first, for a sum of huge numbers could be infinite, of tiny ones inexact.
        most = max(self.parts.values())
        parts = {number: part / most for number, part in self.parts.items() if part}
        return {number: part / sum(parts.values()) for number, part in parts.items()}

    def used(self, layers: Iterable[str]) -> list[int]:
        """The style pictures that count in one of these layers."""
        return sorted({number for layer in layers for number in self.of_layer(layer)})


def scaled(options: Options, canvas: tuple[int, int]) -> Options:
    """The same with the scale of the style pictures, where their size is given, beside a final
    canvas of this (height, width).

    Raises:
        OptionsError: it is more than 16 times larger or smaller than the canvas.
    """
    if options.style_size is None:
        return options
    longer = max(canvas)
    scale = options.style_size / longer
    if not 1 / 16 <= scale <= 16:
        raise OptionsError(
            f"style_size must be from {-(-longer // 16)} to {16 * longer} beside a result of "
            f"{longer} pixels, not {options.style_size}"
        )
    return replace(options, style_size=None, style_scale=scale)


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
