"""Readers of PyTorch checkpoints (`.pth`) without PyTorch: tensors only, never code.

Two layouts hold the same pickled state dict (`torch/serialization.py`): since 1.6 a zip archive
with one member for each storage, before that five pickles in a row and then the storages.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .bytes_of_file import WeightsFile, read_exactly
from .numbers_of_file import ITEM_BYTES, checked_bytes, decode
from .source import FileSource, TensorInfo
from .tensor_pickle import MAX_PICKLE, read_pickle
from .torch_records import Parameter, Storage, StoredTensor
from .zip_members import ZipMembers

__all__ = ["TorchLegacyFile", "TorchZipFile", "is_torch_tar", "torch_root"]

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_PROTOCOL_VERSION = 1001
_WRAPPERS = ("state_dict", "model_state_dict", "model")


class _TorchFile(FileSource):
    """What both layouts share: the state dict, and strided tensors on flat storages."""

    def __init__(self, file: WeightsFile) -> None:
        super().__init__(file)
        self._placed: dict[str, tuple[Storage, int, tuple[int, ...], int]] = {}

    def _list(self, value: object) -> None:
        for name, tensor in _tensors(value):
            shape, strides, offset = tensor.shape, tensor.strides, tensor.offset
            if not (isinstance(shape, tuple) and isinstance(strides, tuple)):
                raise self._file.corrupt(f"gives {name} no shape")
            dtype = tensor.storage.dtype
            size = checked_bytes(self._file, name, shape, dtype)
            checked_bytes(self._file, name, strides, dtype)
            if len(strides) != len(shape) or type(offset) is not int or offset < 0:
                raise self._file.corrupt(f"gives {name} strides that do not fit its shape")
            steps = zip(shape, strides, strict=True)
            span = 1 + sum((side - 1) * step for side, step in steps) if size else 0
            first = tensor.storage.start + offset
            # A tensor larger than its storage would repeat numbers: a bomb, never a weight.
            if max(span, size // ITEM_BYTES[dtype]) > tensor.storage.end - first:
                raise self._file.corrupt(f"places {name} outside its storage")
            self._add(name, TensorInfo(shape, dtype))
            self._placed[name] = (tensor.storage, first, strides, span)
        if not self.tensors:
            raise self._file.corrupt("holds no state dict with tensors")

    def _load(self, name: str, info: TensorInfo) -> np.ndarray[Any, np.dtype[np.floating[Any]]]:
        storage, first, strides, span = self._placed[name]
        item = ITEM_BYTES[info.dtype]
        raw, big_endian = self._raw(storage, first * item, span * item)
        flat = decode(raw, info.dtype, big_endian=big_endian)
        steps = tuple(stride * flat.itemsize for stride in strides)
        if math.prod(info.shape) == 0:
            return flat.reshape(info.shape)
        view = np.lib.stride_tricks.as_strided(flat, info.shape, steps, writeable=False)
        return view.copy() if not view.flags.c_contiguous else flat.reshape(info.shape)

    def _raw(
        self, storage: Storage, offset: int, count: int
    ) -> tuple[np.ndarray[tuple[int], np.dtype[np.uint8]], bool]:
        """Give bytes of a storage, and whether they are big-endian."""
        raise NotImplementedError


class TorchZipFile(_TorchFile):
    """A checkpoint of torch 1.6 or later."""

    def __init__(self, file: WeightsFile, root: str, archive: ZipMembers) -> None:
        super().__init__(file)
        self._root = root
        self._archive = archive
        self._big_endian = self._small(f"{root}/byteorder", default=b"little") == b"big"
        with io.BytesIO(self._small(f"{root}/data.pkl")) as stream:
            self._list(read_pickle(file, stream))
        for storage, *_ in self._placed.values():
            held = archive.size(self._stored(f"{root}/data/{storage.key}"))
            if storage.end * ITEM_BYTES[storage.dtype] > held:
                raise file.corrupt(f"holds only {held} bytes of the storage {storage.key!r}")

    def _stored(self, name: str) -> str:
        if name not in self._archive.members:
            raise self._file.corrupt(f"has no member {name!r}")
        if not self._archive.is_stored(name):
            raise self._file.corrupt(f"holds {name!r} compressed, as torch never does")
        return name

    def _small(self, name: str, default: bytes | None = None) -> bytes:
        if default is not None and name not in self._archive.members:
            return default
        size = self._archive.size(self._stored(name))
        if size > MAX_PICKLE:
            raise self._file.corrupt(f"holds {name!r} of {size} bytes, more than {MAX_PICKLE}")
        with self._archive.open(name) as stream:
            return bytes(read_exactly(self._file, stream, size))

    def _raw(
        self, storage: Storage, offset: int, count: int
    ) -> tuple[np.ndarray[tuple[int], np.dtype[np.uint8]], bool]:
        with self._archive.open(f"{self._root}/data/{storage.key}") as stream:
            stream.seek(offset)
            return read_exactly(self._file, stream, count), self._big_endian


class TorchLegacyFile(_TorchFile):
    """A checkpoint of torch 0.1.10 to 1.5, such as the published VGG19 itself."""

    def __init__(self, file: WeightsFile) -> None:
        super().__init__(file)
        stream = file.stream
        stream.seek(0)
        if read_pickle(file, stream) != _MAGIC_NUMBER:
            raise file.corrupt("is a pickle, but no torch checkpoint")
        if read_pickle(file, stream) != _PROTOCOL_VERSION:
            raise file.corrupt("has an unknown protocol version")
        system = read_pickle(file, stream)
        if not isinstance(system, dict) or system.get("little_endian") is not True:
            raise file.corrupt("does not come from a little-endian machine")
        storages: list[Storage] = []
        self._list(read_pickle(file, stream, storages))
        keys = read_pickle(file, stream)
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise file.corrupt("has no list of storages")
        self._starts = self._walk(keys, storages, stream.tell())

    def _walk(self, keys: list[str], storages: list[Storage], position: int) -> dict[str, int]:
        """Find where each storage begins; each is an item count and the items."""
        needed: dict[str, Storage] = {}
        for storage in storages:
            known = needed.setdefault(storage.key, storage)
            if known.dtype != storage.dtype:
                raise self._file.corrupt(f"gives the storage {storage.key!r} two types")
            if storage.end > known.end:
                needed[storage.key] = storage
        starts: dict[str, int] = {}
        for key in keys:
            if key not in needed or key in starts:
                raise self._file.corrupt(f"holds a storage {key!r} that no tensor describes")
            count = int.from_bytes(self._file.bytes_at(position, 8), "little", signed=True)
            end = position + 8 + count * ITEM_BYTES[needed[key].dtype]
            if count < needed[key].end or end > self._file.size:
                raise self._file.corrupt(f"is cut off inside the storage {key!r}")
            starts[key] = position + 8
            position = end
        if needed.keys() != starts.keys():
            raise self._file.corrupt("lacks a storage of its tensors")
        return starts

    def _raw(
        self, storage: Storage, offset: int, count: int
    ) -> tuple[np.ndarray[tuple[int], np.dtype[np.uint8]], bool]:
        return self._file.raw_at(self._starts[storage.key] + offset, count), False


def is_torch_tar(head: bytes) -> bool:
    """Say whether a file that begins like this is a tar archive."""
    return head[257:262] == b"ustar"


def torch_root(archive: ZipMembers) -> str | None:
    """Give the folder inside a zip archive that makes it a torch checkpoint, if there is one."""
    roots = [name.removesuffix("/data.pkl") for name in archive.members if "/" in name]
    return next((root for root in roots if f"{root}/data.pkl" in archive.members), None)


def _tensors(value: object) -> Iterator[tuple[str, StoredTensor]]:
    """Give the tensors of a state dict, or of one that lies in a plain wrapper."""
    if not isinstance(value, dict):
        return
    inner = (value[wrapper] for wrapper in _WRAPPERS if isinstance(value.get(wrapper), dict))
    state: dict[object, object] = next(inner, value)
    for name, entry in state.items():
        tensor = entry.data if isinstance(entry, Parameter) else entry
        if isinstance(name, str) and isinstance(tensor, StoredTensor):
            yield name, tensor
