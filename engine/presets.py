"""Well-known ways to make the picture, as data: what each of them chooses, and where that is said.

A preset is a set of options. It says nothing of the size, the seed and the network, which are the
caller's; the weights of all three were chosen for networks whose pixels are 0..255 less their mean
(`std` 1/255, as the embedded one has), and mean something else on others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import sqrt
from types import MappingProxyType
from typing import Any

from .checks import shown
from .errors import OptionsError
from .options import DEFAULT_NOISE, Options

__all__ = ["Preset", "find_preset", "preset", "presets"]


@dataclass(frozen=True)
class Preset:
    """Options that belong together.

    Args:
        name: for commands.
        summary: what it is, in a line.
        source: where its values were published.
        values: of fields of `Options`; the other fields keep their defaults.
        differences: what is not as in the source, a sentence each.
    """

    name: str
    summary: str
    source: str
    values: Mapping[str, Any] = field(hash=False)
    differences: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))

    def options(self, **changes: Any) -> Options:
        """Its options, with changes by field of `Options`.

        Raises:
            OptionsError: a changed value is out of its range.
        """
        return Options(**{**self.values, **changes})


def preset(name: str, **changes: Any) -> Options:
    """The options of a preset, "gatys2015", "neuralart" or "johnson".

        impasto.stylize("photo.jpg", "painting.jpg", impasto.preset("gatys2015", size=800))

    Args:
        name: see `presets`, which tells the source and the values of each.
        changes: fields of `Options` that are to be otherwise.

    Raises:
        OptionsError: there is no such preset, or a changed value is out of its range.
    """
    return find_preset(name).options(**changes)


def presets() -> tuple[Preset, ...]:
    """All of them, with their sources, their values, and what is not as in the source."""
    return tuple(_PRESETS.values())


def find_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        OptionsError: there is none; the message names the nearest ones.
    """
    text = name if isinstance(name, str) else ""
    found = _PRESETS.get(text)
    if found is None:
        near = get_close_matches(text.lower(), _PRESETS)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise OptionsError(f"preset must be one of {', '.join(_PRESETS)}, not {shown(name)}{hint}")
    return found


_FIVE = dict.fromkeys(("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), 1.0)
_WITHIN_BOUNDS = "The canvas stays within 0..1, theirs does not."
# What all three have in common: one scale, the style picture as large as the canvas, and the
# network as it was trained at its border.
_COMMON = {
    "levels": 1,
    "content_layers": {"relu4_2": 1.0},
    "style_layers": _FIVE,
    "style_loss": "gram",
    "style_falloff": 1.0,
    "balance_gradients": False,
    "tv_loss": "squared",
    "border": "zeros",
    "style_scale": 1.0,
    "color": "style",
    "strength": 1.0,
}

_GATYS2015 = Preset(
    name="gatys2015",
    summary="The paper: its layers, formula, average pooling and ratio, from white noise.",
    source="Gatys, Ecker, Bethge: A Neural Algorithm of Artistic Style, 2015, arXiv:1508.06576, "
    "Methods: conv4_2; conv1_1, conv2_1, conv3_1, conv4_1 and conv5_1 with w = 1/5 each; of its "
    "two ratios alpha/beta, 1e-3 and 1e-4, the first",
    values=_COMMON
    | {
        "objective": "gatys",
        "content_weight": 1.0,
        "style_weight": 1e3,
        "tv_weight": 0.0,
        "pool": "average",
        "optimizer": "lbfgs",
        "iterations": 500,
        "init": "noise",
        "init_blend": 0.0,
        "init_noise": DEFAULT_NOISE,
    },
    differences=(
        "The paper names no optimiser, number of steps or amplitude of the noise: L-BFGS and 500 "
        "are those of its first author's later program (leongatys/PytorchNeuralStyleTransfer).",
        "Its network is VGG19; the embedded one is VGG16.",
        "Its ratio seems meant for its authors' VGG19, every filter of which is scaled to a mean "
        "activation of 1; on the embedded network, with tens to hundreds, the style drowns the "
        "photograph, and a style weight of 30 brings it back.",
    ),
)

_NEURALART = Preset(
    name="neuralart",
    summary="A program of 2015 for TensorFlow: 0.7 noise, style strength 500, Adam.",
    source="https://github.com/ckmarkoh/neuralart_tensorflow, main.py",
    values=_COMMON
    | {
        "objective": "neuralart",
        "content_weight": 1.0,
        # 500 for each of five layers, whose weights we scale to sum to 1.
        "style_weight": 5 * 500.0,
        "tv_weight": 0.0,
        "pool": "average",
        "optimizer": "adam",
        "step": 2 / 255,
        "iterations": 5000,
        "init": "content",
        "init_blend": 0.7,
        # Theirs is uniform from -20 to 20 of 255: the same deviation.
        "init_noise": 20 / sqrt(3) / 255,
    },
    differences=(
        "The noise is normal around middle grey, theirs uniform around the mean colour, of the "
        "same deviation.",
        f"{_WITHIN_BOUNDS} Adam is scaled by its first gradient, and the mean of the last canvases "
        "is taken if its loss is lower.",
        "Pooling leaves out the last row or column of an odd side, theirs keeps it.",
        "Both pictures keep their proportions, theirs are stretched to 800 x 600. Its network is "
        "VGG19 with a mean of 123, 117, 104; the embedded one is VGG16 with 123.68, 116.779, "
        "103.939.",
    ),
)

_JOHNSON = Preset(
    name="johnson",
    summary="neural-style's defaults: means of squares, total variation, L-BFGS from mean grey.",
    source="https://github.com/jcjohnson/neural-style, neural_style.lua",
    values=_COMMON
    | {
        "objective": "johnson",
        "content_weight": 5.0,
        # 1e2 for each of five layers, whose weights we scale to sum to 1.
        "style_weight": 5 * 1e2,
        "tv_weight": 1e-3,
        "pool": "max",
        "optimizer": "lbfgs",
        "iterations": 1000,
        "init": "noise",
        "init_blend": 0.0,
        "init_noise": 0.001 / 255,
    },
    differences=(
        "The total variation is part of the loss, theirs of the gradient alone; and it counts the "
        "differences along the last row and column, which theirs leaves out.",
        "Pixels are 0..255, theirs, by a factor of 256 instead of 255, 0..256.",
        "The noise is around middle grey, theirs around the network's mean colour.",
        f"{_WITHIN_BOUNDS} Our L-BFGS searches along each line, theirs takes its whole step.",
        "Its network is VGG19; the embedded one is VGG16.",
    ),
)

_PRESETS: Mapping[str, Preset] = {made.name: made for made in (_GATYS2015, _NEURALART, _JOHNSON)}
