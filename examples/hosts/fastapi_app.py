"""Painting inside a FastAPI application of your own: one engine, in threads, few pictures at once.

    pip install 'impasto[cpu]' fastapi python-multipart uvicorn
    OPENBLAS_NUM_THREADS=1 uvicorn fastapi_app:app --timeout-graceful-shutdown 5
    curl -F content=@photo.jpg -F style=@painting.jpg http://127.0.0.1:8000/paint -o art.png

A picture ends within one evaluation when its client goes away, and when the server does: uvicorn
cancels what still runs after its grace. For a queue that survives a crash, a page and limits of
bodies there is `impasto serve`.
"""

import asyncio
import os
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, File, Form, HTTPException, Request, Response
from fastapi.responses import JSONResponse

import impasto
from impasto.engine.errors import ImageError, ImageTooLarge, LimitError, OptionsError

AT_ONCE = int(os.environ.get("PAINT_AT_ONCE", "2"))
MEMORY = 2 << 30  # bytes, for all of them together
LIMITS = impasto.Limits(
    file_bytes=8 << 20,
    pixels=20_000_000,
    output_side=1024,
    memory=MEMORY // AT_ONCE,
    deadline=300.0,
)


@asynccontextmanager
async def lifespan(app):
    """Make the engine where it is used: in each process that the server forks, and not before."""
    threads = max(1, len(os.sched_getaffinity(0)) // AT_ONCE)
    app.state.engine = await asyncio.to_thread(impasto.Engine, threads=threads, limits=LIMITS)
    app.state.places = asyncio.Semaphore(AT_ONCE)
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/paint", response_class=Response)
async def paint(
    request: Request,
    content: Annotated[bytes, File()],
    style: Annotated[bytes, File()],
    size: Annotated[int, Form()] = 512,
    seconds: Annotated[float, Form()] = 60.0,
) -> Response:
    """Paint `content` in the manner of `style`, as well as so many seconds allow."""
    places, engine = app.state.places, app.state.engine
    if places.locked():
        raise HTTPException(503, "as many pictures as may be are painted", {"Retry-After": "30"})
    stop, options = impasto.Stop(), impasto.Options(size=size)
    async with places:
        work = asyncio.create_task(
            asyncio.to_thread(engine.stylize, content, style, options, time=seconds, stop=stop)
        )
        try:
            while not (await asyncio.wait({work}, timeout=0.5))[0]:
                if await request.is_disconnected():
                    stop.request("the client has gone")
        finally:
            stop.request("the server is ending")  # of work that is done, it changes nothing
    return Response(await asyncio.to_thread(work.result().encode), media_type="image/png")


@app.exception_handler(impasto.StyleError)
async def refuse(request: Request, error: impasto.StyleError) -> JSONResponse:
    """Tell the sentence of an error to those whose picture or options it is about."""
    for kind, status in (
        (ImageTooLarge | LimitError, 413),
        (ImageError, 422),
        (OptionsError, 400),
    ):
        if isinstance(error, kind):
            return JSONResponse({"message": str(error)}, status)
    raise error
