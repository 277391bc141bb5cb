"""The words of a network file: all that is known of a network besides its weights."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ..engine.errors import CorruptModel, IncompatibleModel
from .networks import Architecture, Network

__all__ = ["describe", "is_network", "network_without_weights"]

_VERSION = 1
_MARK = "impasto.network"
_LONGEST_TEXT = 1000
_RANGE = 1e6  # any sensible mean or std, and 1 / std too, is well within


def describe(network: Network) -> dict[str, str]:
    """The metadata of the file of this network.

    Raises:
        IncompatibleModel: a text of it is no printable line of at most 1000 characters.
    """
    architecture = network.architecture
    metadata = {
        _MARK: str(_VERSION),
        "family": architecture.name,
        "blocks": json.dumps(architecture.blocks),
        "widths": json.dumps(architecture.widths),
        "pooled": json.dumps(architecture.pooled),
        "mean": json.dumps([float(part) for part in network.mean]),
        "std": json.dumps([float(part) for part in network.std]),
        "origin": network.origin,
        "licence": network.licence,
        "source_sha256": network.source_sha256,
    }
    for key, value in metadata.items():
        if not _is_line(value):
            raise IncompatibleModel(
                f"the {key} of a network must be one printable line "
                f"of at most {_LONGEST_TEXT} characters"
            )
    return metadata


def is_network(metadata: Mapping[str, str]) -> bool:
    """Whether a model with these metadata is a network file of Impasto, of any version."""
    return _MARK in metadata


def network_without_weights(metadata: Mapping[str, str], name: str) -> Network:
    """The network as its file describes it; `name` is that of the file, for messages.

    Raises:
        IncompatibleModel: it is no network file, or one of a newer format.
        CorruptModel: something is missing, or cannot be.
    """
    if not is_network(metadata):
        raise IncompatibleModel(
            f"{name} is an ONNX model but no network file: `impasto export` makes one of it"
        )
    if metadata[_MARK] != str(_VERSION):
        raise IncompatibleModel(
            f"{name} is a network file of version {_quoted(metadata[_MARK])}, "
            f"but this Impasto reads version {_VERSION}"
        )
    fields = _Fields(metadata, name)
    return Network(
        architecture=fields.architecture(),
        weights={},
        mean=fields.three_numbers("mean", above=-_RANGE),
        std=fields.three_numbers("std", above=1 / _RANGE),
        origin=fields.text("origin"),
        licence=fields.text("licence"),
        source_sha256=fields.sha256("source_sha256"),
    )


class _Fields:
    """The metadata of a file as strangers may have written them."""

    def __init__(self, metadata: Mapping[str, str], name: str) -> None:
        self._metadata = metadata
        self._name = name

    def text(self, key: str) -> str:
        value = self._metadata.get(key)
        if value is None:
            raise CorruptModel(f"{self._name} is damaged: it does not say its {key}")
        if not _is_line(value):  # it is shown on terminals, which obey control characters
            raise CorruptModel(f"{self._name} is damaged: its {key} is no printable line")
        return value

    def sha256(self, key: str) -> str:
        value = self.text(key)
        if not re.fullmatch("([0-9a-f]{64})?", value):
            raise self._wrong(key)
        return value

    def three_numbers(self, key: str, above: float) -> tuple[float, float, float]:
        value = self._json(key)
        if not (
            isinstance(value, list)
            and len(value) == 3
            and all(type(part) in (int, float) and above < part < _RANGE for part in value)
        ):
            raise self._wrong(key)
        red, green, blue = map(float, value)
        return red, green, blue

    def architecture(self) -> Architecture:
        pooled = self._json("pooled")
        if not isinstance(pooled, bool):
            raise self._wrong("pooled")
        blocks, widths = self._sizes("blocks"), self._sizes("widths")
        try:
            return Architecture(self.text("family"), blocks, widths, pooled)
        except ValueError as error:
            raise CorruptModel(f"{self._name} is damaged: {error}") from error

    def _sizes(self, key: str) -> tuple[int, ...]:
        value = self._json(key)
        if not (isinstance(value, list) and all(type(size) is int for size in value)):
            raise self._wrong(key)
        return tuple(value)

    def _json(self, key: str) -> Any:
        try:
            return json.loads(self.text(key))
        except (ValueError, RecursionError) as error:
            raise self._wrong(key) from error

    def _wrong(self, key: str) -> CorruptModel:
        value = _quoted(self._metadata[key])
        return CorruptModel(f"{self._name} is damaged: its {key} cannot be {value}")


def _is_line(text: str) -> bool:
    return len(text) <= _LONGEST_TEXT and (text.isprintable() or not text)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
