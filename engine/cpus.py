"""How many processors this process may really use."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

from .cgroups import group_folders, group_text

__all__ = ["usable_cpus"]

_ROOT = Path("/")


def usable_cpus(root: Path = _ROOT) -> int:
    """The processors in the affinity mask, or what the CPU quotas of cgroups leave; at least 1.

    The count of the machine's processors, ONNX Runtime's own default, is many times too high in a
    container, and threads that share too few processors run slower than one.

    Args:
        root: of the file system that has /proc and /sys.
    """
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    folders = group_folders(root, "cpu")
    quotas = [quota for folder in folders if (quota := _quota(folder)) is not None]
    return max(1, min([count, *map(math.ceil, quotas)]))


def _quota(cgroup: Path) -> float | None:
    """Processors' worth of time that a cgroup (version 2, else 1) grants; None is no limit."""
    limit = group_text(cgroup / "cpu.max") or " ".join(
        group_text(cgroup / f"cpu.cfs_{what}_us") for what in ("quota", "period")
    )
    found = re.fullmatch(r"\s*(\d+)\s+(\d+)\s*", limit, re.ASCII)  # "max", or -1, is no limit
    if found is None or not int(found[1]) or not int(found[2]):
        return None
    return int(found[1]) / int(found[2])
