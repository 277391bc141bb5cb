"""What the artist may choose: one frozen record, validated once, the source of every default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import Literal, TypeAlias, get_args

from .checks import number, shown, truth, whole
from .errors import OptionsError
from .selection import Pooling, StyleLoss, Variation

__all__ = [
    "COARSEST_SIDE",
    "DEFAULT_CONTENT_LAYERS",
    "DEFAULT_ITERATIONS",
    "DEFAULT_NOISE",
    "DEFAULT_STYLE_LAYERS",
    "DEFAULT_STYLE_WEIGHTS",
    "FILE_OPTIONS",
    "STARTS",
    "UNTOLD_ITERATIONS",
    "Border",
    "Color",
    "Formula",
    "Optimizer",
    "Options",
    "Pooling",
    "StyleLoss",
    "Variation",
]

Formula: TypeAlias = Literal["relative", "gatys", "neuralart", "johnson"]
Optimizer: TypeAlias = Literal["lbfgs", "adam"]
Border: TypeAlias = Literal["replicate", "reflect", "zeros", "wrap"]
Color: TypeAlias = Literal["style", "content", "luminance", "match"]

DEFAULT_CONTENT_LAYERS: Mapping[str, float] = {"relu4_2": 1.0}
DEFAULT_STYLE_LAYERS: Mapping[str, float] = dict.fromkeys(
    ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), 1.0
)
# Beside a content weight of 1: a photograph stays one, and the strokes are clear. The paper's
# ratios are 1e3 to 1e5; the two others weigh each of five layers with 500, and with 100 to 5.
DEFAULT_STYLE_WEIGHTS: Mapping[str, float] = {
    "relative": 15.0,
    "gatys": 1000.0,
    "neuralart": 2500.0,
    "johnson": 100.0,
}
# From the coarsest level on; the last number goes for every finer one. Coarse levels decide the
# composition, and their steps cost a quarter each of the next level's.
DEFAULT_ITERATIONS = (150, 90, 65)
# Where `softness` tells the optimiser nothing: without content, and for Adam.
UNTOLD_ITERATIONS = (200, 120, 80)
# A coarsest longer side below this shows the network nothing that the content picture still tells.
COARSEST_SIDE = 96
# Noise around middle grey: wide enough to excite every layer, and seldom clipped.
DEFAULT_NOISE = 0.15
# What names files, and nothing else: no stranger may say it. `init` may name one, too.
FILE_OPTIONS = ("masks", "keep")
# What `init` names where it is no path.
STARTS = ("content", "style", "noise")
_LARGEST = 1e12


@dataclass(frozen=True)
class Options:
    """How a picture is made.

    Args:
        size: of the result: its longer side in pixels, or as a fraction, a float, of the content
            picture's; or (width, height), which the content picture then covers.
        levels: number of scales, coarse to fine; None chooses: as many as keep the coarsest longer
            side at `coarsest` or more.
        coarsest: that side, in pixels.
        level_factor: how much larger each scale is than the one before, 1.1..4.
        iterations: optimiser steps at each level: one number for all, a sequence from coarse to
            fine, or None for the defaults.
        objective: "relative" divides each term by the size of its own target, so that weights mean
            the same for every network, layer and size; "gatys" is the formula of the paper,
            "neuralart" and "johnson" are those of two programs. See `formulas`.
        content_layers, style_layers: relative weight of each layer; those of the style layers are
            scaled to sum to 1.
        content_weight, style_weight, tv_weight: factors of the three kinds of term, at least 0. A
            style weight of None is the usual one of the objective (`DEFAULT_STYLE_WEIGHTS`).
        style_loss: what is compared of the style layers: "gram", Gram matrices, as in the paper;
            "moments", mean and deviation of each channel; or "wasserstein", the distance of normal
            distributions. See `export.style_losses`.
        style_falloff: each style layer's weight is multiplied by this to the power of its place,
            from the first layer on: below 1 the fine strokes count for more, above 1 large forms.
        balance_gradients: whether terms of one kind, such as style layers, get coefficients by
            which their gradients, where a level starts, are as strong as their weights say. See
            `balance`.
        tv_loss: of neighbouring pixels the "squared" differences, or the "absolute" ones, which
            leave edges.
        pool: "max" as the network was trained, or "average" as the paper prefers.
        border: what the network sees around the picture: "replicate", the outermost pixels again;
            "reflect", those next to them, as in a mirror that stands on the outermost; "zeros", the
            mean colour, as in its training and in the paper: it leaves a frame; or "wrap", the
            opposite side, so that copies of the result join without a seam.
        optimizer: "lbfgs" within the bounds 0..1 (SciPy's L-BFGS-B on small canvases, our own on
            larger ones: see `optimise`) or "adam".
        step: Adam's step, in units of the canvas (0..1).
        init: where the canvas starts: "content", "style", "noise", or the path of a picture.
        init_blend: share of noise mixed into the initial canvas, 0..1.
        init_noise: deviation of that noise from middle grey, in units of the canvas, 0..1.
        style_scale: longer side of the style picture as a multiple of the canvas's, 1/16..16;
            larger gives larger strokes. One number for all style pictures, or one for each.
        style_size: the same of all of them in pixels, beside the final canvas; or None.
        style_blend: how much each of several style pictures counts, at least 0; they are scaled to
            sum to 1. None is equal parts.
        layer_styles: style layers that one style picture has to itself, and its number from 1;
            other layers blend all.
        masks: regions that have a style of their own, each as (mask, style_mask): paths of grey
            pictures, white inside, of the shape of the content and of the style picture; an empty
            style_mask is all of it. Several masks have one style picture each, or all the same.
            Coloured masks, in pairs, tell a region by each colour. See `masks`.
        keep: path of a grey picture, white where the content picture stays as it is.
        color: whose colours the result has: "style", as it was painted; "content", the
            photograph's chroma under the painted luminance; "luminance", likewise, and luminance
            alone is painted; or "match", with the style pictures' colours spread as the
            photograph's before. See `color`.
        strength: share of the painting in the result, 0..1; the rest is the photograph.
        seed: of the noise; the same seed gives the same noise.

    Raises:
        OptionsError: a value is out of its range; the message names option, value and range.
    """

    size: int | float | tuple[int, int] = 512
    levels: int | None = None
    coarsest: int = COARSEST_SIDE
    level_factor: float = 2.0
    iterations: int | tuple[int, ...] | None = None
    objective: Formula = "relative"
    # A dictionary cannot be hashed; equal options have equal hashes without these as well.
    content_layers: Mapping[str, float] = field(
        default_factory=lambda: DEFAULT_CONTENT_LAYERS, hash=False
    )
    style_layers: Mapping[str, float] = field(
        default_factory=lambda: DEFAULT_STYLE_LAYERS, hash=False
    )
    content_weight: float = 1.0
    style_weight: float | None = None
    style_loss: StyleLoss = "gram"
    style_falloff: float = 1.0
    balance_gradients: bool = False
    tv_weight: float = 0.0
    tv_loss: Variation = "squared"
    pool: Pooling = "max"
    border: Border = "replicate"
    optimizer: Optimizer = "lbfgs"
    step: float = 0.02
    init: str = "content"
    init_blend: float = 0.0
    init_noise: float = DEFAULT_NOISE
    style_scale: float | tuple[float, ...] = 1.0
    style_size: int | None = None
    style_blend: tuple[float, ...] | None = None
    layer_styles: Mapping[str, int] = field(default_factory=dict, hash=False)
    masks: tuple[tuple[str, str], ...] = ()
    keep: str | None = None
    color: Color = "style"
    strength: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in self._checked().items():
            object.__setattr__(self, name, value)
        if not (self.content_layers and self.content_weight) and not (
            self.style_layers and self.style_factor
        ):
            raise OptionsError(
                "nothing is asked for: neither content nor style has layers and a weight above 0"
            )
        if self.style_size is not None and self.style_scale != 1:
            raise OptionsError(
                "style_size and style_scale both tell how large a style is: give one"
            )

    def _checked(self) -> dict[str, object]:
        """Every value as it is kept: a plain one, and none that the caller can still change."""
        levels, style_weight = self.levels, self.style_weight
        return {
            "size": _size(self.size),
            "levels": None if levels is None else whole("levels", levels, 1, 12),
            "coarsest": whole("coarsest", self.coarsest, 1, 2**16),
            "level_factor": number("level_factor", self.level_factor, 1.1, 4),
            "iterations": _iterations(self.iterations),
            "objective": _choice("objective", self.objective, get_args(Formula)),
            "content_layers": _layers("content_layers", self.content_layers),
            "style_layers": _layers("style_layers", self.style_layers),
            "content_weight": number("content_weight", self.content_weight, 0, _LARGEST),
            "style_weight": None
            if style_weight is None
            else number("style_weight", style_weight, 0, _LARGEST),
            "tv_weight": number("tv_weight", self.tv_weight, 0, _LARGEST),
            "style_loss": _choice("style_loss", self.style_loss, get_args(StyleLoss)),
            "style_falloff": number("style_falloff", self.style_falloff, 0.01, 100),
            "balance_gradients": truth("balance_gradients", self.balance_gradients),
            "tv_loss": _choice("tv_loss", self.tv_loss, get_args(Variation)),
            "pool": _choice("pool", self.pool, get_args(Pooling)),
            "border": _choice("border", self.border, get_args(Border)),
            "optimizer": _choice("optimizer", self.optimizer, get_args(Optimizer)),
            "step": number("step", self.step, 1e-6, 1),
            "init": _path("init", self.init, f"{', '.join(STARTS)} or a path"),
            "init_blend": number("init_blend", self.init_blend, 0, 1),
            "init_noise": number("init_noise", self.init_noise, 0, 1),
            "style_scale": _scale(self.style_scale),
            "style_size": None
            if self.style_size is None
            else whole("style_size", self.style_size, 1, 2**16),
            "style_blend": _blend(self.style_blend),
            "layer_styles": _layer_styles(self.layer_styles, self.style_layers),
            "masks": _masks(self.masks),
            "keep": None if self.keep is None else _path("keep", self.keep),
            "color": _choice("color", self.color, get_args(Color)),
            "strength": number("strength", self.strength, 0, 1),
            "seed": whole("seed", self.seed, 0, 2**63 - 1),
        }

    @property
    def mask_paths(self) -> list[str]:
        """Of all masks: those of `masks` in their order, then `keep`."""
        named = [path for pair in self.masks for path in pair if path]
        return named + ([] if self.keep is None else [self.keep])

    def with_mask_paths(self, paths: Sequence[str]) -> Options:
        """The same with other paths for the same masks, as `mask_paths` lists them."""
        left = iter(paths)
        masks = tuple((next(left), next(left) if style else "") for _, style in self.masks)
        return replace(self, masks=masks, keep=None if self.keep is None else next(left))

    @property
    def style_factor(self) -> float:
        """The style weight, or the usual one of the objective where none is given."""
        if self.style_weight is None:
            return DEFAULT_STYLE_WEIGHTS[self.objective]
        return self.style_weight


def _size(value: object) -> int | float | tuple[int, int]:
    if isinstance(value, list | tuple) and len(value) == 2:
        width, height = (whole("size", side, 1, 2**20) for side in value)
        return width, height
    if isinstance(value, Real) and not isinstance(value, Integral):
        return number("size", value, 1e-3, 1e3)
    return whole("size", value, 1, 2**20)


def _iterations(value: object) -> int | tuple[int, ...] | None:
    if isinstance(value, list | tuple) and value:
        return tuple(whole("iterations", count, 0, 10**6) for count in value)
    if value is None:
        return None
    if not isinstance(value, Integral):
        raise OptionsError("iterations must be a whole number or a list of whole numbers")
    return whole("iterations", value, 0, 10**6)


def _scale(value: object) -> float | tuple[float, ...]:
    if isinstance(value, list | tuple) and value:
        return tuple(number("style_scale", one, 1 / 16, 16) for one in value)
    return number("style_scale", value, 1 / 16, 16)


def _blend(value: object) -> tuple[float, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not value:
        raise OptionsError(f"style_blend must list a number for each style, not {shown(value)}")
    parts = tuple(number("style_blend", part, 0, _LARGEST) for part in value)
    if not any(parts):
        raise OptionsError("style_blend has no number above 0")
    return parts


def _layer_styles(given: object, layers: Mapping[str, float]) -> dict[str, int]:
    if not isinstance(given, Mapping):
        raise OptionsError(f"layer_styles must map layer names to numbers, not {shown(given)}")
    for layer in given:
        if layer not in layers:
            raise OptionsError(f"layer_styles names {shown(layer)}, none of the style layers")
    return {str(k): whole(f"layer_styles[{k}]", v, 1, 1000) for k, v in given.items()}


def _masks(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list | tuple):
        raise OptionsError(f"masks must list paths, or pairs of them, not {shown(value)}")
    pairs = [(one, "") if isinstance(one, str) else one for one in value]
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise OptionsError(f"masks must list paths, or pairs of them, not {shown(value)}")
    return tuple(
        (_path("masks", mask), "" if style == "" else _path("masks", style))
        for mask, style in pairs
    )


def _path(name: str, value: object, what: str = "the path of a picture") -> str:
    if not isinstance(value, str) or not value:
        raise OptionsError(f"{name} must be {what}, not {shown(value)}")
    return value


def _choice(name: str, value: object, choices: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise OptionsError(f"{name} must be one of {', '.join(choices)}, not {shown(value)}")
    return value


def _layers(name: str, layers: object) -> dict[str, float]:
    if not isinstance(layers, Mapping) or not all(isinstance(layer, str) for layer in layers):
        raise OptionsError(f"{name} must map layer names to weights, not {shown(layers)}")
    weights = {
        layer: number(f"{name}[{layer}]", weight, 0, _LARGEST) for layer, weight in layers.items()
    }
    if weights and not any(weights.values()):
        raise OptionsError(f"{name} has no weight above 0")
    return weights
