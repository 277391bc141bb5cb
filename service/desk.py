"""Where requests wait for the clerk: in threads of their own, where nothing else waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from .refusals import Refusal

__all__ = ["Desk"]

T = TypeVar("T")

# The clerk does one thing at a time; while it does, the pictures of the next are written.
_THREADS = 2
_AGAIN_AFTER = 5


class Desk:
    """Does what takes a while, for so many requests at most."""

    def __init__(self, places: int) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "desk")
        self._lock = threading.Lock()
        self._free = places

    async def ask(self, work: Callable[[], T]) -> T:
        """What `work` gives, or raises, once it was its turn.

        Raises:
            Refusal: so many are waiting.
        """
        with self._lock:
            if self._free == 0:
                sentence = "too many requests are being looked at"
                raise Refusal(503, "LimitError", sentence, _AGAIN_AFTER)
            self._free -= 1
        future = self._threads.submit(work)
        # A client that goes away does not end the work, and its place is free only after that.
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Wait for what is being done."""
        self._threads.shutdown()

    def _leave(self, future: Future[Any]) -> None:
        with self._lock:
            self._free += 1
