"""The pictures of one work, as they are looked at from level to level.

They are held as they were decoded, in a quarter of the memory of floats, and shrunk when a level
begins; before the finest level, which needs the most memory, descends, they can all be let go.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import numpy as np

from .blending import check_blend
from .color import grey
from .errors import ImageNotFound, OptionsError
from .finishing import Kept, finished, in_bytes, kept, needs_content, prepared
from .images import Picture, PictureSource, read_header, read_picture, resize
from .initial import blended, cover, noise
from .limits import Limits
from .options import STARTS, Options
from .picture_memory import Header
from .pyramid import Level
from .regions import NO_REGIONS, Regions, Sight

__all__ = [
    "Scene",
    "Sources",
    "check_given",
    "fitted",
    "gather",
    "initial_header",
    "listed",
]


class _Originals:
    """The pictures at their full sizes, and the content as it was shrunk last."""

    def __init__(
        self,
        content: Picture | None,
        styles: Sequence[Picture],
        first: Picture | None,
        options: Options,
        regions: Regions,
    ) -> None:
        self._pictures: _Pictures | None = _Pictures(content, tuple(styles), first)
        self._regions = regions
        self._options = options
        self._shrunk: np.ndarray | None = None

    @property
    def pictures(self) -> _Pictures:
        assert self._pictures is not None, "the pictures of this work were released"
        return self._pictures

    def content_at(self, level: Level) -> np.ndarray | None:
        """(H, W, 3); shrunk once for the targets and the initial canvas of a level."""
        size, content = (level.height, level.width), self.pictures.content
        if content is None:
            return None
        if self._shrunk is None or self._shrunk.shape[:2] != size:
            self._shrunk = None  # before the next is made
            self._shrunk = fitted(content, level.shape, self._options)
        return self._shrunk

    def sights_at(self, level: Level) -> tuple[Sight, ...]:
        """The regions of the canvas."""
        return self._regions.at(lambda mask: fitted(mask, level.shape, self._options))

    @property
    def regions(self) -> int:
        return len(self._regions)

    def start_at(self, level: Level) -> np.ndarray:
        """(H, W, 3), the caller's own."""
        options, first = self._options, self.pictures.first
        if options.init == "noise":
            return noise(level.height, level.width, options.seed, options.init_noise)
        picture = (
            self.content_at(level) if first is None else cover(first, level.height, level.width)
        )
        assert picture is not None, "only noise and other pictures serve without a content picture"
        return blended(picture, options.init_blend, options.seed, options.init_noise)

    def release(self, is_last: bool) -> None:
        self._shrunk = None
        if is_last:
            self._pictures = None


class _Pictures(NamedTuple):
    content: Picture | None
    styles: tuple[Picture, ...]
    first: Picture | None


@dataclass(frozen=True, eq=False)
class Scene:
    """One level, and what is looked at there; its pictures are made when they are asked for.

    Args:
        level: the canvas's size, and the steps to take.
        is_last: whether it is the finest.
    """

    level: Level
    is_last: bool
    _originals: _Originals = field(repr=False)

    @property
    def content(self) -> np.ndarray | None:
        """The content picture, (H, W, 3), at the canvas's size, if there is one; not to be
        changed."""
        return self._originals.content_at(self.level)

    @property
    def sights(self) -> tuple[Sight, ...]:
        """The regions of the canvas that have a style of their own."""
        return self._originals.sights_at(self.level)

    @property
    def regions(self) -> int:
        """How many these are."""
        return self._originals.regions

    @property
    def styles(self) -> tuple[Picture, ...]:
        """The style pictures, for `style_targets` to bring to the size they are looked at."""
        return self._originals.pictures.styles

    def start(self) -> np.ndarray:
        """The initial canvas, (H, W, 3), made anew."""
        return self._originals.start_at(self.level)

    def release(self) -> None:
        """Let go what was made for this level, once its targets and first canvas are there.

        With the last level the originals go too, and no scene can show anything after that.
        """
        self._originals.release(self.is_last)


@dataclass(frozen=True, eq=False)
class Sources:
    """The scenes from coarse to fine, and how opaque the content picture is, if it is not."""

    scenes: tuple[Scene, ...]
    _opacity: np.ndarray | None = field(repr=False)
    _photograph: Kept | None = field(repr=False)
    _stays: np.ndarray | None = field(repr=False)
    _options: Options = field(repr=False)

    @property
    def alpha(self) -> np.ndarray | None:
        """(H, W) float32, the result's, made anew, or None; can be had after a release too."""
        level, opacity = self.scenes[-1].level, self._opacity
        return None if opacity is None else fitted(opacity, level.shape, self._options)

    def finished(self, canvas: np.ndarray) -> np.ndarray:
        """The result that a canvas of the final size, (H, W, 3), becomes: see `finishing`."""
        return finished(canvas, self._photograph, self._options, self._stays)


def gather(
    content: Picture | None,
    styles: Sequence[Picture],
    levels: Sequence[Level],
    options: Options,
    limits: Limits,
    regions: Regions = NO_REGIONS,
) -> Sources:
    """Everything that a work looks at.

    Args:
        content: None where nothing is compared with one.
        limits: of an initial picture that is given by path.
        regions: of the content picture.

    Raises:
        ImageError: the initial picture cannot be used.
    """
    opacity = photograph = stays = None
    if content is not None:
        opacity = content.opacity
        if needs_content(options):
            photograph = kept(fitted(content, levels[-1].shape, options))
        content, styles = prepared(content, styles, options)
    first = _initial_picture(styles, options, limits)
    if first is not None and options.color == "luminance":
        first = grey(first)
    if regions.kept is not None:
        stays = in_bytes(fitted(regions.kept, levels[-1].shape, options))
    originals = _Originals(content, styles, first, options, regions)
    scenes = tuple(Scene(level, level is levels[-1], originals) for level in levels)
    return Sources(scenes, opacity, photograph, stays, options)


def listed(styles: PictureSource | Sequence[PictureSource]) -> Sequence[PictureSource]:
    """One style picture, or several, or none, as several."""
    several = isinstance(styles, list | tuple)
    return cast("Sequence[PictureSource]", styles if several else [styles])


def check_given(
    content: PictureSource | None, styles: Sequence[PictureSource], options: Options
) -> None:
    """Refuse what lacks a picture that the options ask for.

    Raises:
        OptionsError: it does.
    """
    if content is None and options.content_layers:
        raise OptionsError("content_layers need a content picture")
    if content is None and options.init == "content":
        raise OptionsError("init cannot be content: there is no content picture")
    if content is None and isinstance(options.size, float):
        raise OptionsError("size cannot be a fraction: there is no content picture")
    if content is None and options.color != "style":
        raise OptionsError(f"color cannot be {options.color}: there is no content picture")
    if content is None and options.strength != 1:
        raise OptionsError("strength must be 1: there is no content picture")
    if styles:
        check_blend(options, len(styles))
    if not styles and options.color == "match":
        raise OptionsError("color cannot be match: there is no style picture")
    if not styles and (options.style_layers or options.init == "style"):
        raise OptionsError("at least one style picture is needed")


def initial_header(options: Options, limits: Limits) -> Header | None:
    """The header of the initial picture, where it is one of its own; see `images.read_header`."""
    if options.init in STARTS:
        return None
    with _told_of_init():
        return read_header(options.init, limits, "initial picture")


def fitted(picture: Picture | np.ndarray, shape: tuple[int, int], options: Options) -> np.ndarray:
    """The content picture, or a plane of its size, as the canvas shows it.

    Args:
        shape: (height, width) of the canvas, of which one side follows from the picture, or none.
    """
    if isinstance(options.size, tuple) or options.border == "wrap":
        return cover(picture, *shape)
    return resize(picture, *shape)


def _initial_picture(styles: Sequence[Picture], options: Options, limits: Limits) -> Picture | None:
    """The picture that covers the initial canvas; None where it is the content, or noise."""
    if options.init in ("content", "noise"):
        return None
    if options.init == "style":
        return styles[0]
    with _told_of_init():
        return read_picture(options.init, limits, "initial picture")


@contextlib.contextmanager
def _told_of_init() -> Iterator[None]:
    """A path that leads nowhere may be a word that was misspelled."""
    try:
        yield
    except ImageNotFound as error:
        raise ImageNotFound(
            f"{error}; init is content, style, noise or the path of a picture"
        ) from error
