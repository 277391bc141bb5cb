"""Reader of Keras weights (`.h5`) through the optional h5py; plain data inside the file only.

Links to other files, virtual datasets, external storage and filters (which HDF5 may load as
plugins) are refused or not followed. HDF5 itself parses the file and is not ours to harden.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...engine.errors import IncompatibleModel, ModelError, RuntimeMissing
from .bytes_of_file import WeightsFile
from .numbers_of_file import checked_bytes
from .source import FileSource, TensorInfo

__all__ = ["H5_MAGIC", "H5File"]

H5_MAGIC = b"\x89HDF\r\n\x1a\n"

_MAX_OBJECTS = 20_000
_MAX_DEPTH = 32
_MAX_NAME = 1024

# What h5py raises for files that are damaged.
_DAMAGE = (OSError, LookupError, RuntimeError, ValueError, TypeError, OverflowError)


class H5File(FileSource):
    """A `.h5` file; tensors are named by their full paths, without the first slash.

    `layers` gives the name of the Keras layer for the datasets of Keras 3 (`.../vars/0`), whose
    paths count the layers of a kind instead of naming them.
    """

    def __init__(self, file: WeightsFile) -> None:
        super().__init__(file)
        try:
            import h5py
        except ImportError as error:
            raise RuntimeMissing(
                'reading .h5 files needs h5py: pip install "impasto[h5]"'
            ) from error
        self._h5py: Any = h5py
        self._layers: dict[str, str] = {}
        self._seen: set[tuple[int, int]] = set()
        self._left = _MAX_OBJECTS
        self._root: Any = None
        try:
            self._root = h5py.File(file.stream, "r")
            self._walk(self._root, "", 0)
        except _DAMAGE as error:
            self.close()
            raise file.corrupt(f"is a damaged HDF5 file ({error})") from error
        except ModelError:
            self.close()
            raise

    @property
    def layers(self) -> Mapping[str, str]:
        """Dataset path to the name of its Keras 3 layer, where the file tells it."""
        return self._layers

    def _walk(self, group: Any, prefix: str, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise self._file.corrupt(f"nests groups deeper than {_MAX_DEPTH}")
        place = self._h5py.h5o.get_info(group.id)
        if (place.fileno, place.addr) in self._seen:
            return
        self._seen.add((place.fileno, place.addr))
        layer = _text(group.attrs.get("name")) if prefix.endswith("vars/") else None
        for key in group:
            self._left -= 1
            if self._left < 0 or len(prefix) + len(key) > _MAX_NAME:
                raise self._file.corrupt("holds more or longer names than any network")
            if not isinstance(group.get(key, getlink=True), self._h5py.HardLink):
                continue
            item = group[key]
            if isinstance(item, self._h5py.Group):
                self._walk(item, f"{prefix}{key}/", depth + 1)
            elif isinstance(item, self._h5py.Dataset):
                self._list(f"{prefix}{key}", item, layer)

    def _list(self, name: str, dataset: Any, layer: str | None) -> None:
        if dataset.shape is None:
            return
        self._add(name, TensorInfo(tuple(dataset.shape), dataset.dtype.name))
        if layer is not None:
            self._layers[name] = layer

    def _load(self, name: str, info: TensorInfo) -> np.ndarray[Any, np.dtype[np.floating[Any]]]:
        try:
            dataset = self._root[name]
            self._check_plain(
                name, dataset, checked_bytes(self._file, name, info.shape, info.dtype)
            )
            result = np.empty(info.shape, info.dtype)
            if math.prod(info.shape):
                dataset.read_direct(result)
        except _DAMAGE as error:
            raise self._file.corrupt(f"has damaged data in {name} ({error})") from error
        return result

    def _check_plain(self, name: str, dataset: Any, size: int) -> None:
        if dataset.is_virtual or dataset.external:
            raise IncompatibleModel(
                f"{self._file.path} keeps {name} in other files, which are never opened"
            )
        if dataset.id.get_create_plist().get_nfilters():
            raise IncompatibleModel(f"{self._file.path} holds {name} compressed or filtered")
        if dataset.id.get_storage_size() < size:
            raise self._file.corrupt(f"holds less of {name} than its shape needs")

    def close(self) -> None:
        """Let go of the file; a second call does nothing."""
        root, self._root = self._root, None
        if root is not None:
            root.close()
        super().close()


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None
