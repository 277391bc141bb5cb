"""The jobs, in SQLite: what was accepted stays accepted, whatever dies when."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine.errors import OutputError
from .folders import ROWS
from .refusals import QueueFull

__all__ = ["ENDED", "Job", "Store"]

ENDED = ("done", "failed", "cancelled")
_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    options TEXT NOT NULL,
    styles TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    memory INTEGER NOT NULL,
    time REAL NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    created REAL NOT NULL,
    started REAL,
    ended REAL,
    deaths INTEGER NOT NULL DEFAULT 0,
    loss REAL,
    seconds REAL,
    kind TEXT,
    error TEXT
)
"""


@dataclass(frozen=True)
class Job:
    """One row: see `docs/service.md` for what of it is told.

    Args:
        number: jobs are begun in this order.
        styles: names of the files in the job's folder.
        bytes: the planned peak; `memory` is the budget that it was planned in.
        time: seconds that it may take.
        deaths: workers that died while they painted it.
        kind, error: of one that failed.
    """

    number: int
    id: str
    state: str
    options: Mapping[str, Any]
    styles: tuple[str, ...]
    bytes: int
    memory: int
    time: float
    width: int
    height: int
    created: float
    started: float | None
    ended: float | None
    deaths: int
    loss: float | None
    seconds: float | None
    kind: str | None
    error: str | None


class Store:
    """All jobs of a server; safe under threads. The only file that knows SQLite.

    Args:
        folder: that has the file, and is there.

    Raises:
        OutputError: by every method too: the file is damaged or of another version, or the disk
            is full. What was to be changed is as it was.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._path = folder / ROWS
        with self._told():
            # In autocommit: each statement is whole, and on the disk when it returns.
            self._rows = sqlite3.connect(
                self._path, check_same_thread=False, isolation_level=None, timeout=30.0
            )
        self._rows.row_factory = sqlite3.Row
        try:
            self._run("PRAGMA journal_mode = WAL")
            self._run("PRAGMA synchronous = FULL")
            self._run(_TABLE)
        except OutputError:
            self._rows.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._rows.close()

    def add(self, most: int, **values: Any) -> Job:
        """A job that waits.

        Args:
            most: jobs that may wait, this one included.
            values: of the columns that are known.

        Raises:
            QueueFull: so many wait already; nothing was added.
        """
        values["options"] = json.dumps(values["options"])
        values["styles"] = json.dumps(values["styles"])
        values |= {"state": "queued", "created": time.time()}
        names = ", ".join(values)
        places = ", ".join("?" * len(values))
        # One statement, so that no two requests take the last place.
        added = self._run(
            f"INSERT INTO jobs ({names}) SELECT {places} "
            "WHERE (SELECT count(*) FROM jobs WHERE state = 'queued') < ? RETURNING *",
            [*values.values(), most],
        )
        if not added:
            raise QueueFull("as many jobs as may wait are waiting already")
        return added[0]

    def get(self, id: str) -> Job | None:
        """The job of that name."""
        return next(iter(self._run("SELECT * FROM jobs WHERE id = ?", [id])), None)

    def first_queued(self) -> Job | None:
        """The one that has waited longest."""
        found = self._run("SELECT * FROM jobs WHERE state = 'queued' ORDER BY number LIMIT 1")
        return next(iter(found), None)

    def latest(self, count: int) -> list[Job]:
        """The youngest jobs first."""
        return self._run("SELECT * FROM jobs ORDER BY number DESC LIMIT ?", [count])

    def ended(self) -> list[Job]:
        """All that have ended, the oldest first."""
        return self._run(
            "SELECT * FROM jobs WHERE state IN ('done', 'failed', 'cancelled') ORDER BY number"
        )

    def count(self, state: str) -> int:
        """How many jobs are in this state."""
        with self._lock, self._told():
            (count,) = self._rows.execute(
                "SELECT count(*) FROM jobs WHERE state = ?", [state]
            ).fetchone()
        return int(count)

    def change(self, id: str, before: str, **values: Any) -> bool:
        """Change a job that is in the state `before`, as one step; whether it was."""
        sets = ", ".join(f"{name} = ?" for name in values)
        return bool(
            self._run(
                f"UPDATE jobs SET {sets} WHERE id = ? AND state = ? RETURNING *",
                [*values.values(), id, before],
            )
        )

    def remove(self, id: str) -> None:
        """Forget a job."""
        self._run("DELETE FROM jobs WHERE id = ?", [id])

    def requeue(self) -> None:
        """Jobs that were running when the server died wait again, in their old order."""
        self._run("UPDATE jobs SET state = 'queued', started = NULL WHERE state = 'running'")

    def _run(self, statement: str, values: Sequence[Any] = ()) -> list[Job]:
        with self._lock, self._told():
            rows = self._rows.execute(statement, values).fetchall()
        try:
            return [_job(row) for row in rows if "id" in row.keys()]  # noqa: SIM118
        except (TypeError, ValueError) as error:
            sentence = f"cannot use {str(self._path)!r}: it has a job of another version"
            raise OutputError(sentence) from error

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what SQLite says into one sentence."""
        try:
            yield
        except sqlite3.Error as error:
            raise OutputError(f"cannot use {str(self._path)!r}: {error}") from error


def _job(row: sqlite3.Row) -> Job:
    told = dict(row)
    told["options"] = json.loads(told["options"])
    told["styles"] = tuple(json.loads(told["styles"]))
    return Job(**told)
