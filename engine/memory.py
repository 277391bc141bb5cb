"""How much of the memory that this process may use a work takes unasked.

What happens to be free is never looked at: a work planned by it would differ from run to run, and
be refused for what another program does.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from .cgroups import group_folders, group_text
from .errors import MemoryLimit

__all__ = ["default_budget", "enough_memory"]

_ROOT = Path("/")

# A machine that does not say what it has is taken for a small one.
_UNKNOWN = 4 << 30
# Of version 2 two, and that of version 1; the limits of all cgroups above are read as well.
_FILES = ("memory.max", "memory.high", "memory.limit_in_bytes")


@contextlib.contextmanager
def enough_memory() -> Iterator[None]:
    """Tell what memory could not be had for as a limit.

    Raises:
        MemoryLimit: it could not be had inside.
    """
    try:
        yield
    except MemoryError as error:
        raise MemoryLimit("there is not enough memory for this size") from error


def default_budget(root: Path = _ROOT) -> int:
    """Bytes that a work takes at most where nobody said.

    Three quarters of what was granted to this process, by a cgroup, one above it or a resource
    limit (`ulimit -v` and `-d`), for a container is there for its program, and the kernel counts
    files that it caches; half of the physical memory, which other programs need too; the lesser of
    the two.

    Args:
        root: of the file system that has /proc and /sys.
    """
    return min([_physical() // 2, *(grant // 4 * 3 for grant in _grants(root))])


def _physical() -> int:
    if sys.platform == "win32":
        return _windows_physical()
    try:
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return _UNKNOWN
    return found if found > 0 else _UNKNOWN


def _grants(root: Path) -> list[int]:
    """What cgroups and resource limits grant; a limit above the physical memory is as none."""
    texts = (
        group_text(folder / name) for folder in group_folders(root, "memory") for name in _FILES
    )
    # "max", and in version 1 the largest number of whole pages, is no limit.
    found = [int(text) for text in texts if re.fullmatch(r"\s*\d+\s*", text, re.ASCII)]
    return [limit for limit in (*found, *_resource_limits()) if 0 < limit < _physical()]


def _resource_limits() -> list[int]:
    if sys.platform == "win32":
        return []
    import resource

    kinds = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    limits = [resource.getrlimit(kind)[0] for kind in kinds]
    return [limit for limit in limits if limit != resource.RLIM_INFINITY]


def _windows_physical() -> int:
    """By GlobalMemoryStatusEx, whose record is its length, a share in use, and seven counts."""
    import ctypes

    record = (ctypes.c_uint64 * 8)()
    ctypes.c_uint32.from_buffer(record).value = ctypes.sizeof(record)
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(record):  # type: ignore[attr-defined]
        return _UNKNOWN
    return record[1] or _UNKNOWN
