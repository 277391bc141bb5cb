"""The networks at hand: one that is embedded, those that were pulled, and any file."""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ..engine.errors import ModelError, ModelNotFound, UntrustedModel
from ..export.network_file import outline_network, read_network
from ..export.networks import Network
from . import catalogue
from .catalogue import DEFAULT
from .folders import cache_folder, network_folder, network_path
from .records import read_record

__all__ = ["DEFAULT", "ModelInfo", "available", "cache_folder", "describe", "load"]

_State: TypeAlias = Literal["embedded", "pulled", "absent", "damaged", "file"]


@dataclass(frozen=True)
class ModelInfo:
    """One network and where it stands.

    `state` is "embedded", "pulled", "absent" (it can be pulled), "damaged" (pull it again), or
    "file" for a network file without a name in the catalogue: its `name` is its path. `bytes` is
    the size of the file at `path`, or of the download where the network is absent and `path` is
    None.
    """

    name: str
    state: _State
    path: Path | None
    bytes: int
    family: str
    layers: tuple[str, ...]
    origin: str
    licence: str


def available() -> list[ModelInfo]:
    """Every network that has a name, and the network files beside those that were pulled.

    Nothing is created, hashed or read but the words of those files.
    """
    return [*_named(), *_beside()]


def describe(name_or_path: str | os.PathLike[str] = DEFAULT) -> ModelInfo:
    """What is known of a network by its name, or of a network file, without reading its weights.

    Raises:
        ModelNotFound: no such name or file.
        CorruptModel, IncompatibleModel: the file is no sound network file.
    """
    for known in _named():
        if name_or_path == known.name:
            return known
    return _file(_as_path(name_or_path))


def load(name_or_path: str | os.PathLike[str] | bytes = DEFAULT) -> Network:
    """Load a network by its name, or from a network file or its bytes.

    A network with a name has a known hash, and is refused with any other. A file is only a
    container of weights (see `read_network`), which needs no trust. A name goes before a file of
    the same name.

    Raises:
        ModelNotFound: no such name or file, or the network was not pulled yet; the message says
            what to do.
        UntrustedModel: the file of a network with a name has another hash than the known one.
        CorruptModel, IncompatibleModel: see `read_network`.
    """
    if isinstance(name_or_path, bytes):
        return read_network(name_or_path)
    for embedded in catalogue.EMBEDDED:
        if name_or_path == embedded.name:
            return _read_known(_path_of(embedded), embedded.sha256, "install Impasto again")
    for pulled in catalogue.DOWNLOADABLE:
        if name_or_path == pulled.name:
            return _load_pulled(pulled)
    return read_network(_as_path(name_or_path))


def _load_pulled(entry: catalogue.Downloadable) -> Network:
    path, record = network_path(entry.name), read_record(entry.name)
    again = f"`impasto models pull {entry.name}`"
    if not path.exists():
        size = round(entry.bytes / 1e6)
        raise ModelNotFound(
            f"the network {entry.name} is not on this machine yet: {again} downloads it ({size} MB)"
        )
    if record is None:
        raise UntrustedModel(f"{path} has no record of its hash: {again} makes it anew")
    return _read_known(path, record.sha256, f"{again} makes it anew")


def _read_known(path: Path, sha256: str, remedy: str) -> Network:
    """Hash and read the same bytes, so that no other file can take their place in between."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelNotFound(f"cannot read {path}: {error.strerror or error}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise UntrustedModel(f"{path} has been changed, its hash is not the known one: {remedy}")
    return read_network(data)


def _path_of(entry: catalogue.Embedded) -> Path:
    return Path(__file__).with_name(entry.file)


def _named() -> list[ModelInfo]:
    return [_embedded(entry) for entry in catalogue.EMBEDDED] + [
        _downloadable(entry) for entry in catalogue.DOWNLOADABLE
    ]


def _beside() -> list[ModelInfo]:
    pulled = {network_path(entry.name) for entry in catalogue.DOWNLOADABLE}
    found = []
    for path in sorted(network_folder().glob("*.onnx")):
        if path not in pulled:
            with contextlib.suppress(ModelError):  # some other file, which is not ours to judge
                found.append(_file(path))
    return found


def _file(path: Path) -> ModelInfo:
    network = outline_network(path)
    try:
        size = path.stat().st_size
    except OSError as error:
        raise ModelNotFound(f"cannot look at {path}: {error.strerror or error}") from error
    return _info(str(path), network, "file", path, size)


def _embedded(entry: catalogue.Embedded) -> ModelInfo:
    return _info(entry.name, entry, "embedded", _path_of(entry), entry.bytes)


def _downloadable(entry: catalogue.Downloadable) -> ModelInfo:
    path, record = network_path(entry.name), read_record(entry.name)
    try:
        size = path.stat().st_size
    except OSError:
        return _info(entry.name, entry, "absent", None, entry.bytes)
    sound = record is not None and record.bytes == size
    return _info(entry.name, entry, "pulled" if sound else "damaged", path, size)


def _info(
    name: str, source: catalogue.Entry | Network, state: _State, path: Path | None, size: int
) -> ModelInfo:
    return ModelInfo(
        name=name,
        state=state,
        path=path,
        bytes=size,
        family=source.architecture.name,
        layers=tuple(source.architecture.layers()),
        origin=source.origin,
        licence=source.licence,
    )


def _as_path(name_or_path: str | os.PathLike[str]) -> Path:
    if isinstance(name_or_path, str) and not _is_path(name_or_path):
        names = [entry.name for entry in (*catalogue.EMBEDDED, *catalogue.DOWNLOADABLE)]
        raise ModelNotFound(
            f"there is no network {name_or_path!r} and no file of that name; "
            f"known networks: {', '.join(names)}"
        )
    return Path(name_or_path)


def _is_path(text: str) -> bool:
    if not text:  # `Path` would take it for the folder one is in
        return False
    if os.sep in text or (os.altsep is not None and os.altsep in text):
        return True
    try:
        return Path(text).exists()
    except OSError:  # a name that is too long, for one
        return False
