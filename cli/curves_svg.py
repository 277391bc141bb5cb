"""The curves of the loss as a drawing inside a page: no package is needed for it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from .curves import COLOURS, TOTAL, loss_marks

if TYPE_CHECKING:
    from .curves import Curve, History

__all__ = ["drawn"]

_WIDTH, _HEIGHT = 860, 410
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 660, 24, 366  # of the area of the curves
_LINE = 20  # of the legend


class _Scale(NamedTuple):
    """From (evaluations, loss) to a place in the drawing."""

    first: float
    last: float
    lowest: float  # powers of ten
    highest: float

    def x(self, evaluations: float) -> float:
        share = (evaluations - self.first) / max(1, self.last - self.first)
        return _LEFT + share * (_RIGHT - _LEFT)

    def y(self, loss: float) -> float:
        share = (math.log10(loss) - self.lowest) / (self.highest - self.lowest)
        return _BOTTOM - share * (_BOTTOM - _TOP)


def drawn(history: History) -> str:
    """An SVG element: the curves over the evaluations, the loss on a logarithmic scale.

    Text and axes take the colour of the page. Empty where no step was made.
    """
    curves = history.curves
    if not curves:
        return ""
    scale = _scale(curves, history.levels[0].first, history.levels[-1].last)
    parts = [*_axes(scale), *_levels(history, scale)]
    # The whole loss comes last, on top of the others.
    for number, curve in reversed(list(enumerate(curves))):
        parts += _curve(curve, _colour(curve, number), scale)
    parts += _legend(curves)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        'aria-label="The loss and its terms over the evaluations">\n'
        + "\n".join(parts)
        + "\n</svg>"
    )


def _scale(curves: list[Curve], first: int, last: int) -> _Scale:
    losses = [loss for curve in curves for piece in curve.pieces for _, loss in piece]
    lowest, highest = math.log10(min(losses)), math.log10(max(losses))
    margin = max(0.05, 0.03 * (highest - lowest))
    return _Scale(first, last, lowest - margin, highest + margin)


def _axes(scale: _Scale) -> Iterator[str]:
    for loss in loss_marks(10**scale.lowest, 10**scale.highest):
        y = scale.y(loss)
        yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{_RIGHT}"/>'
        yield _text(_LEFT - 8, y + 4, f"{loss:g}", "end")
    for count in _count_marks(scale.first, scale.last):
        x = scale.x(count)
        yield f'<path class="axis" d="M{x:.1f} {_BOTTOM}v5"/>'
        yield _text(x, _BOTTOM + 20, str(count), "middle")
    yield f'<path class="axis" d="M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}"/>'
    yield _text((_LEFT + _RIGHT) / 2, _BOTTOM + 38, "evaluations", "middle")


def _levels(history: History, scale: _Scale) -> Iterator[str]:
    for level in history.levels:
        x = scale.x(level.first)
        yield f'<path class="level" d="M{x:.1f} {_TOP}V{_BOTTOM}"/>'
        yield f'<text class="level-name" x="{x:.1f}" y="{_TOP - 6}">{escape(level.name)}</text>'


def _curve(curve: Curve, colour: str, scale: _Scale) -> Iterator[str]:
    width = 2.4 if curve.name == TOTAL else 1.4
    for piece in curve.pieces:
        places = [f"{scale.x(count):.1f} {scale.y(loss):.1f}" for count, loss in piece]
        # A line to itself, with round ends, shows the one step of a level as a dot.
        line = " ".join([*places, places[-1]] if len(places) == 1 else places)
        yield (
            f'<path fill="none" stroke="{colour}" stroke-width="{width}" stroke-linecap="round" '
            f'stroke-linejoin="round" d="M{line}"/>'
        )


def _legend(curves: Iterable[Curve]) -> Iterator[str]:
    for number, curve in enumerate(curves):
        y = _TOP + 10 + number * _LINE
        width = 2.4 if curve.name == TOTAL else 1.4
        colour = _colour(curve, number)
        yield (
            f'<path stroke="{colour}" stroke-width="{width}" d="M{_RIGHT + 18} {y - 4}h22"/>'
            + _text(_RIGHT + 48, y, curve.name, "start")
        )


def _colour(curve: Curve, number: int) -> str:
    return "currentColor" if curve.name == TOTAL else COLOURS[(number - 1) % len(COLOURS)]


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _count_marks(first: float, last: float) -> range:
    """About six round whole numbers in the range."""
    rough = max(1.0, (last - first) / 6)
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return range(math.ceil(first / step) * step, int(last) + 1, step)
