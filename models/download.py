"""Pull a published network: download, check, convert, keep."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..engine.errors import ModelNotFound, OutputError, UntrustedModel
from ..engine.files import write_atomic
from ..export.digests import sha256_of
from ..export.importing import import_network
from ..export.network_file import encode_network
from . import catalogue
from .fetch import Progress, discard, fetch
from .folders import download_folder, network_path
from .lock import exclusive
from .records import Record, read_record, write_record

__all__ = ["pull"]


def pull(name: str, progress: Progress | None = None, base_url: str | None = None) -> Path:
    """Bring a network of the catalogue onto this machine; gives the path of its file.

    One that is here already, and sound, is left as it is. A download that was stopped goes on where
    it ended. Two pulls of one network at the same time wait for each other, and download it once.

    Args:
        name: of a downloadable network, see `available`.
        progress: called with bytes so far and bytes in all (None where that is unknown); an
            exception that it raises stops the download.
        base_url: the folder of a mirror with the same files; https, or http on this machine itself.

    Raises:
        ModelNotFound: nothing of that name can be pulled.
        UntrustedModel: what arrived is not the published file; it is removed.
        ModelError: the download failed; a part of it is kept for the next attempt.
        OutputError: the folder of networks cannot be written, on a full disk for example.
    """
    entry = _find(name)
    path = network_path(entry.name)
    part = download_folder() / f"{entry.file}.part"
    _make(path.parent)
    _make(part.parent)
    with exclusive(part.with_suffix(".lock")):
        if not _is_sound(entry.name):
            url = (base_url or entry.folder).rstrip("/") + f"/{entry.file}"
            fetch(url, part, progress)
            _check_hash(part, entry)
            _convert(part, entry, url)
        discard(part)
    return path


def _find(name: str) -> catalogue.Downloadable:
    for entry in catalogue.DOWNLOADABLE:
        if entry.name == name:
            return entry
    names = ", ".join(entry.name for entry in catalogue.DOWNLOADABLE)
    if name in [entry.name for entry in catalogue.EMBEDDED]:
        raise ModelNotFound(
            f"{name} is part of Impasto and need not be pulled; one can pull {names}"
        )
    raise ModelNotFound(f"there is no network {name!r} to pull; one can pull {names}")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot create the folder {folder}: {error.strerror or error}"
        ) from error


def _is_sound(name: str) -> bool:
    record, path = read_record(name), network_path(name)
    return record is not None and path.is_file() and sha256_of(path) == record.sha256


def _check_hash(part: Path, entry: catalogue.Downloadable) -> None:
    found = sha256_of(part)
    if not found.startswith(entry.sha256):
        discard(part)
        raise UntrustedModel(
            f"what was downloaded is not {entry.file}: its SHA-256 begins with "
            f"{found[: len(entry.sha256)]}, not {entry.sha256}; it was removed"
        )


def _convert(part: Path, entry: catalogue.Downloadable, url: str) -> None:
    network = import_network(
        part,
        entry.architecture,
        origin=entry.origin,
        licence=entry.licence,
        preprocessing=entry.preprocessing,
    )
    data = encode_network(network)
    digest = hashlib.sha256(data).hexdigest()
    # The record goes first: without its network it says nothing, a network without it is refused.
    write_record(entry.name, Record(digest, len(data), network.source_sha256, url))
    write_atomic(network_path(entry.name), data)
