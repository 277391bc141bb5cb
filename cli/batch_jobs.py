"""Which pictures a batch is of, and where each result goes: all of it said before the work."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..engine.errors import ImageNotFound, OptionsError

__all__ = ["Job", "jobs_of"]

# Of folders only these are taken; a file that is named may have any suffix.
_SUFFIXES = {".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class Job:
    """One picture of a batch."""

    source: Path
    output: Path


def jobs_of(paths: Sequence[Path], folder: Path, recursive: bool) -> list[Job]:
    """The pictures of files, folders and patterns, in this order and sorted in each; none twice.

    Args:
        folder: of the results; pictures in it are not taken.
        recursive: whether folders inside folders are looked into.

    Raises:
        ImageNotFound: a folder has no picture, or nothing matches a pattern.
        OptionsError: two results would have one name, or lie among their sources.
    """
    inside, jobs = os.path.realpath(folder), {}
    names: dict[str, Path] = {}
    for path in paths:
        if os.path.realpath(path) == inside:
            raise OptionsError(f"--output must be another folder than {str(path)!r}, its source")
        for source in _found(path, recursive):
            real = os.path.realpath(source)
            if real in jobs or (path.is_dir() and Path(real).is_relative_to(inside)):
                continue
            # Not every file system tells "A" from "a".
            other = names.setdefault(source.stem.casefold(), source)
            if other is not source:
                raise OptionsError(
                    f"{str(other)!r} and {str(source)!r} would have one result: "
                    "rename one of them, or make them in two batches"
                )
            jobs[real] = Job(source, folder / f"{source.stem}.png")
    return list(jobs.values())


def _found(path: Path, recursive: bool) -> list[Path]:
    if path.is_dir():
        found = sorted(_pictures_in(path, recursive))
        missing = f"there is no picture in the folder {str(path)!r}"
    elif not path.exists() and glob.has_magic(str(path)):
        # As a shell would: that of Path takes hidden files, and refuses some patterns.
        found = [Path(one) for one in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207
        found = [one for one in found if not one.is_dir()]
        missing = f"no file matches {str(path)!r}"
    else:
        return [path]
    if not found:
        raise ImageNotFound(missing)
    return found


def _pictures_in(folder: Path, recursive: bool) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in _SUFFIXES:
                yield Path(root, name)
        folders[:] = [name for name in folders if not name.startswith(".")] if recursive else []
