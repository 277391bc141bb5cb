"""SIGINT, SIGTERM and SIGHUP while a picture is made: the work ends soon, and keeps what it has.

The work runs in a thread of its own, since Python runs signal handlers between two steps of the
main thread only, and one evaluation inside ONNX Runtime can be a long step.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import FrameType
from typing import Any, Self, TypeVar

from ..engine.stop import Stop
from .console import is_terminal
from .exits import EXIT_OF_STOP

__all__ = ["Signals"]

T = TypeVar("T")

_REASONS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
if sys.platform != "win32":
    _REASONS[signal.SIGHUP] = "hung up"
_SHOW_CURSOR = b"\x1b[?25h\n"


class Signals:
    """While inside, a first signal asks the work to stop; SIGINT after it leaves at once.

    Must be entered in the main thread. The handlers stay until the end of the block, so that a
    signal does not disturb the saving either.
    """

    def __init__(self) -> None:
        # The one queue that a signal handler may put into while the same thread is getting from it.
        self._events: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._received = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in _REASONS:
            # Under nohup a terminal that is closed is no reason to stop.
            if number.name != "SIGHUP" or signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *ended: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run(self, work: Callable[[Stop], T]) -> T:
        """Do the work in a thread; its result, or its exception, comes out here."""
        stop = Stop()
        outcome: Future[T] = Future()

        def run() -> None:
            try:
                outcome.set_result(work(stop))
            except BaseException as error:
                outcome.set_exception(error)
            finally:
                self._events.put(None)

        threading.Thread(target=run, name="impasto", daemon=True).start()
        while (reason := self._next_event()) is not None:
            stop.request(reason)
        return outcome.result()

    def _next_event(self) -> str | None:
        while True:
            try:
                # With a timeout, because Windows tells of Ctrl-C only between two waits.
                return self._events.get(timeout=0.5)
            except queue.Empty:
                continue

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._received and number == signal.SIGINT:
            if is_terminal(sys.stderr):
                # The progress bar has hidden it, and nothing is left to bring it back.
                os.write(sys.stderr.fileno(), _SHOW_CURSOR)
            os._exit(EXIT_OF_STOP["interrupted"])
        self._received = True
        self._events.put(_REASONS[signal.Signals(number)])
