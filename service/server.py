"""The server process: sockets, clients that take their time, and signals.

uvicorn waits for ever for a head that does not come, and for a reader that does not read; both are
ended here. The only file that knows it.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from ..engine.errors import OptionsError
from .api import application
from .folders import UPLOADS
from .jobs import Jobs
from .settings import ServiceSettings

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["listening", "serve"]

_KEEP_ALIVE = 5
_LARGEST_HEAD = 32 << 10


def listening(settings: ServiceSettings) -> socket.socket:
    """A socket that is bound, before anything else is begun.

    Raises:
        OptionsError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((settings.host, settings.port))
    except OSError as error:
        found.close()
        where = f"{settings.host}:{settings.port}"
        raise OptionsError(f"cannot listen on {where}: {error.strerror or error}") from error
    return found


def serve(jobs: Jobs, bound: socket.socket, started: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; running jobs are then saved, and the rest is told 503.

    Args:
        started: called when requests are answered.
    """
    import uvicorn

    settings = jobs.settings

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            if not jobs.is_closing:
                jobs.begin_closing()
                threading.Thread(target=end, name="ending").start()

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started()

    config = uvicorn.Config(
        application(jobs),
        http=_protocol(settings),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        limit_concurrency=settings.connections,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, round(settings.grace)),
        h11_max_incomplete_event_size=_LARGEST_HEAD,
    )
    server = Server(config)

    def end() -> None:
        # New requests are told 503 while the workers save what they have.
        try:
            jobs.save_running()
        finally:
            server.should_exit = True

    # Bodies are spooled to temporary files: not in memory, as /tmp may be, but where there is a
    # look at the room, and on the disk where their pictures are to be.
    before, tempfile.tempdir = tempfile.tempdir, str(jobs.folder / UPLOADS)
    try:
        server.run(sockets=[bound])
    finally:
        tempfile.tempdir = before


def _protocol(settings: ServiceSettings) -> type[asyncio.Protocol]:
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Patient(H11Protocol):
        """Waits for a head, and for a reader, only so long."""

        _head: asyncio.TimerHandle | None = None
        _reader: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._expect_head()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if not _waits_for_head(self):
                _end(self._head)
                self._head = None
            elif self._head is None:
                self._expect_head()

        def connection_lost(self, exc: Exception | None) -> None:
            _end(self._head, self._reader)
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._reader = self.loop.call_later(settings.reader_seconds, self.transport.abort)

        def resume_writing(self) -> None:
            _end(self._reader)
            super().resume_writing()

        def _expect_head(self) -> None:
            self._head = self.loop.call_later(settings.head_seconds, self.transport.abort)

    return Patient


def _waits_for_head(protocol: H11Protocol) -> bool:
    return protocol.cycle is None or protocol.cycle.response_complete


def _end(*timers: asyncio.TimerHandle | None) -> None:
    for timer in timers:
        if timer is not None:
            timer.cancel()
