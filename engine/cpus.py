"""How many processors this process may really use."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

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
    quotas = [quota for folder in _cgroups(root) if (quota := _quota(folder)) is not None]
    return max(1, min([count, *map(math.ceil, quotas)]))


def _cgroups(root: Path) -> Iterable[Path]:
    """Every folder whose quota holds for this process: those of its cgroups and all above them.

    /proc/self/cgroup has a line for each hierarchy, `number:controllers:/path`. In a container the
    path may be the one that the host sees, of which only the end, or nothing, is mounted here: then
    the root of the hierarchy is the container's own cgroup. So folders that are not there are none.
    """
    mounts = root / "sys/fs/cgroup"
    own = {"": [PurePosixPath("/")], "cpu": [PurePosixPath("/")]}
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", "", ""][:3]
        for name in {"", "cpu"} & set(controllers.split(",")):
            own[name].append(PurePosixPath("/", path))
    # Version 2 is mounted alone, or beside version 1 as "unified"; of that, the controller is a
    # folder or, where it shares its hierarchy, a link to one.
    for name, folders in (("", ["", "unified"]), ("cpu", ["cpu", "cpu,cpuacct"])):
        for group in own[name]:
            for above in (group, *group.parents):
                yield from (mounts / folder / above.relative_to("/") for folder in folders)


def _quota(cgroup: Path) -> float | None:
    """Processors' worth of time that a cgroup (version 2, else 1) grants; None is no limit."""
    limit = _text(cgroup / "cpu.max") or " ".join(
        _text(cgroup / f"cpu.cfs_{what}_us") for what in ("quota", "period")
    )
    found = re.fullmatch(r"\s*(\d+)\s+(\d+)\s*", limit, re.ASCII)  # "max", or -1, is no limit
    if found is None or not int(found[1]) or not int(found[2]):
        return None
    return int(found[1]) / int(found[2])


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
