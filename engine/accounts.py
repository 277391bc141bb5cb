"""What a work takes of the memory: everything that grows with its pictures is counted.

What does not is measured once (`_PROCESS_BYTES`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .footprints import Footprints, Share
from .methods import Method
from .plan import Work
from .programs import Programs, Selection
from .pyramid import Level
from .targets import style_shape
from .tiles import Tiling

if TYPE_CHECKING:
    from ..export.program import Kind

__all__ = ["Accounts", "joined_at"]

# Python with NumPy, SciPy, ONNX Runtime, onnx and Pillow, and what they keep of finished work.
_PROCESS_BYTES = 175 << 20
_FLOAT, _HALF = 4, 2
# Of coarser levels: their programs, and weights in arrangements that this one does not need.
_LEFT_BYTES = 40 << 20
# Positions that every VGG has room for.
_NARROW = 32


def joined_at(work: Work, tiling: Tiling | None) -> Selection:
    """The selection of a work, with the joint of a tiling."""
    return replace(work.selection, joint=None if tiling is None else tiling.joint)


class Accounts:
    """Of works on one network.

    Args:
        programs: of the network.
        footprints: of its programs in the lowering that runs them.
    """

    def __init__(self, programs: Programs, footprints: Footprints) -> None:
        self._programs = programs
        self._footprints = footprints

    def fixed(self, work: Work) -> int:
        """Bytes that do not depend on how it is computed: process, network, decoded pictures."""
        network = sum(array.nbytes for array in self._programs.weights.values())
        return _PROCESS_BYTES + network + work.held_bytes

    def ends(self, work: Work) -> int:
        """The most bytes that reading the pictures takes, and writing the result."""
        final = 12 * work.levels[-1].height * work.levels[-1].width
        reading = _PROCESS_BYTES + work.decode_bytes
        return max(reading, self.fixed(work) + 2 * final + work.encode_bytes)

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
        selection = joined_at(work, tiling)
        shape = (level.height, level.width)
        canvas = 12 * level.height * level.width
        descent = method.bytes(3 * level.height * level.width)
        content = self._features(work, tiling, shape)
        kept = content + sum(4 * self._channels(name) ** 2 for name in selection.style_layers)
        if most is not None and descent + kept > most:
            return most + 1
        if tiling is None:
            if most is not None and self._too_large(
                "objective", selection, shape, most - descent - kept
            ):
                return most + 1
            evaluation = self._footprints.of("objective", selection, shape)
            looking = [canvas + self._run("content", selection, shape)]
            for style in work.styles:
                size = self._style_shape(work, level, style)
                looking.append(24 * size[0] * size[1] + self._run("style", selection, size))
            shares = [evaluation]
            working = descent + kept + canvas + evaluation.run + evaluation.session
        else:
            stride = self._programs.strides[tiling.joint]
            joined = (shape[0] // stride, shape[1] // stride)
            if (
                most is not None
                and self._has_rest(selection)
                and self._too_large("objective", selection, joined, most - descent - kept)
            ):
                return most + 1
            looking, working, shares = self._tiled(work, level, tiling, descent, kept)
        weights: dict[str, int] = {}
        for share in shares:
            weights.update(share.weights)
        left = 0 if level is work.levels[0] else _LEFT_BYTES
        return left + sum(weights.values()) + max(2 * canvas + kept + max(looking), working)

    def _tiled(
        self, work: Work, level: Level, tiling: Tiling, descent: int, kept: int
    ) -> tuple[list[int], int, list[Share]]:
        """Of each phase of looking at targets; of an evaluation; and the programs of that."""
        selection = joined_at(work, tiling)
        front, behind = selection.divided(self._programs.strides)
        has_rest = bool(behind.content_layers or behind.style_layers)
        shape = (level.height, level.width)
        stride = self._programs.strides[tiling.joint]
        joined = (shape[0] // stride, shape[1] // stride)
        features = _FLOAT * self._channels(tiling.joint) * joined[0] * joined[1] * has_rest
        size = tiling.size(shape)
        back = self._footprints.of("pullback", selection, size)
        shares, phases = [back], [features + back.run]
        sessions = back.session
        if has_rest or front.style_layers:
            sums = self._footprints.of("sums", selection, size)
            shares.append(sums)
            phases.append(features + sums.run)
            sessions += sums.session
        if has_rest:
            rest = self._footprints.of("objective", selection, joined)
            shares.append(rest)
            phases.append(features + rest.run)
            sessions += rest.session
        looking = [self._run("content", replace(front, joint=None), size)]
        if behind.content_layers:
            looking.append(features + self._run("sums", selection, size))
            looking.append(features + self._run("content", selection, joined))
        for style in work.styles:
            of_style = self._style_shape(work, level, style)
            part = tiling.size(of_style)
            small = (of_style[0] // stride, of_style[1] // stride)
            there = _FLOAT * self._channels(tiling.joint) * small[0] * small[1] * has_rest
            taken = [self._run("sums", selection, part)]
            if behind.style_layers:
                taken.append(self._run("style", selection, small))
            looking.append(24 * of_style[0] * of_style[1] + there + max(taken))
        return looking, descent + kept + sessions + max(phases), shares

    def _run(self, kind: Kind, selection: Selection, size: tuple[int, int]) -> int:
        """Of a program that runs once; nothing where it has nothing to do."""
        if kind == "content" and not selection.content_layers:
            return 0
        if kind == "style" and not selection.style_layers:
            return 0
        share = self._footprints.of(kind, selection, size)
        return share.run + share.session

    def _has_rest(self, selection: Selection) -> bool:
        behind = selection.divided(self._programs.strides)[1]
        return bool(behind.content_layers or behind.style_layers)

    def _too_large(
        self, kind: Kind, selection: Selection, shape: tuple[int, int], most: int
    ) -> bool:
        """Whether a quarter of the sides tells already that a large program does not fit: it takes
        at least a third as much for each position."""
        small = (-(-shape[0] // 4), -(-shape[1] // 4))
        if max(shape) < 512 or min(small) < _NARROW:
            return False
        return 16 * self._footprints.of(kind, selection, small).run > 3 * most

    def _features(self, work: Work, tiling: Tiling | None, shape: tuple[int, int]) -> int:
        """Bytes of the content targets."""
        front = joined_at(work, tiling).divided(self._programs.strides)[0]
        total = 0
        for name in work.selection.content_layers:
            stride = self._programs.strides[name]
            numbers = self._channels(name) * (shape[0] // stride) * (shape[1] // stride)
            half = tiling is not None and tiling.half and name in front.content_layers
            total += (_HALF if half else _FLOAT) * numbers
        return total

    def _channels(self, layer: str) -> int:
        names = list(self._programs.strides)
        for name in reversed(names[: names.index(layer) + 1]):
            weight = self._programs.weights.get(f"{name.replace('relu', 'conv')}.bias")
            if weight is not None:
                return int(weight.shape[0])
        return 3

    def _style_shape(self, work: Work, level: Level, style: tuple[int, int]) -> tuple[int, int]:
        side = max(1, round(work.options.style_scale * max(level.height, level.width)))
        return style_shape(style, side, work.smallest_side)
