"""Open a checkpoint by what it contains, whatever its name says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .bytes_of_file import WeightsFile
from .h5_file import H5_MAGIC, H5File
from .npz_file import NpzFile, is_npz
from .onnx_file import OnnxFile, is_onnx
from .safetensors_file import SafetensorsFile, is_safetensors
from .source import FileSource, TensorSource
from .torch_file import TorchLegacyFile, TorchZipFile, is_torch_tar, torch_root
from .zip_members import ZIP_MAGIC, ZipMembers

__all__ = ["FORMATS", "open_weights"]


class _Candidate:
    """A file whose format is not known yet."""

    def __init__(self, file: WeightsFile) -> None:
        self.file = file
        self.head = file.bytes_at(0, min(512, file.size))

    @cached_property
    def archive(self) -> ZipMembers | None:
        return ZipMembers(self.file) if self.head.startswith(ZIP_MAGIC) else None

    @cached_property
    def root(self) -> str | None:
        return torch_root(self.archive) if self.archive else None


@dataclass(frozen=True)
class _Format:
    """A format by its name, how to know it, and how to read it; None is "not mine"."""

    name: str
    read: Callable[[_Candidate], FileSource | None]


def _torch_zip(it: _Candidate) -> FileSource | None:
    return TorchZipFile(it.file, it.root, it.archive) if it.archive and it.root else None


def _torch_legacy(it: _Candidate) -> FileSource | None:
    pickled = it.head[:1] == b"\x80" and it.head[1:2] in (b"\2", b"\3", b"\4", b"\5")
    return TorchLegacyFile(it.file) if pickled else None


# Safetensors goes first: its length may begin with the bytes of another format.
FORMATS = (
    _Format(
        "safetensors",
        lambda it: SafetensorsFile(it.file) if is_safetensors(it.head) else None,
    ),
    _Format("torch .pth", _torch_zip),
    _Format("torch .pth before 1.6", _torch_legacy),
    _Format(
        "NumPy .npz",
        lambda it: NpzFile(it.file, it.archive) if it.archive and is_npz(it.archive) else None,
    ),
    _Format("Keras .h5", lambda it: H5File(it.file) if it.head.startswith(H5_MAGIC) else None),
    _Format("ONNX", lambda it: OnnxFile(it.file) if is_onnx(it.head) else None),
)


def open_weights(path: Path) -> TensorSource:
    """Open a checkpoint of any of `FORMATS`, chosen by content; use it as a context manager.

    Raises:
        ModelNotFound: there is no readable regular file at `path`.
        CorruptModel: the format is unknown, or the file is damaged, cut off or hostile.
        IncompatibleModel: the weights lie in other files or in a form that is not read.
        RuntimeMissing: the format needs a package that is not installed.
    """
    file = WeightsFile(Path(path))
    try:
        candidate = _Candidate(file)
        for kind in FORMATS:
            source = kind.read(candidate)
            if source is not None:
                return source
        if is_torch_tar(candidate.head):
            raise file.corrupt("is a tar checkpoint of torch before 0.1.10, which is not read")
        known = ", ".join(kind.name for kind in FORMATS)
        raise file.corrupt(f"is in no known format ({known})")
    except OSError as error:
        file.close()
        raise file.corrupt(f"cannot be read: {error.strerror or error}") from error
    except BaseException:
        file.close()
        raise
