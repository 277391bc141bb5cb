"""Loaded by the worker processes that a client has started itself, on its own machine."""

from __future__ import annotations

import signal

__all__ = ["dask_setup"]


def dask_setup(worker: object) -> None:
    """Called by Dask in the worker's main thread. Ctrl-C in a terminal comes to all processes: it
    is for the client, which then ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
