"""The folder of a server: in it, `jobs` has a folder for each job, `uploads` what is coming in."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..engine.errors import OutputError
from ..engine.files import remove_leftovers

__all__ = ["JOBS", "UPLOADS", "clear_up", "prepare", "usable"]

JOBS = "jobs"
UPLOADS = "uploads"


@contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Turn what the system says of the folder into one sentence.

    Raises:
        OutputError: it cannot be used.
    """
    try:
        yield
    except OSError as error:
        where = error.filename or folder
        raise OutputError(f"cannot use {str(where)!r}: {error.strerror or error}") from error


def prepare(folder: Path) -> None:
    """Make what has to be there; what was coming in when a server died is removed.

    Raises:
        OutputError: it cannot be made.
    """
    with usable(folder):
        (folder / JOBS).mkdir(exist_ok=True)
        if (folder / UPLOADS).exists():
            shutil.rmtree(folder / UPLOADS)
        (folder / UPLOADS).mkdir()


def clear_up(folder: Path, is_job: Callable[[str], bool]) -> None:
    """After a death: remove folders of what was never accepted, or is forgotten, and what was half
    written in others. What is no folder is nobody's business here.

    Args:
        is_job: whether there is a job of that name.

    Raises:
        OutputError: something cannot be read or removed.
    """
    with usable(folder):
        for found in (folder / JOBS).iterdir():
            if found.is_symlink() or not found.is_dir():
                continue
            if is_job(found.name):
                remove_leftovers(found)
            else:
                shutil.rmtree(found)
