"""Live progress as server-sent events: the latest news, at a bounded rate, to any number of times.

A client that reads slowly misses news and is never waited for: there is only the latest to send.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

from .jobs import Jobs
from .store import ENDED
from .telling import told

__all__ = ["events"]

_LOOK_EVERY = 0.2
_ALIVE_EVERY = 10.0


async def events(jobs: Jobs, id: str, attached: bool) -> AsyncIterator[bytes]:
    """`state` when it changes, `progress` and `preview` while it runs; ends with the job.

    Args:
        attached: whether the job is cancelled when the client goes away before its end.
    """
    state, version, silent = "", 0, 0.0
    finished = False
    try:
        while not jobs.is_closing:
            job = await asyncio.to_thread(jobs.store.get, id)
            if job is None:
                break
            feed = jobs.feeds.get(id)
            if job.state != state:
                state, silent = job.state, 0.0
                yield _event("state", told(job))
            elif feed is not None and feed.version != version:
                version, silent = feed.version, 0.0
                yield _event("progress", feed.progress)
                if feed.preview is not None:
                    yield _event("preview", base64.b64encode(feed.preview).decode())
            elif silent >= _ALIVE_EVERY:
                silent = 0.0
                yield b": alive\n\n"
            if state in ENDED:
                break
            await asyncio.sleep(_LOOK_EVERY)
            silent += _LOOK_EVERY
        finished = True
    finally:
        if attached and not finished and (job := jobs.store.get(id)) is not None:
            jobs.cancel(job)


def _event(name: str, data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
