"""What a program is built for: layers, pooling, border, and where the network is cut in two.

These are names alone, for all that make programs and for all that run them: where a bundle is run
there may be no code that makes any.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

__all__ = [
    "NetworkBorder",
    "Pooling",
    "Selection",
    "StyleLoss",
    "Variation",
    "guide_name",
    "layer_of",
    "places_of",
    "region_of",
    "statistics_of",
    "targets_of",
]

# How the network pools, and what it sees around the picture: see `features.append_features`.
Pooling: TypeAlias = Literal["max", "average"]
NetworkBorder: TypeAlias = Literal["zeros", "replicate", "reflect"]
# What is compared of a style layer, and how neighbouring pixels are: see `style_losses`, `losses`.
StyleLoss: TypeAlias = Literal["gram", "moments", "wasserstein"]
Variation: TypeAlias = Literal["squared", "absolute"]


class Selection(Protocol):
    """Anything with these attributes; sizes, targets and coefficients are given at each run."""

    @property
    def content_layers(self) -> Sequence[str]:
        """Where features are compared, each a layer of the network; may be empty."""

    @property
    def style_layers(self) -> Sequence[str]:
        """Where statistics are compared, likewise; one of the two has a layer."""

    @property
    def pool(self) -> Pooling:
        """See `features.append_features`."""

    @property
    def border(self) -> NetworkBorder:
        """See `features.append_features`."""

    @property
    def style_loss(self) -> StyleLoss:
        """What is compared of the style layers: see `style_losses`."""

    @property
    def variation(self) -> Variation:
        """See `losses.total_variation`."""

    @property
    def regions(self) -> int:
        """Through how many guides style layers are looked at, each a weight for every position; 0
        is none, which looks at all positions alike."""

    @property
    def joint(self) -> str | None:
        """The last layer that is computed tile by tile; the rest is computed from that layer,
        joined from all tiles. Everything is tiled where no layer of these lies behind it, and
        nothing where it is None."""


def places_of(layer: str, regions: int) -> tuple[str, ...]:
    """Names of where the style is compared in a layer: the layer itself, or "<layer>@<region>" for
    each region."""
    return tuple(f"{layer}@{region}" for region in range(regions)) if regions else (layer,)


def layer_of(name: str) -> str:
    """The layer of a place, or of a statistic."""
    return name.partition(".")[0].partition("@")[0]


def region_of(name: str) -> int | None:
    """The region of a place, or of a statistic; None where it is the whole layer."""
    region = name.partition(".")[0].partition("@")[2]
    return int(region) if region else None


def guide_name(region: int, stride: int) -> str:
    """Of the input that tells a region in layers of this stride."""
    return f"guide.{region}.{stride}"


def statistics_of(loss: StyleLoss, place: str) -> tuple[str, ...]:
    """Names of what is compared of a layer, or of a place in it."""
    return (place,) if loss == "gram" else (place, f"{place}.mean")


def targets_of(loss: StyleLoss, place: str) -> tuple[str, ...]:
    """Names of what the term of a place is given of the style picture: statistics as
    "style.<name>", and roots (see `roots`) as "root.<place>"."""
    if loss == "wasserstein":
        return (f"style.{place}.mean", f"root.{place}")
    return tuple(f"style.{name}" for name in statistics_of(loss, place))
