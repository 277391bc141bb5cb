"""Style targets that came with a style picture: what they are of, and whether they serve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .kept_grams import Grams

__all__ = ["Fitting", "KnownLook", "KnownTargets"]


@dataclass(frozen=True)
class Fitting:
    """What targets must fit to serve on a network.

    Args:
        fingerprint: of the network.
        channels: of its layers.
    """

    fingerprint: str
    channels: Mapping[str, int]

    def takes(self, name: str, shape: tuple[int, ...]) -> bool:
        """Whether a statistic of this name has the shape that the network gives it."""
        layer = name.removesuffix(".mean")
        channels = self.channels.get(layer, 0)
        return shape == ((channels,) if layer != name else (channels, channels))


@dataclass(frozen=True, eq=False)
class KnownLook:
    """A style picture was looked at once.

    Args:
        size: (height, width) that it was looked at.
        pool: see `Options`.
        border: see `Options`; "wrap" for pictures beside canvases that wrap.
        grams: what was seen, statistics by name.
    """

    size: tuple[int, int]
    pool: str
    border: str
    grams: Grams = field(repr=False)


@dataclass(frozen=True, eq=False)
class KnownTargets:
    """All that is known of a style picture.

    Args:
        model, fingerprint: of the network that looked at it.
        scale: multiple of the result's longer side at which it was looked at.
        looks: at different sizes.
    """

    model: str
    fingerprint: str
    scale: float
    looks: tuple[KnownLook, ...]

    @property
    def nbytes(self) -> int:
        """Of all statistics."""
        return sum(gram.nbytes for look in self.looks for gram in look.grams.values())

    def find(
        self,
        fitting: Fitting,
        size: tuple[int, int],
        pool: str,
        border: str,
        names: Sequence[str],
    ) -> Grams | None:
        """The statistics of these names at this size; None where they are not known."""
        if fitting.fingerprint != self.fingerprint:
            return None
        for look in self.looks:
            if (look.size, look.pool, look.border) != (size, pool, border):
                continue
            if all(n in look.grams and fitting.takes(n, look.grams[n].shape) for n in names):
                return {name: look.grams[name] for name in names}
        return None
