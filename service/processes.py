"""Worker processes as the server sees them."""

from __future__ import annotations

import multiprocessing
import threading
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from .messages import Failed, Ready, Setup

__all__ = ["Died", "Worker"]


class Died(Exception):
    """The process ended without an answer; `code` is its exit code, or None where there is none."""

    def __init__(self, code: int | None, sentence: str | None = None) -> None:
        super().__init__(sentence or f"a worker died with {code}")
        self.code = code


class Worker:
    """One worker process, which is started when it is first needed, and again after its death."""

    def __init__(self, setup: Setup, name: str) -> None:
        self._setup = setup
        self._name = name
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        # Another thread may kill the process while its own lets go of it.
        self._lock = threading.Lock()

    def start(self) -> Failed | None:
        """See to it that a process is there with its engine open; why not, if it cannot.

        Raises:
            Died: it ended by itself, or the system has no room for it.
        """
        if self._process is not None and self._process.is_alive():
            return None
        self.end()
        try:
            self._begin()
        except OSError as error:
            self.end()
            raise Died(None, f"a worker cannot be started: {error.strerror or error}") from error
        answer = self.receive()
        if isinstance(answer, Ready):
            return None
        self.end()
        return answer if isinstance(answer, Failed) else Failed("Defect", repr(answer))

    def _begin(self) -> None:
        from .worker import work

        # Never forked: the server has threads.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        with theirs:  # in this process, or the pipe would not end when the worker does
            process = context.Process(
                target=work, args=(theirs, self._setup), name=self._name, daemon=True
            )
            process.start()
        self._process = process

    def send(self, message: object) -> None:
        """Give an order.

        Raises:
            Died: it cannot take it any more.
        """
        if self._pipe is None:
            raise Died(None)
        try:
            self._pipe.send(message)
        except OSError as error:
            raise self._died() from error

    def waits(self, seconds: float) -> bool:
        """Whether an answer, or the end, came within so long."""
        return self._pipe is None or self._pipe.poll(seconds)

    def receive(self) -> Any:
        """The next answer.

        Raises:
            Died: there will be none.
        """
        if self._pipe is None:
            raise Died(None)
        try:
            return self._pipe.recv()
        except (EOFError, OSError) as error:
            raise self._died() from error

    def kill(self) -> None:
        """End the process at once."""
        with self._lock:
            if self._process is not None:
                self._process.kill()

    def end(self, patience: float = 0.0) -> None:
        """Let the process end by itself, within so many seconds, and then by force."""
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.join(patience)
            self._process.kill()
            self._process.join()
        with self._lock:
            if self._process is not None:
                self._process.close()
            self._process = self._pipe = None

    def _died(self) -> Died:
        code = None
        if self._process is not None:
            self._process.join(5.0)
            code = self._process.exitcode
        self.end()
        return Died(code)
