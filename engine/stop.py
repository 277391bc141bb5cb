"""Stopping from outside: a token that ends the work, even in the middle of an evaluation."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from .checks import shown
from .errors import OptionsError

__all__ = ["Stop", "Stopped"]


class Stopped(Exception):
    """Raised inside the engine when a stop was requested; never leaves `stylize`."""


class Stop:
    """Hand one to `stylize` and call `request` from any thread: the best picture so far comes back.

    One token may be shared by several works; it ends them all.
    """

    def __init__(self) -> None:
        # Reentrant: a signal handler may call `request` while its own thread holds the lock.
        self._lock = threading.RLock()
        self._reason: str | None = None
        self._actions: list[Callable[[], None]] = []

    @property
    def reason(self) -> str | None:
        """Why it was requested; None while it was not."""
        return self._reason

    def request(self, reason: str = "cancelled") -> bool:
        """End the work soon; the first reason, any text that is not empty, stays.

        Returns:
            Whether this was the first request.

        Raises:
            OptionsError: the reason is empty or no text.
        """
        if not isinstance(reason, str) or not reason:
            raise OptionsError(f"the reason of a stop must be a text, not {shown(reason)}")
        with self._lock:
            first = self._reason is None
            if first:
                self._reason = reason
            actions = list(self._actions)
        for action in actions:
            action()
        return first

    def check(self) -> None:
        """Raise `Stopped` if a stop was requested."""
        if self._reason is not None:
            raise Stopped(self._reason)

    @contextlib.contextmanager
    def calling(self, action: Callable[[], None]) -> Iterator[None]:
        """While inside, a request also calls `action` (which ends a running evaluation)."""
        with self._listening(action):
            self.check()
            yield

    @contextlib.contextmanager
    def for_one_work(self) -> Iterator[Stop]:
        """A token of one work: a request here ends it too, one there ends only that work."""
        own = Stop()

        def pass_on() -> None:
            own.request(self._reason or "cancelled")

        with self._listening(pass_on):
            if self._reason is not None:
                pass_on()
            yield own

    @contextlib.contextmanager
    def _listening(self, action: Callable[[], None]) -> Iterator[None]:
        with self._lock:
            self._actions.append(action)
        try:
            yield
        finally:
            with self._lock:
                self._actions.remove(action)
