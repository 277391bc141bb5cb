"""Where programs come from: built from a network on demand, or read from an exported bundle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .checks import path_of
from .errors import OptionsError
from .kept_programs import KeptPrograms, ProgramKey
from .options import Options
from .selection import NetworkBorder, Pooling, StyleLoss, Variation, places_of, statistics_of
from .stop import Stop
from .tiles import Tiling

if TYPE_CHECKING:
    from ..export.liveness import Footprint
    from ..export.networks import Network
    from ..export.program import Kind

__all__ = [
    "NetworkPrograms",
    "Program",
    "Programs",
    "Selection",
    "defaults_for",
    "load_programs",
    "open_programs",
]


# Some numbers each, and up to seconds to find out.
_KEPT_FOOTPRINTS = 1000


@dataclass(frozen=True)
class Selection:
    """What a program is built for; sizes, targets and coefficients are given when it runs. See
    `export.selection`."""

    content_layers: tuple[str, ...]
    style_layers: tuple[str, ...]
    pool: Pooling
    border: NetworkBorder
    joint: str | None = None
    style_loss: StyleLoss = "gram"
    variation: Variation = "squared"
    regions: int = 0

    @classmethod
    def of(cls, options: Options, layers: Iterable[str], regions: int = 0) -> Selection:
        """The selection that `options` ask for, of a network's layers and in their order.

        Args:
            regions: of the canvas that have a style of their own.

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
            # What wraps lies outside of the network: see `tiles.Tiling.outside`.
            "replicate" if options.border == "wrap" else options.border,
            style_loss=options.style_loss,
            variation=options.tv_loss,
            regions=regions,
        )

    @property
    def layers(self) -> tuple[str, ...]:
        """All that are used."""
        return (*self.content_layers, *self.style_layers)

    def places(self, layers: Iterable[str]) -> list[str]:
        """Names of where the style is compared in these layers."""
        return [place for layer in layers for place in places_of(layer, self.regions)]

    def statistics(self, layers: Iterable[str]) -> list[str]:
        """Names of what is compared of these style layers: see `export.style_losses`."""
        return [n for place in self.places(layers) for n in statistics_of(self.style_loss, place)]

    def tiled(self, tiling: Tiling | None) -> Selection:
        """With the joint of a tiling."""
        return replace(self, joint=None if tiling is None else tiling.joint)

    def divided(self, layers: Iterable[str]) -> tuple[Selection, Selection]:
        """What is in front of the joint and what lies behind it, of a network's layers in their
        order; with the joint, or everything behind where there is none."""
        names = list(layers)
        front = names[: names.index(self.joint) + 1] if self.joint is not None else []
        tiled, rest = (
            replace(
                self,
                content_layers=tuple(n for n in self.content_layers if (n in front) == in_front),
                style_layers=tuple(n for n in self.style_layers if (n in front) == in_front),
            )
            for in_front in (True, False)
        )
        return tiled, rest


def defaults_for(made_for: Selection | None, task: Options | None = None) -> Options:
    """The options where none are given; where programs are made for one selection, those that ask
    for it.

    Args:
        task: those of what is to be made; None is a whole artwork.
    """
    defaults = task or Options()
    if made_for is None:
        return defaults
    return replace(
        defaults,
        content_layers={n: defaults.content_layers.get(n, 1.0) for n in made_for.content_layers},
        style_layers={n: defaults.style_layers.get(n, 1.0) for n in made_for.style_layers},
        pool=made_for.pool,
        border=made_for.border,
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

    @property
    def nbytes(self) -> int:
        """Of model and tables."""
        return len(self.model) + sum(table.nbytes for table in self.tables.values())


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

    def tiled(
        self, kind: Kind, selection: Selection, size: tuple[int, int], stop: Stop | None = None
    ) -> Program:
        """The same for pictures of one (height, width), made for processors; only where programs
        are built for any selection.

        Raises:
            Stopped: `stop` was requested while it was built, which may take seconds.
        """

    def footprint(
        self, kind: Kind, selection: Selection, size: tuple[int, int], stop: Stop | None = None
    ) -> Footprint:
        """What `tiled` takes of the memory; raises what that does."""

    def packed(self) -> bytes:
        """The network as a network file, for another process to open.

        Raises:
            IncompatibleModel: it is in a bundle.
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
        self._kept = KeptPrograms()
        self._footprints: dict[ProgramKey, Footprint] = {}

    @property
    def fingerprint(self) -> str:
        """See `Programs`."""
        return self._network.fingerprint

    def program(self, kind: Kind, selection: Selection) -> Program:
        """See `Programs`."""
        from ..export.program import build_program, weights_are_inputs

        return Program(*build_program(kind, self._network, selection), weights_are_inputs(kind))

    def tiled(
        self, kind: Kind, selection: Selection, size: tuple[int, int], stop: Stop | None = None
    ) -> Program:
        """See `Programs`."""
        key = (kind, selection, size)
        program = self._kept.get(key)
        if program is None:
            program = self._build_tiled(*key, stop or Stop())
            self._kept.put(key, program)
        return program

    def footprint(
        self, kind: Kind, selection: Selection, size: tuple[int, int], stop: Stop | None = None
    ) -> Footprint:
        """See `Programs`."""
        key = (kind, selection, size)
        found = self._footprints.get(key)
        if found is None:
            from ..export.program import tiled_footprint

            if len(self._footprints) >= _KEPT_FOOTPRINTS:
                self._footprints.clear()
            found = tiled_footprint(kind, self._network, selection, size, (stop or Stop()).check)
            self._footprints[key] = found
        return found

    def packed(self) -> bytes:
        """See `Programs`."""
        from ..export.network_file import encode_network

        return encode_network(self._network)

    def _build_tiled(
        self, kind: Kind, selection: Selection, size: tuple[int, int], stop: Stop
    ) -> Program:
        from ..export.program import build_tiled_program

        built = build_tiled_program(kind, self._network, selection, size, stop.check)
        model, weights, tables = built
        return Program(model, weights, True, tables, finished=True)


def load_programs(model: str | Path | bytes | None) -> NetworkPrograms:
    """The network of that name or path, or in these bytes; None is the embedded one.

    Raises:
        OptionsError: it is neither path nor bytes.
        ModelError: there is none, or it cannot be used.
    """
    from ..models.store import DEFAULT, load

    if isinstance(model, bytes):
        return NetworkPrograms("network", load(model))
    path = Path(DEFAULT) if model is None else path_of("the model", model)
    return NetworkPrograms(path.stem, load(DEFAULT if model is None else model))


def open_programs(
    model: str | Path | bytes | None, bundle: str | Path | None, trust: str | bool
) -> Programs:
    """Those of a network, or of a bundle; see `Engine`.

    Raises:
        OptionsError: both are given, or one of them is no path.
        ModelError: it cannot be used.
    """
    if bundle is None:
        return load_programs(model)
    if model is not None:
        raise OptionsError("give a model or a bundle, not both: a bundle holds its own network")
    from .bundle import read_bundle

    return read_bundle(path_of("the bundle", bundle), trust)
