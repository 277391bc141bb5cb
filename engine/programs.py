"""Where programs come from: built from a network on demand, or read from an exported bundle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .errors import OptionsError
from .options import Border, Options, Pooling

if TYPE_CHECKING:
    from ..export.networks import Network
    from ..export.program import Kind

__all__ = ["NetworkPrograms", "Program", "Programs", "Selection", "load_programs"]


@dataclass(frozen=True)
class Selection:
    """What a program is built for; sizes, targets and coefficients are given when it runs."""

    content_layers: tuple[str, ...]
    style_layers: tuple[str, ...]
    pool: Pooling
    border: Border

    @classmethod
    def of(cls, options: Options, layers: Iterable[str]) -> Selection:
        """The selection that `options` ask for, of a network's layers and in their order.

        Raises:
            OptionsError: a layer that the network does not have; the message lists those it has.
        """
        layers = list(layers)
        for name in (*options.content_layers, *options.style_layers):
            if name not in layers:
                raise OptionsError(f"the network has no layer {name!r}; it has {', '.join(layers)}")
        return cls(
            tuple(name for name in layers if name in options.content_layers),
            tuple(name for name in layers if name in options.style_layers),
            options.pool,
            options.border,
        )


@dataclass(frozen=True)
class Program:
    """A serialised ONNX model, and the names of the weights that it declares as external."""

    model: bytes
    weights: tuple[str, ...]


class Programs(Protocol):
    """A network, and the programs that run on it."""

    @property
    def name(self) -> str:
        """What people call the network."""

    @property
    def fingerprint(self) -> str:
        """Hash of everything that changes what the network computes."""

    @property
    def strides(self) -> Mapping[str, int]:
        """Every layer that a selection may name, in order, and how many pixels of the picture one
        of its positions covers along a side."""

    @property
    def weights(self) -> Mapping[str, np.ndarray]:
        """The network's weights by name, float32."""

    @property
    def selection(self) -> Selection | None:
        """The only one that there are programs for; None where they are built for any."""

    def program(self, kind: Kind, selection: Selection) -> Program:
        """The program of that kind; `export.program` says what goes in and comes out.

        Raises:
            ModelError: it cannot be had for this selection.
        """


class NetworkPrograms:
    """Programs built when they are needed; this is what imports onnx."""

    selection = None

    def __init__(self, name: str, network: Network) -> None:
        self.name = name
        self.weights = network.weights
        self.strides = {
            layer.name: layer.stride for layer in network.architecture.layers().values()
        }
        self._network = network

    @property
    def fingerprint(self) -> str:
        """See `Programs`."""
        return self._network.fingerprint

    def program(self, kind: Kind, selection: Selection) -> Program:
        """See `Programs`."""
        from ..export.program import build_program

        return Program(*build_program(kind, self._network, selection))


def load_programs(model: str | Path | None) -> NetworkPrograms:
    """The network of that name or path; None is the embedded one.

    Raises:
        ModelError: there is none, or it cannot be used.
    """
    from ..models.store import DEFAULT, load

    name = DEFAULT if model is None else str(model)
    return NetworkPrograms(Path(name).stem, load(model if model is not None else DEFAULT))
