"""Reader of `.safetensors`: an 8-byte length, a JSON header, then the bytes of the tensors."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import numpy as np

from .bytes_of_file import WeightsFile
from .numbers_of_file import checked_bytes, decode
from .source import FileSource, TensorInfo

__all__ = ["SafetensorsFile", "is_safetensors"]

# The format allows headers of 100 MB. Parsed, one takes up to 25 times its bytes, and this one
# is enough for 30 000 tensors.
MAX_HEADER = 4 << 20

_DTYPES = {
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "BOOL": "bool",
    "I8": "int8",
    "U8": "uint8",
    "I16": "int16",
    "U16": "uint16",
    "I32": "int32",
    "U32": "uint32",
    "I64": "int64",
    "U64": "uint64",
    "C64": "complex64",
}


def is_safetensors(head: bytes) -> bool:
    """Say whether a file that begins like this is meant to be safetensors."""
    return head[8:9] == b"{" and head[5:8] == b"\0\0\0"


class SafetensorsFile(FileSource):
    """A `.safetensors` file; the header is checked whole before any tensor is read."""

    def __init__(self, file: WeightsFile) -> None:
        super().__init__(file)
        length = int.from_bytes(file.bytes_at(0, 8), "little")
        if length > MAX_HEADER:
            raise file.corrupt(f"has a header of {length} bytes, more than {MAX_HEADER}")
        self._start = 8 + length
        self._offsets: dict[str, int] = {}
        header = _parse(file, file.bytes_at(8, length))
        if not isinstance(header, dict):
            raise file.corrupt("has a header that is no JSON object")
        header.pop("__metadata__", None)
        spans = [(*self._list(name, entry), name) for name, entry in header.items()]
        self._check_cover(sorted(spans))

    def _list(self, name: str, entry: object) -> tuple[int, int]:
        """Note one tensor; gives where it begins and ends."""
        if not isinstance(entry, dict) or not entry.keys() >= {"dtype", "shape", "data_offsets"}:
            raise self._file.corrupt(f"does not say type, shape and place of {name!r}")
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(dtype, str) or dtype not in _DTYPES:
            raise self._file.corrupt(f"gives {name!r} the unknown type {dtype!r}")
        if not isinstance(shape, list):
            raise self._file.corrupt(f"gives {name!r} a shape that is no list")
        size = checked_bytes(self._file, name, shape, _DTYPES[dtype])
        if not (isinstance(offsets, list) and [type(end) for end in offsets] == [int, int]):
            raise self._file.corrupt(f"gives {name!r} no two offsets")
        begin, end = offsets
        if begin < 0 or end - begin != size:
            raise self._file.corrupt(
                f"gives {name!r} bytes {begin} to {end}, its shape needs {size}"
            )
        self._add(name, TensorInfo(tuple(shape), _DTYPES[dtype]))
        self._offsets[name] = begin
        return begin, end

    def _check_cover(self, spans: list[tuple[int, int, str]]) -> None:
        """The format wants every byte to belong to exactly one tensor."""
        position = 0
        for begin, end, name in spans:
            if begin != position:
                fault = "overlaps another tensor" if begin < position else "follows a hole"
                raise self._file.corrupt(f"has a tensor {name!r} that {fault}")
            position = end
        if self._start + position != self._file.size:
            raise self._file.corrupt(
                f"is {self._file.size} bytes long, its header describes {self._start + position}"
            )

    def _load(self, name: str, info: TensorInfo) -> np.ndarray[Any, np.dtype[np.floating[Any]]]:
        size = checked_bytes(self._file, name, info.shape, info.dtype)
        raw = self._file.raw_at(self._start + self._offsets[name], size)
        return decode(raw, info.dtype).reshape(info.shape)


def _parse(file: WeightsFile, text: bytes) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) < len(pairs):
            raise file.corrupt("has a header that names a thing twice")
        return result

    def refuse(word: str) -> NoReturn:
        raise file.corrupt(f"has a header with {word}, which is no JSON")

    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=once, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise file.corrupt("has a header that is no valid JSON") from error
