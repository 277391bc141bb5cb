"""What a program is built for: layers, pooling, border, and where the network is cut in two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from .features import Border, Pooling

__all__ = ["Selection", "StyleLoss", "Variation", "statistics_of", "targets_of"]

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
    def border(self) -> Border:
        """See `features.append_features`."""

    @property
    def style_loss(self) -> StyleLoss:
        """What is compared of the style layers: see `style_losses`."""

    @property
    def variation(self) -> Variation:
        """See `losses.total_variation`."""

    @property
    def joint(self) -> str | None:
        """The last layer that is computed tile by tile; the rest is computed from that layer,
        joined from all tiles. Everything is tiled where no layer of these lies behind it, and
        nothing where it is None."""


def statistics_of(loss: StyleLoss, layer: str) -> tuple[str, ...]:
    """Names of what is compared of a layer."""
    return (layer,) if loss == "gram" else (layer, f"{layer}.mean")


def targets_of(loss: StyleLoss, layer: str) -> tuple[str, ...]:
    """Names of what the term of a layer is given of the style picture: statistics as
    "style.<name>", and roots (see `style_losses.roots_of`) as "root.<layer>"."""
    if loss == "wasserstein":
        return (f"style.{layer}.mean", f"root.{layer}")
    return tuple(f"style.{name}" for name in statistics_of(loss, layer))
