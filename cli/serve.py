"""`impasto serve`: the service and its page."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..engine.errors import ModelError, OptionsError, RuntimeMissing
from . import keeping_options as k
from . import parameters as p
from .console import say
from .exits import show_tracebacks
from .parsing import parse_bytes, parse_seconds
from .paths import path_of

if TYPE_CHECKING:
    from ..service.settings import ServiceSettings

__all__ = ["serve"]

_MODULES = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")
_JOBS, _LIMITS, _KEEPING = "Jobs", "Limits", "Keeping"


def serve(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Where jobs are kept; made if it is not there.",
            parser=path_of,
            show_default=False,
        ),
    ],
    styles: Annotated[
        Path | None,
        typer.Option(
            help="Folder with paintings and style files that everybody may choose.",
            parser=path_of,
            rich_help_panel=_JOBS,
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at; 0 is a free one.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the token that requests must bear; or set IMPASTO_TOKEN.",
            parser=path_of,
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(help="Jobs that are painted at once.", rich_help_panel=_JOBS)
    ] = 1,
    queue: Annotated[int, typer.Option(help="Jobs that may wait.", rich_help_panel=_JOBS)] = 32,
    memory: k.Memory = None,
    time: Annotated[
        str, typer.Option(help="The most that one job is painted.", rich_help_panel=_LIMITS)
    ] = "10m",
    largest: Annotated[
        int,
        typer.Option("--largest", help="Longer side of results at most.", rich_help_panel=_LIMITS),
    ] = 2048,
    upload: Annotated[
        str, typer.Option(help="Bytes of one picture at most.", rich_help_panel=_LIMITS)
    ] = "24M",
    keep_days: Annotated[
        float, typer.Option(help="Days that pictures are kept.", rich_help_panel=_KEEPING)
    ] = 7.0,
    keep_jobs: Annotated[
        int, typer.Option(help="Jobs that are kept at most.", rich_help_panel=_KEEPING)
    ] = 500,
    keep_bytes: Annotated[
        str, typer.Option(help="Bytes that are kept at most.", rich_help_panel=_KEEPING)
    ] = "2G",
    grace: Annotated[
        str, typer.Option(help="Time to save running jobs at the end.", rich_help_panel=_KEEPING)
    ] = "20s",
    model: p.Model = None,
    threads: p.Threads = None,
    debug: p.Debug = False,
) -> None:
    """Paint for others: a page at http://127.0.0.1:8000/ and an API (docs at /docs).

    Jobs that were accepted are finished after a crash too: start it again with the same folder.
    """
    show_tracebacks(debug)
    _check_installed()
    from ..engine.limits import Limits
    from ..engine.memory import default_budget
    from ..service.settings import ServiceSettings

    settings = ServiceSettings(
        folder=folder,
        memory=default_budget() if memory is None else parse_bytes(memory),
        styles=_styles(styles),
        model=model,
        threads=threads,
        workers=workers,
        queue=queue,
        time=parse_seconds(time),
        limits=Limits(
            file_bytes=parse_bytes(upload, "--upload"),
            pixels=40_000_000,
            side=16_384,
            output_side=largest,
        ),
        keep_seconds=keep_days * 86_400,
        keep_jobs=keep_jobs,
        keep_bytes=parse_bytes(keep_bytes, "--keep-bytes"),
        grace=parse_seconds(grace, "--grace"),
        token=_token(token_file),
        host=host,
        port=port,
    )
    _serve(settings)


def _serve(settings: ServiceSettings) -> None:
    from ..service.jobs import Jobs
    from ..service.server import listening, serve

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    with listening(settings) as bound:
        jobs = Jobs(settings)
        failed = jobs.open()
        if failed is not None:
            jobs.close()
            raise ModelError(failed.sentence)
        name = f"[{settings.host}]" if ":" in settings.host else settings.host
        where = f"http://{name}:{bound.getsockname()[1]}/"
        if not settings.is_local and settings.token is None:
            say("warning: whoever reaches this address may use it: there is no token")
        serve(jobs, bound, lambda: say(f"serving at {where} (Ctrl-C ends it)"))


def _check_installed() -> None:
    import importlib.util

    missing = [name for name in _MODULES if importlib.util.find_spec(name) is None]
    if missing:
        raise RuntimeMissing("the service is not installed: pip install 'impasto[serve]'")


def _styles(folder: Path | None) -> Path | None:
    if folder is not None and not folder.is_dir():
        raise OptionsError(f"--styles {str(folder)!r} is no folder")
    return folder


def _token(path: Path | None) -> str | None:
    if path is None:
        return os.environ.get("IMPASTO_TOKEN") or None
    try:
        return path.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise OptionsError(f"--token-file {str(path)!r} cannot be read") from error
