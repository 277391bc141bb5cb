"""Where programs come from: built from a network on demand, or read from an exported bundle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .errors import OptionsError
from .options import Border, Options, Pooling

if TYPE_CHECKING:
    from ..export.networks import Network
    from ..export.program import Kind

__all__ = ["NetworkPrograms", "Program", "Programs", "Selection", "load_programs"]

# Three for each level of a picture: up to ten megabytes, and some tenths of a second to build.
_KEPT_PROGRAMS = 12


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
    """What a session runs.

    Args:
        model: a serialised ONNX model.
        weights: names of those that it declares.
        weights_are_inputs: and not external initialisers, of which each session makes a copy.
        tables: further inputs that are always the same.
        finished: nothing is left to optimise, and its nodes stand in the order in which they are to
            run; weights are arranged as their names say.
    """

    model: bytes
    weights: tuple[str, ...]
    weights_are_inputs: bool
    tables: Mapping[str, np.ndarray] = field(default_factory=dict)
    finished: bool = False


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

    def tiled(self, kind: Kind, selection: Selection, size: tuple[int, int]) -> Program:
        """The same for pictures of one (height, width), made for processors; only where programs
        are built for any selection."""


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
        self._tiled = lru_cache(_KEPT_PROGRAMS)(self._build_tiled)

    @property
    def fingerprint(self) -> str:
        """See `Programs`."""
        return self._network.fingerprint

    def program(self, kind: Kind, selection: Selection) -> Program:
        """See `Programs`."""
        from ..export.program import build_program, weights_are_inputs

        return Program(*build_program(kind, self._network, selection), weights_are_inputs(kind))

    def tiled(self, kind: Kind, selection: Selection, size: tuple[int, int]) -> Program:
        """See `Programs`."""
        return self._tiled(kind, selection, size)

    def _build_tiled(self, kind: Kind, selection: Selection, size: tuple[int, int]) -> Program:
        from ..export.program import build_tiled_program

        model, weights, tables = build_tiled_program(kind, self._network, selection, size)
        return Program(model, weights, True, tables, finished=True)


def load_programs(model: str | Path | None) -> NetworkPrograms:
    """The network of that name or path; None is the embedded one.

    Raises:
        ModelError: there is none, or it cannot be used.
    """
    from ..models.store import DEFAULT, load

    name = DEFAULT if model is None else str(model)
    return NetworkPrograms(Path(name).stem, load(model if model is not None else DEFAULT))
