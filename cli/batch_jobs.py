"""Which pictures a batch is of, and where each result goes."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..engine.containers import SUFFIXES
from ..engine.errors import ImageNotFound, OptionsError
from .paths import refuse_to_replace

__all__ = ["Job", "Naming", "is_pattern", "jobs_of"]


@dataclass(frozen=True)
class Job:
    """One picture of a batch.

    Args:
        rival: an earlier source that has the same result.
    """

    source: Path
    output: Path
    rival: Path | None = None

    def check(self, others: Sequence[Path | str | None] = ()) -> None:
        """Raise `OptionsError` where the result is that of a rival, or a file that it is made of.

        Args:
            others: such files, beside the source.
        """
        if self.rival is not None:
            raise OptionsError(
                f"{str(self.rival)!r} and {str(self.source)!r} would have one result: "
                "rename one of them, or make them in two batches"
            )
        refuse_to_replace(self.output, (self.source, *others))


class Naming:
    """Finds pictures, and gives each a result.

    Args:
        folder: of the results; pictures in it are not taken.
        suffix: of the results.
        recursive: whether folders inside folders are looked into.
    """

    def __init__(self, folder: Path, suffix: str = ".png", recursive: bool = False) -> None:
        self._folder = folder
        self._inside = os.path.realpath(folder)
        self._suffix = suffix
        self._recursive = recursive
        self._names: dict[str, Path] = {}

    def check(self, path: Path) -> None:
        """Raise `OptionsError` where a folder of sources is that of the results."""
        if os.path.realpath(path) == self._inside:
            raise OptionsError(f"--output must be another folder than {str(path)!r}, its source")

    def found(self, path: Path) -> list[Path]:
        """The pictures in a folder or of a pattern, sorted; a file is itself."""
        if path.is_dir():
            pictures = sorted(_pictures_in(path, self._recursive))
            return [one for one in pictures if not self._is_inside(one)]
        if is_pattern(path):
            # As a shell would: that of Path takes hidden files, and refuses some patterns.
            matches = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207
            return [one for one in map(Path, matches) if not one.is_dir()]
        return [path]

    def job(self, source: Path) -> Job:
        """The job of a picture; for the same picture the same one."""
        # Not every file system tells "A" from "a".
        first = self._names.setdefault(source.stem.casefold(), source)
        same = os.path.realpath(first) == os.path.realpath(source)
        output = self._folder / f"{source.stem}{self._suffix}"
        return Job(source, output, None if same else first)

    def _is_inside(self, source: Path) -> bool:
        return Path(os.path.realpath(source)).is_relative_to(self._inside)


def jobs_of(paths: Sequence[Path], naming: Naming) -> list[Job]:
    """The pictures of files, folders and patterns, in this order and sorted in each; none twice.

    Raises:
        ImageNotFound: a folder has no picture, or nothing matches a pattern.
        OptionsError: two results would have one name, or lie among their sources.
    """
    jobs: dict[str, Job] = {}
    for path in paths:
        naming.check(path)
        found = naming.found(path)
        if not found:
            raise ImageNotFound(
                f"there is no picture in the folder {str(path)!r}"
                if path.is_dir()
                else f"no file matches {str(path)!r}"
            )
        for source in found:
            job = naming.job(source)
            job.check()
            jobs.setdefault(os.path.realpath(source), job)
    return list(jobs.values())


def is_pattern(path: Path) -> bool:
    """Whether a path has wildcards, and is not the name of a file all the same."""
    return not path.exists() and glob.has_magic(str(path))


def _pictures_in(folder: Path, recursive: bool) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        for name in files:
            # A file that is named itself may have any suffix.
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(root, name)
        folders[:] = [name for name in folders if not name.startswith(".")] if recursive else []
