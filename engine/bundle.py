"""Exported bundles: a network with its programs, run without onnx and without the export code.

A bundle's programs are handed to ONNX Runtime as they are, so a bundle runs only when its SHA-256
is known: given by the caller, or remembered from an export on this machine.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..models.store import cache_folder
from .errors import CorruptModel, IncompatibleModel, ModelNotFound, UntrustedModel
from .files import write_atomic
from .programs import Layer, Program, Selection

__all__ = ["BundlePrograms", "read_bundle", "remember_bundle"]

_VERSION = 1
_LARGEST = 2**30  # bytes; VGG19 with its programs has 80 MB


class BundlePrograms:
    """The `Programs` of a bundle: those of one selection."""

    def __init__(
        self, manifest: Mapping[str, Any], models: Mapping[str, bytes], weights: Any
    ) -> None:
        self.name = str(manifest["name"])
        self.fingerprint = str(manifest["fingerprint"])
        self.layers = {
            str(name): Layer(int(channels), int(stride))
            for name, (channels, stride) in manifest["layers"].items()
        }
        self.weights: Mapping[str, np.ndarray] = weights
        self._models = models
        self._selection = Selection(
            tuple(manifest["content_layers"]), tuple(manifest["style_layers"]), manifest["pool"]
        )

    def targets(self, selection: Selection) -> Program:
        """See `Programs`."""
        return self._program("targets", selection)

    def objective(self, selection: Selection) -> Program:
        """See `Programs`."""
        return self._program("objective", selection)

    def _program(self, kind: str, selection: Selection) -> Program:
        if selection != self._selection:
            raise IncompatibleModel(
                f"the bundle was exported for {_described(self._selection)}, "
                f"not for {_described(selection)}: export another one"
            )
        return Program(self._models[kind], tuple(self.weights))


def read_bundle(path: Path, trust: str | bool) -> BundlePrograms:
    """Read a bundle if it is trusted.

    Args:
        trust: its SHA-256, or True to run it whatever it is; else it must have been exported here.

    Raises:
        ModelNotFound, UntrustedModel, CorruptModel, IncompatibleModel: each names the file.
    """
    data = _read(path)
    digest = hashlib.sha256(data).hexdigest()
    trusted = trust is True or digest == trust or (trust is False and digest in _remembered())
    if not trusted:
        raise UntrustedModel(
            f"the bundle {str(path)!r} has the unknown SHA-256 {digest}: "
            "if you know where it comes from, say so with --trust"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            if manifest["bundle"] != _VERSION:
                raise IncompatibleModel(
                    f"the bundle {str(path)!r} has version {manifest['bundle']}, not {_VERSION}"
                )
            models = {kind: archive.read(f"{kind}.onnx") for kind in ("targets", "objective")}
            weights = {
                name: np.lib.format.read_array(
                    io.BytesIO(archive.read(f"weights/{name}.npy")), allow_pickle=False
                )
                for name in manifest["weights"]
            }
            return BundlePrograms(manifest, models, weights)
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError) as error:
        raise CorruptModel(f"the bundle {str(path)!r} is damaged: {error}") from error


def remember_bundle(data: bytes) -> str:
    """Record a bundle made on this machine as trusted; return its SHA-256."""
    digest = hashlib.sha256(data).hexdigest()
    known = _remembered()
    if digest not in known:
        file = _list_file()
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, "".join(f"{entry}\n" for entry in [*known, digest]).encode())
    return digest


def _remembered() -> list[str]:
    try:
        return _list_file().read_text("ascii").split()
    except FileNotFoundError:
        return []


def _list_file() -> Path:
    return cache_folder() / "trusted-bundles.txt"


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise ModelNotFound(f"there is no bundle at {str(path)!r}")
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except OSError as error:
        raise ModelNotFound(f"the bundle {str(path)!r} cannot be read: {error.strerror}") from error
    if len(data) > _LARGEST:
        raise CorruptModel(f"the bundle {str(path)!r} has more than {_LARGEST} bytes")
    return data


def _described(selection: Selection) -> str:
    content, style = (
        "+".join(layers) or "none" for layers in (selection.content_layers, selection.style_layers)
    )
    return f"content {content}, style {style}, {selection.pool} pooling"
