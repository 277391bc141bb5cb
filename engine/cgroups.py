"""The control groups that this process is in, wherever their limits are written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

__all__ = ["group_folders", "group_text"]


def group_folders(root: Path, controller: str) -> Iterator[Path]:
    """Every folder whose limits hold for this process: those of its cgroups and all above them.

    /proc/self/cgroup has a line for each hierarchy, `number:controllers:/path`. In a container the
    path may be the one that the host sees, of which only the end, or nothing, is mounted here: then
    the root of the hierarchy is the container's own cgroup. So folders that are not there are none.

    Args:
        root: of the file system that has /proc and /sys.
        controller: of version 1 of cgroups, such as "cpu" or "memory"; version 2 has all in one.
    """
    mounts = root / "sys/fs/cgroup"
    own = {"": [PurePosixPath("/")], controller: [PurePosixPath("/")]}
    for line in group_text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", "", ""][:3]
        for name in {"", controller} & set(controllers.split(",")):
            own[name].append(PurePosixPath("/", path))
    # Version 2 is mounted alone, or beside version 1 as "unified"; of that, the controller is a
    # folder or, where it shares its hierarchy, a link to one.
    first = [controller, "cpu,cpuacct"] if controller == "cpu" else [controller]
    for name, folders in (("", ["", "unified"]), (controller, first)):
        for group in own[name]:
            for above in (group, *group.parents):
                yield from (mounts / folder / above.relative_to("/") for folder in folders)


def group_text(path: Path) -> str:
    """What a file of the system says; nothing where it is not there."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
