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
from typing import TYPE_CHECKING, Any

import numpy as np

from ..models.folders import cache_folder
from ..models.lock import exclusive
from .errors import (
    CorruptModel,
    IncompatibleModel,
    ModelError,
    ModelNotFound,
    OutputError,
    UntrustedModel,
)
from .files import open_regular, write_atomic
from .programs import Program, Selection
from .stop import Stop

if TYPE_CHECKING:
    from ..export.liveness import Footprint
    from ..export.program import Kind

__all__ = ["BundlePrograms", "read_bundle", "remember_bundle"]

_VERSION = 3
_MAGIC = b"PK\3\4"  # of a zip archive
_LARGEST = 2**30  # bytes; VGG19 with its programs has 80 MB


class BundlePrograms:
    """The `Programs` of a bundle: those of one selection."""

    def __init__(
        self,
        manifest: Mapping[str, Any],
        programs: Mapping[str, Program],
        weights: Mapping[str, np.ndarray],
    ) -> None:
        self.name = str(manifest["name"])
        self.fingerprint = str(manifest["fingerprint"])
        self.strides = {str(name): _stride(size) for name, size in manifest["strides"].items()}
        self.weights = weights
        self._programs = programs
        self.selection = Selection(
            tuple(str(name) for name in manifest["content_layers"]),
            tuple(str(name) for name in manifest["style_layers"]),
            manifest["pool"],
            manifest["border"],
        )

    def program(self, kind: Kind, selection: Selection) -> Program:
        """See `Programs`."""
        if selection != self.selection:
            raise IncompatibleModel(
                f"the bundle was exported for {_described(self.selection)}, "
                f"not for {_described(selection)}: export another one"
            )
        return self._programs[kind]

    def tiled(
        self, kind: Kind, selection: Selection, size: tuple[int, int], stop: Stop | None = None
    ) -> Program:
        """See `Programs`: a bundle holds programs for any size."""
        raise IncompatibleModel("a bundle has no programs in the winograd lowering")

    def footprint(
        self, kind: Kind, selection: Selection, size: tuple[int, int], stop: Stop | None = None
    ) -> Footprint:
        """See `Programs`, and `tiled`."""
        raise IncompatibleModel("a bundle has no programs in the winograd lowering")

    def packed(self) -> bytes:
        """See `Programs`."""
        raise IncompatibleModel("a bundle is no network, and stays in the process that opened it")


def read_bundle(path: Path, trust: str | bool) -> BundlePrograms:
    """Read a bundle if it is trusted.

    Args:
        trust: its SHA-256, or True to run it whatever it is; else it must have been exported here.

    Raises:
        ModelNotFound, UntrustedModel, CorruptModel, IncompatibleModel: each names the file.
    """
    data = _read(path)
    if not _MAGIC.startswith(data[:4]):  # one that was cut off is damaged instead
        raise CorruptModel(f"{str(path)!r} is no bundle: `impasto export --bundle` makes one")
    digest = hashlib.sha256(data).hexdigest()
    trusted = trust is True or (
        digest in _remembered() if trust is False else digest == str(trust).lower()
    )
    if not trusted:
        raise UntrustedModel(
            f"the bundle {str(path)!r} has the unknown SHA-256 {digest}: "
            "if you know where it comes from, say so with --trust"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_stored(archive)
            manifest = json.loads(archive.read("manifest.json"))
            if manifest["bundle"] != _VERSION:
                raise IncompatibleModel(
                    f"the bundle {str(path)!r} has version {manifest['bundle']}, not {_VERSION}"
                )
            programs = {
                kind: Program(
                    archive.read(f"{kind}.onnx"),
                    tuple(manifest["programs"][kind]),
                    weights_are_inputs=kind in manifest["weights_are_inputs"],
                )
                for kind in _kinds(manifest)
            }
            names = dict.fromkeys(name for one in programs.values() for name in one.weights)
            weights = {name: _weight(archive.read(f"weights/{name}.npy")) for name in names}
            return BundlePrograms(manifest, programs, weights)
    except ModelError:
        raise
    except Exception as error:  # of the many kinds that damage makes zipfile, json and numpy raise
        reason = " ".join(str(error).split())[:200]
        raise CorruptModel(f"the bundle {str(path)!r} is damaged: {reason}") from error


def _check_stored(archive: zipfile.ZipFile) -> None:
    """Refuse compression, which no bundle of ours has: a small file could fill the memory."""
    if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
        raise ValueError("its members are compressed")


def _weight(data: bytes) -> np.ndarray:
    array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    if array.dtype != np.float32:
        raise ValueError(f"a weight is {array.dtype}, not float32")
    return array


def _kinds(manifest: Mapping[str, Any]) -> list[str]:
    """The programs that work with these layers needs."""
    return [kind for kind in ("content", "style") if manifest[f"{kind}_layers"]] + ["objective"]


def _stride(size: object) -> int:
    if not isinstance(size, int) or size < 1:
        raise ValueError("a layer has no such stride")
    return size


def remember_bundle(data: bytes) -> str:
    """Record a bundle made on this machine as trusted; return its SHA-256.

    Raises:
        OutputError: the list of trusted bundles cannot be written.
    """
    digest = hashlib.sha256(data).hexdigest()
    if digest in _remembered():
        return digest
    file = _list_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {str(file)!r}: {error.strerror or error}") from error
    with exclusive(file.with_suffix(".lock")):
        write_atomic(file, "".join(f"{entry}\n" for entry in [*_remembered(), digest]).encode())
    return digest


def _remembered() -> list[str]:
    try:
        return _list_file().read_text("ascii", "replace").split()
    except OSError:
        return []


def _list_file() -> Path:
    return cache_folder() / "trusted-bundles.txt"


def _read(path: Path) -> bytes:
    try:
        with open_regular(path) as stream:
            data = stream.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelNotFound(f"there is no bundle at {str(path)!r}: {reason}") from error
    if len(data) > _LARGEST:
        raise CorruptModel(f"the bundle {str(path)!r} has more than {_LARGEST} bytes")
    return data


def _described(selection: Selection) -> str:
    content, style = (
        "+".join(layers) or "none" for layers in (selection.content_layers, selection.style_layers)
    )
    return (
        f"content {content}, style {style} by {selection.style_loss}, {selection.pool} pooling, "
        f"border of {selection.border}, {selection.variation} total variation"
        + (f", regions: {selection.regions}" if selection.regions else "")
    )
