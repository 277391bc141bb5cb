"""The application: routes, and what each does. The only file that knows FastAPI."""

# Annotations stay values here: FastAPI reads those of its routes, whose types are loaded late.

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ..engine.errors import StyleError
from .description import PARAMETERS, SUBMISSION
from .desk import Desk
from .events import events
from .guard import Application, Guard
from .intake import MOST_STYLES, named_styles, submission_of, write_pictures
from .jobs import Jobs
from .messages import Failed
from .refusals import Refusal, ending, no_room, refusal_of
from .static import PAGES, page
from .store import ENDED, Job
from .telling import told

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

__all__ = ["application"]

_log = logging.getLogger("impasto.service")
_LISTED = 100
_MOST_TEXT = 64 << 10
# Streams that are open at once; each is asked every fifth of a second.
_MOST_STREAMS = 200
# Requests for thumbnails that wait, beside submissions.
_MOST_THUMBNAILS = 16


def application(jobs: Jobs) -> Application:
    """The whole service, guarded. It owns `jobs`, which are closed when it ends."""
    from fastapi import FastAPI

    desk = Desk(jobs.settings.uploads + _MOST_THUMBNAILS)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(jobs.close)
        await asyncio.to_thread(desk.close)

    app = FastAPI(
        title="Impasto",
        description="Photographs painted in the manner of paintings.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    _answer_errors(app, jobs)
    _add_health(app, jobs)
    _add_jobs(app, jobs, desk)
    _add_pictures(app, jobs)
    _add_styles(app, jobs, desk)
    return Guard(app, jobs.settings)


def _answer_errors(app: "FastAPI", jobs: Jobs) -> None:
    from fastapi import Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse
    from starlette.exceptions import HTTPException

    def answer(
        status: int, kind: str, sentence: str, retry_after: int | None = None
    ) -> JSONResponse:
        headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        return JSONResponse({"error": kind, "message": sentence}, status, headers)

    @app.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> JSONResponse:
        return answer(refusal.status, refusal.kind, refusal.sentence, refusal.retry_after)

    @app.exception_handler(StyleError)
    async def cannot(request: Request, error: StyleError) -> JSONResponse:
        # Of the server itself, such as a full disk; the log may name what a client may not know.
        _log.error("%s", error)
        refusal = refusal_of(Failed(type(error).__name__, str(error)), jobs.folder)
        return answer(refusal.status, refusal.kind, refusal.sentence)

    @app.exception_handler(HTTPException)
    async def not_so(request: Request, error: HTTPException) -> JSONResponse:
        words = {404: "there is nothing here", 405: "that cannot be done here"}
        sentence = words.get(error.status_code, "the request cannot be read")
        return answer(error.status_code, "OptionsError", sentence)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return answer(400, "OptionsError", "the request has a wrong parameter")

    @app.exception_handler(Exception)
    async def opaque(request: Request, error: Exception) -> JSONResponse:
        # uvicorn writes the error to the log.
        return answer(500, "StyleError", "something went wrong here, and was written to the log")


def _add_health(app: "FastAPI", jobs: Jobs) -> None:
    from fastapi.responses import Response

    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "alive"}

    @app.get("/readyz", tags=["health"])
    async def readyz() -> dict[str, str]:
        """Jobs are accepted; 503 while the server is ending."""
        if jobs.is_closing:
            raise ending()
        return {"status": "ready"}

    @app.get("/metrics", tags=["health"])
    def metrics() -> Response:
        """For Prometheus."""
        return Response(jobs.metrics.text(), media_type="text/plain; version=0.0.4")

    def add_page(path: str, name: str, kind: str) -> None:
        @app.get(path, include_in_schema=False)
        async def show() -> Response:
            return Response(page(name), media_type=kind)

    for path, (name, kind) in PAGES.items():
        add_page(path, name, kind)


def _add_jobs(app: "FastAPI", jobs: Jobs, desk: Desk) -> None:
    from fastapi import Request
    from fastapi.responses import StreamingResponse

    streams = asyncio.Semaphore(_MOST_STREAMS)
    incoming = asyncio.Semaphore(jobs.settings.uploads)

    @app.get("/api/settings", tags=["jobs"])
    async def settings() -> dict[str, Any]:
        """What a request may ask for at most."""
        limits = jobs.settings.limits
        return {
            "file_bytes": limits.file_bytes,
            "pixels": limits.pixels,
            "size": limits.output_side,
            "styles": MOST_STYLES,
            "memory": jobs.settings.memory,
            "time": jobs.settings.time,
        }

    @app.post("/api/jobs", status_code=202, tags=["jobs"], openapi_extra=SUBMISSION)
    async def submit(request: Request) -> dict[str, Any]:
        """Ask for a picture; 429 with Retry-After where too many wait."""
        await asyncio.to_thread(jobs.check_room)
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise Refusal(400, "OptionsError", "a submission is a form: multipart/form-data")
        if incoming.locked():
            raise Refusal(503, "LimitError", "too many submissions are coming in", 5)
        async with incoming:
            return await _submitted(request, jobs, desk)

    @app.get("/api/jobs", tags=["jobs"])
    def listed() -> list[dict[str, Any]]:
        """The latest jobs, the youngest first."""
        return [told(job) for job in jobs.store.latest(_LISTED)]

    @app.get("/api/jobs/{id}", tags=["jobs"])
    def status(id: str) -> dict[str, Any]:
        """Where a job stands."""
        feed = jobs.feeds.get(id)
        return told(_job(jobs, id)) | {"progress": None if feed is None else feed.progress}

    @app.delete("/api/jobs/{id}", tags=["jobs"])
    def delete(id: str) -> dict[str, Any]:
        """Cancel a job that waits or runs; forget one that has ended, with its pictures."""
        job = _job(jobs, id)
        if job.state in ENDED:
            jobs.forget(job)
        else:
            jobs.cancel(job)
        return {"id": id}

    @app.get("/api/jobs/{id}/events", tags=["jobs"], openapi_extra=PARAMETERS)
    async def watch(id: str, attached: bool = False) -> StreamingResponse:
        """Server-sent events: state, progress, and preview (a JPEG in base64)."""
        await asyncio.to_thread(_job, jobs, id)
        if streams.locked():
            raise Refusal(503, "LimitError", "too many are watching", 5)

        async def stream() -> AsyncIterator[bytes]:
            async with streams:
                async for event in events(jobs, id, attached):
                    yield event

        return StreamingResponse(stream(), media_type="text/event-stream")


def _add_pictures(app: "FastAPI", jobs: Jobs) -> None:
    from fastapi.responses import FileResponse, Response

    def file(id: str, name: str, kind: str) -> FileResponse:
        job = _job(jobs, id)
        path = jobs.folder_of(job.id) / name
        if job.state != "done" or not path.is_file():
            raise Refusal(409, "OptionsError", "the job has no result, or not yet")
        return FileResponse(path, media_type=kind)

    @app.get("/api/jobs/{id}/result", tags=["jobs"], response_class=Response)
    def result(id: str) -> FileResponse:
        """The picture, as PNG."""
        return file(id, "result.png", "image/png")

    @app.get("/api/jobs/{id}/before", tags=["jobs"], response_class=Response)
    def before(id: str) -> FileResponse:
        """The photograph, as large and cut as the result, as JPEG."""
        return file(id, "before.jpg", "image/jpeg")

    @app.get("/api/jobs/{id}/thumbnail", tags=["jobs"], response_class=Response)
    def small(id: str) -> FileResponse:
        """The picture, as a small JPEG."""
        return file(id, "thumbnail.jpg", "image/jpeg")


def _add_styles(app: "FastAPI", jobs: Jobs, desk: Desk) -> None:
    from fastapi.responses import Response

    @app.get("/api/styles", tags=["styles"])
    def styles() -> list[str]:
        """Names of the styles that the server has."""
        return list(named_styles(jobs.settings))

    @app.get("/api/styles/{name}/thumbnail", tags=["styles"], response_class=Response)
    async def thumbnail(name: str) -> Response:
        """A small JPEG of one."""

        def shown() -> bytes | None:
            path = named_styles(jobs.settings).get(name)
            return None if path is None else jobs.clerk.thumbnail(path)

        jpeg = await desk.ask(shown)
        if jpeg is None:
            raise Refusal(404, "OptionsError", "there is no style of that name")
        return Response(jpeg, media_type="image/jpeg")


def _job(jobs: Jobs, id: str) -> Job:
    job = jobs.store.get(id)
    if job is None:
        raise Refusal(404, "OptionsError", "there is no job of that name")
    return job


async def _submitted(request: "Request", jobs: Jobs, desk: Desk) -> dict[str, Any]:
    from starlette.datastructures import UploadFile

    try:
        form = await request.form(
            max_files=1 + MOST_STYLES, max_fields=16, max_part_size=_MOST_TEXT
        )
    except OSError as error:
        raise no_room() from error
    try:
        parts = [
            (name, part.file if isinstance(part, UploadFile) else part)
            for name, part in form.multi_items()
        ]
        return await desk.ask(lambda: _accepted(parts, jobs))
    finally:
        await form.close()


def _accepted(parts: list[tuple[str, Any]], jobs: Jobs) -> dict[str, Any]:
    submission = submission_of(parts, jobs.settings)
    try:
        name, folder = jobs.new_folder()
    except OSError as error:
        raise no_room() from error
    try:
        styles = write_pictures(folder, submission)
        job = jobs.submit(name, styles, submission.options, submission.memory, submission.time)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return told(job)
