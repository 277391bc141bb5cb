"""What a work takes of the memory: everything that grows with its pictures is counted.

What does not is measured once (`_PROCESS_BYTES`). A level begins with nothing but that: what a
coarser one leaves is let go (see `Sessions.let_go`), but for the programs that are kept and the
arrangements of weights that it needs itself.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from .blending import style_sides
from .footprints import Footprints, Share
from .kept_grams import KEPT_BYTES
from .layers import channels_of
from .methods import Method
from .plan import Work
from .programs import Programs, Selection
from .pyramid import Level
from .stop import Stop
from .targets import style_shape
from .tiles import Tiling

if TYPE_CHECKING:
    from ..export.program import Kind

__all__ = ["Accounts"]

# Python with NumPy, SciPy, ONNX Runtime, onnx and Pillow, and what they keep of finished work.
_PROCESS_BYTES = 150 << 20
# What coarser levels leave in the heaps, between what is still used: measured, after up to four.
_LEFT_BYTES = 28 << 20
_FLOAT, _HALF = 4, 2
# Positions that every VGG has room for.
_NARROW = 32


class _Part(NamedTuple):
    """A program's run, and bytes that are there besides while it runs."""

    kind: Kind
    selection: Selection
    size: tuple[int, int]
    beside: int


class Accounts:
    """Of works on one network.

    Args:
        programs: of the network.
        footprints: of its programs in the lowering that runs them.
    """

    def __init__(self, programs: Programs, footprints: Footprints) -> None:
        self._programs = programs
        self._footprints = footprints
        self._names = list(programs.strides)

    def until(self, stop: Stop) -> Accounts:
        """The same, whose counting ends with `Stopped` when that is requested."""
        return Accounts(self._programs, self._footprints.until(stop))

    @cached_property
    def fixed(self) -> int:
        """Bytes that are there all the time: process and network."""
        return _PROCESS_BYTES + sum(array.nbytes for array in self._programs.weights.values())

    def looks(self, work: Work, level: Level) -> int:
        """Bytes of what is known of the styles once they were looked at for that level."""
        layers = work.selection.style_layers
        numbers = sum(c * (c + 1) for c in map(self._channels, layers))
        number = (work.levels.index(level) + 1) * len(work.styles) * max(1, len(work.regions))
        return min(_FLOAT * numbers * number, KEPT_BYTES)

    def ends(self, work: Work) -> int:
        """The most bytes that reading the pictures takes, and writing the result."""
        final = 12 * work.levels[-1].height * work.levels[-1].width
        reading = _PROCESS_BYTES + work.decode_bytes
        held = work.held_bytes + work.kept_bytes
        return max(reading, self.fixed + held + 2 * final + work.encode_bytes)

    def level(
        self,
        work: Work,
        level: Level,
        tiling: Tiling | None,
        method: Method,
        most: int | None = None,
    ) -> int:
        """Beside what is fixed: the largest of the level's phases.

        Args:
            most: where it is clear that it is more than this, any larger number will do.
        """
        selection = work.selection.tiled(tiling)
        shape = (level.height, level.width)
        canvas = 12 * level.height * level.width
        descent = method.bytes(3 * level.height * level.width, level.iterations)
        kept = self._features(selection, tiling, shape)
        grams = sum(_FLOAT * self._channels(name) ** 2 for name in selection.style_layers)
        kept += grams * max(1, selection.regions) + self._guides(selection, shape)
        kept += self.looks(work, level)
        masks = selection.regions * _FLOAT * _area(shape)
        # In the order in which most is learned at least cost: what is too much is seldom counted
        # to the end.
        sessions = runs = 0
        weights: dict[str, int] = {}
        evaluated: list[Share] = []
        for part in self._evaluation(selection, tiling, shape, canvas):
            taken = descent + kept + sessions + sum(weights.values())
            room = None if most is None else most - taken
            if room is not None and (room < 0 or self._too_large(part, room)):
                assert most is not None
                return most + 1
            share = self._footprints.of(*part[:3])
            evaluated.append(share)
            sessions += share.session
            runs = max(runs, share.run + part.beside)
            weights.update(share.weights)
        evaluating = kept + sessions + runs
        # The finest level lets the pictures go before it descends.
        pictures = work.held_bytes
        working = descent + evaluating + (0 if level is work.levels[-1] else pictures)
        if most is not None and working + sum(weights.values()) > most:
            return most + 1
        looking = left = 0
        for part in self._targets(work, level, selection, tiling):
            share = self._footprints.of(*part[:3])
            looking = max(looking, share.run + share.opening + part.beside)
            left += share.kept
            weights.update(share.weights)
        # Sessions of an evaluation open one after the other, before its arrays are there.
        opening = sessions + max(share.opening - share.session for share in evaluated)
        left = (
            self._footprints.kept + _LEFT_BYTES
            if level is not work.levels[0]
            else min(left, self._footprints.kept)
        )
        before = pictures + 2 * canvas + masks + kept + max(looking, opening)
        if level is not work.levels[0]:  # it begins with a look at the initial canvas
            before = max(before, pictures + 3 * canvas + evaluating)
        return work.kept_bytes + left + sum(weights.values()) + max(before, working)

    def weights(self, work: Work, level: Level, tiling: Tiling | None) -> frozenset[str]:
        """Names of the arrangements that the level's programs need."""
        selection = work.selection.tiled(tiling)
        parts = self._evaluation(selection, tiling, (level.height, level.width), 0)
        parts += self._targets(work, level, selection, tiling)
        return frozenset().union(*(self._footprints.of(*part[:3]).weights for part in parts))

    def _evaluation(
        self, selection: Selection, tiling: Tiling | None, shape: tuple[int, int], canvas: int
    ) -> list[_Part]:
        """The programs of an evaluation."""
        if tiling is None:
            return [_Part("objective", selection, shape, canvas)]
        front, behind = selection.divided(self._names)
        joined = self._joined(tiling, shape)
        features = self._bytes_of(tiling.joint, joined) if behind.layers else 0
        around = 2 * 12 * _area(tiling.whole(shape)) if tiling.around else 0
        size = tiling.size(shape)
        beside = features + around + self._given(front, tiling, size, bool(behind.layers))
        parts = [_Part("pullback", selection, size, beside)]
        if behind.layers or front.style_layers:
            parts.append(_Part("sums", selection, size, beside))
        if behind.layers:
            parts.append(_Part("objective", selection, joined, features))
        return parts

    def _targets(
        self, work: Work, level: Level, selection: Selection, tiling: Tiling | None
    ) -> list[_Part]:
        """The programs that look at targets."""
        shape = (level.height, level.width)
        canvas = 12 * _area(shape)
        sides = style_sides(work.options, shape, len(work.styles))
        styles = [
            style_shape(style, side, work.smallest_side)
            for style, side in zip(work.styles, sides, strict=True)
        ]
        is_masked = any(one.style_mask is not None for one in work.regions.regions)
        of_style = replace(selection, regions=int(is_masked))
        wanted: list[_Part] = []
        if tiling is None:
            if selection.content_layers:
                wanted.append(_Part("content", selection, shape, canvas))
            if selection.style_layers:
                wanted += [
                    _Part("style", of_style, size, 24 * _area(size) + self._shown(of_style, size))
                    for size in styles
                ]
            return wanted
        front, behind = selection.divided(self._names)
        if front.content_layers:
            size = tiling.size(shape)
            beside = 12 * _area(tiling.whole(shape)) + 12 * _area(size)
            alone = replace(front, style_layers=(), joint=None)
            wanted.append(_Part("content", alone, size, beside))
        if behind.content_layers:
            joined = self._joined(tiling, shape)
            features = self._bytes_of(tiling.joint, joined)
            part = tiling.size(shape)
            wanted.append(_Part("sums", selection, part, features + 12 * _area(part)))
            wanted.append(_Part("content", selection, joined, features))
        for style in styles if selection.style_layers else ():
            size = tiling.of_styles().size(style)
            joined = self._joined(tiling, style)
            features = self._bytes_of(tiling.joint, joined) if behind.layers else 0
            beside = 12 * _area(style) + features + self._shown(of_style, style)
            wanted.append(_Part("sums", of_style, size, beside + 12 * _area(size)))
            if behind.style_layers:
                wanted.append(_Part("style", of_style, joined, beside))
        return wanted

    def _joined(self, tiling: Tiling, shape: tuple[int, int]) -> tuple[int, int]:
        """(height, width) at the joint of a whole picture."""
        stride = self._programs.strides[tiling.joint]
        return shape[0] // stride, shape[1] // stride

    def _given(
        self, front: Selection, tiling: Tiling, size: tuple[int, int], has_rest: bool
    ) -> int:
        """What a tile is given: its pixels, masks, features to match and gradient at the joint."""
        masks = sum(_FLOAT * _area(size) // stride**2 for stride in (1, 2, 4, 8, 16))
        layers = [*front.content_layers, *([tiling.joint] if has_rest else [])]
        features = sum(self._bytes_of(name, self._layer(name, size)) for name in layers)
        return 12 * _area(size) + masks + features

    def _guides(self, selection: Selection, shape: tuple[int, int]) -> int:
        """Of all regions of a canvas."""
        strides = {self._programs.strides[layer] for layer in selection.style_layers}
        return selection.regions * sum(_FLOAT * _area(shape) // stride**2 for stride in strides)

    def _shown(self, selection: Selection, size: tuple[int, int]) -> int:
        """A mask on a style picture, and its guides."""
        return selection.regions * _FLOAT * _area(size) + self._guides(selection, size)

    def _too_large(self, part: _Part, most: int) -> bool:
        """Whether a quarter of the sides tells already that a large program does not fit: it takes
        at least a quarter as much for each position (measured: 0.27 to 0.76)."""
        small = (-(-part.size[0] // 4), -(-part.size[1] // 4))
        if max(part.size) < 512 or min(small) < _NARROW:
            return False
        return 4 * self._footprints.of(part.kind, part.selection, small).run > most

    def _features(self, selection: Selection, tiling: Tiling | None, shape: tuple[int, int]) -> int:
        """Bytes of the content targets."""
        front = selection.divided(self._names)[0]
        whole = shape if tiling is None else tiling.whole(shape)
        total = 0
        for name in selection.content_layers:
            taken = self._bytes_of(name, self._layer(name, whole))
            half = tiling is not None and tiling.half and name in front.content_layers
            total += taken * _HALF // _FLOAT if half else taken
        return total

    def _layer(self, name: str, shape: tuple[int, int]) -> tuple[int, int]:
        stride = self._programs.strides[name]
        return shape[0] // stride, shape[1] // stride

    def _bytes_of(self, name: str, size: tuple[int, int]) -> int:
        """Of a layer with so many positions."""
        return _FLOAT * self._channels(name) * _area(size)

    def _channels(self, layer: str) -> int:
        return channels_of(self._programs.weights, self._names, layer)


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]
