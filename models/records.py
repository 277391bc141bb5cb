"""What is remembered of a pulled network: a small JSON file beside it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass

from ..engine.files import write_atomic
from .folders import record_path

__all__ = ["Record", "read_record", "write_record"]

_LONGEST = 4096


@dataclass(frozen=True)
class Record:
    """The hash of the network file, and of the checkpoint that it was made from."""

    sha256: str
    bytes: int
    source_sha256: str
    url: str


def write_record(name: str, record: Record) -> None:
    """Keep the record of the network of that name.

    Raises:
        OutputError: it cannot be written.
    """
    write_atomic(record_path(name), json.dumps(asdict(record), indent=2).encode())


def read_record(name: str) -> Record | None:
    """The record of the network of that name; None where there is none that can be used."""
    try:
        with record_path(name).open("rb") as stream:
            found = json.loads(stream.read(_LONGEST))
        record = Record(**found)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    hashes = isinstance(record.sha256, str) and re.fullmatch("[0-9a-f]{64}", record.sha256)
    return record if hashes and isinstance(record.bytes, int) else None
