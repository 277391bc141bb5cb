"""The main function of a worker process: one engine, one order at a time.

A thread listens meanwhile, so that a job or a plan can be cancelled. When the server is gone,
however it went, the pipe ends: the job in the making is saved, and the process ends.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection

from ..engine.engine import Engine
from ..engine.errors import StyleError
from ..engine.stop import Stop, Stopped
from .messages import Answer, Cancel, Failed, Order, Paint, PlanOrder, Ready, Setup
from .painter import paint, planned, thumbnail

__all__ = ["work"]

LEFT = "the server is gone"


def work(pipe: Connection, setup: Setup) -> None:
    """Answer orders until the pipe ends."""
    # A signal to the whole group is for the server, which then tells its workers what to save.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):  # the server is gone, and nobody is left to be told
        try:
            engine = Engine(setup.model, threads=setup.threads, limits=setup.limits)
        except StyleError as error:
            pipe.send(Failed(type(error).__name__, str(error)))
            return
        pipe.send(Ready())
        inbox = _Inbox(pipe)
        threading.Thread(target=inbox.listen, name="inbox", daemon=True).start()
        while (taken := inbox.orders.get()) is not None:
            order, stop = taken
            pipe.send(_answer(engine, order, stop, pipe.send))


class _Inbox:
    """Puts orders into a queue, each with the token that ends it."""

    def __init__(self, pipe: Connection) -> None:
        self.orders: queue.SimpleQueue[tuple[Order, Stop] | None] = queue.SimpleQueue()
        self._pipe = pipe

    def listen(self) -> None:
        job, stop = "", Stop()
        while True:
            try:
                message = self._pipe.recv()
            except (EOFError, OSError):
                stop.request(LEFT)
                self.orders.put(None)
                return
            if isinstance(message, Cancel):
                if message.job == job:
                    stop.request(message.reason)
            else:
                job, stop = message.job if isinstance(message, Paint) else "", Stop()
                self.orders.put((message, stop))


def _answer(engine: Engine, order: Order, stop: Stop, tell: Callable[[object], None]) -> Answer:
    try:
        if isinstance(order, PlanOrder):
            return planned(engine, order, stop)
        if isinstance(order, Paint):
            return paint(engine, order, stop, tell)
        return thumbnail(engine, order)
    except StyleError as error:
        return Failed(type(error).__name__, str(error))
    except Stopped as stopped:
        return Failed("DeadlineExceeded", str(stopped))
    except MemoryError:
        return Failed("MemoryLimit", "there is not enough memory for this")
    except OSError as error:
        return Failed("OutputError", error.strerror or "the disk cannot be used")
    except Exception as error:
        # The server goes on; its log tells what must be repaired.
        return Failed("Defect", f"{type(error).__name__}: {error}")
