"""What the host allows, decided before the server starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..engine.checks import number, whole
from ..engine.errors import OptionsError
from ..engine.limits import Limits

__all__ = ["LOOPBACK", "UPLOADS", "ServiceSettings"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# What strangers may ask for where nothing else is said.
UPLOADS = Limits(file_bytes=24 << 20, pixels=40_000_000, side=16_384, output_side=2048)


@dataclass(frozen=True)
class ServiceSettings:
    """Everything that no request can raise.

    Args:
        folder: where jobs are kept; is made.
        memory: bytes, the most that the plans of running jobs may sum up to.
        styles: a folder with pictures and style files that requests may name.
        model: the network, as `Engine` takes it.
        threads: processors for each worker; None is all that the process may use, shared out.
        workers: jobs that are painted at once.
        queue: jobs that may wait.
        time: the most seconds that one job is painted; it then has its best picture.
        plan_seconds: the most that a submission is looked at and planned; it is then refused.
        limits: of pictures and results.
        every: seconds between two checkpoints of a job.
        keep_seconds, keep_jobs, keep_bytes: how long, how many and how much of jobs that have ended
            is kept; the oldest go first.
        free_bytes: no job is accepted with less than this free on the disk.
        token: that requests must bear; None asks for none.
        host, port: where to listen; port 0 is a free one.
        grace: seconds for running jobs to be saved when the server is told to end.
        head_seconds, body_seconds, reader_seconds: that a client may take to send a request's head
            and its body, and to take what waits for it.
        connections: at once.
        uploads: submissions that come in, or are planned, at once; each may take `body_bytes` of
            the disk of `folder`.

    Raises:
        OptionsError: a number is out of its range, or the token is empty.
    """

    folder: Path
    memory: int
    styles: Path | None = None
    model: str | Path | None = None
    threads: int | None = None
    workers: int = 1
    queue: int = 32
    time: float = 600.0
    plan_seconds: float = 60.0
    limits: Limits = UPLOADS
    every: float = 5.0
    keep_seconds: float = 7 * 86_400.0
    keep_jobs: int = 500
    keep_bytes: int = 2 << 30
    free_bytes: int = 256 << 20
    token: str | None = field(default=None, repr=False)
    host: str = "127.0.0.1"
    port: int = 8000
    grace: float = 20.0
    head_seconds: float = 10.0
    body_seconds: float = 60.0
    reader_seconds: float = 30.0
    connections: int = 512
    uploads: int = 32

    def __post_init__(self) -> None:
        for name, least, most in (
            ("memory", 1, 2**62),
            ("workers", 1, 256),
            ("queue", 1, 10**6),
            ("keep_jobs", 1, 10**9),
            ("keep_bytes", 1, 2**62),
            ("free_bytes", 0, 2**62),
            ("port", 0, 65535),
            ("connections", 1, 10**6),
            ("uploads", 1, 10**6),
        ):
            whole(name, getattr(self, name), least, most)
        if self.threads is not None:
            whole("threads", self.threads, 1, 1024)
        seconds = ("time", "plan_seconds", "keep_seconds", "grace", "head_seconds", "body_seconds")
        for name in (*seconds, "reader_seconds"):
            number(name, getattr(self, name), 0.001, 1e9)
        number("every", self.every, 0, 1e9)
        if self.token is not None and len(self.token) < 16:
            raise OptionsError("the token must have 16 characters or more")

    @property
    def body_bytes(self) -> int:
        """Of one request: two full pictures, and room for the fields around them."""
        return 2 * self.limits.file_bytes + (1 << 20)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect."""
        return self.host in LOOPBACK
