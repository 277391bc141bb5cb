"""What a file is known by."""

from __future__ import annotations

import hashlib
from os import PathLike
from pathlib import Path

__all__ = ["sha256_of"]


def sha256_of(path: str | PathLike[str]) -> str:
    """The SHA-256 of its bytes, as 64 hexadecimal digits; it is read in parts.

    Raises:
        OSError: it cannot be read.
    """
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
