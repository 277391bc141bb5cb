"""The folder of a server: in it, `jobs` has a folder for each job, of which `jobs.sqlite` has the
rows, and `uploads` what is coming in."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..engine.errors import OutputError
from ..engine.files import remove_leftovers

__all__ = ["JOBS", "ROWS", "UPLOADS", "clear_up", "prepare", "usable"]

JOBS = "jobs"
ROWS = "jobs.sqlite"
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
        OutputError: it cannot be made; or something of that name is there, in a folder in which no
            server was: what is in it would be removed.
    """
    with usable(folder):
        if not (folder / ROWS).exists():
            for name in (JOBS, UPLOADS):
                if (folder / name).exists() and any((folder / name).iterdir()):
                    raise OutputError(
                        f"{str(folder / name)!r} is not of a server: give it a folder of its own"
                    )
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
