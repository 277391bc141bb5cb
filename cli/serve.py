"""`impasto serve`: the service and its page."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ..engine.errors import ModelError, OptionsError, RuntimeMissing
from ..service.settings import UPLOADS, ServiceSettings
from . import keeping_options as k
from . import parameters as p
from .console import say
from .parsing import parse_bytes, parse_seconds
from .paths import path_of

__all__ = ["serve"]

_MODULES = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")
_JOBS, _LIMITS, _KEEPING = "Jobs", "Limits", "Keeping"
_DAY = 86_400


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
    host: Annotated[str, typer.Option(help="Address to listen at.")] = ServiceSettings.host,
    port: Annotated[
        int, typer.Option(help="Port to listen at; 0 is a free one.")
    ] = ServiceSettings.port,
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the token that requests must bear; or set IMPASTO_TOKEN.",
            parser=path_of,
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(help="Jobs that are painted at once.", rich_help_panel=_JOBS)
    ] = ServiceSettings.workers,
    queue: Annotated[
        int, typer.Option(help="Jobs that may wait.", rich_help_panel=_JOBS)
    ] = ServiceSettings.queue,
    memory: k.Memory = None,
    time: Annotated[
        str, typer.Option(help="The most that one job is painted.", rich_help_panel=_LIMITS)
    ] = f"{ServiceSettings.time / 60:g}m",
    largest: Annotated[
        int,
        typer.Option("--largest", help="Longer side of results at most.", rich_help_panel=_LIMITS),
    ] = UPLOADS.output_side,
    upload: Annotated[
        str, typer.Option(help="Bytes of one picture at most.", rich_help_panel=_LIMITS)
    ] = f"{UPLOADS.file_bytes >> 20}M",
    keep_days: Annotated[
        float, typer.Option(help="Days that pictures are kept.", rich_help_panel=_KEEPING)
    ] = ServiceSettings.keep_seconds / _DAY,
    keep_jobs: Annotated[
        int, typer.Option(help="Jobs that are kept at most.", rich_help_panel=_KEEPING)
    ] = ServiceSettings.keep_jobs,
    keep_bytes: Annotated[
        str, typer.Option(help="Bytes that are kept at most.", rich_help_panel=_KEEPING)
    ] = f"{ServiceSettings.keep_bytes >> 30}G",
    grace: Annotated[
        str, typer.Option(help="Time to save running jobs at the end.", rich_help_panel=_KEEPING)
    ] = f"{ServiceSettings.grace:g}s",
    model: p.Model = None,
    threads: p.Threads = None,
    debug: p.Debug = False,
) -> None:
    """Paint for others: a page at http://127.0.0.1:8000/ and an API (docs at /docs).

    Jobs that were accepted are finished after a crash too: start it again with the same folder.
    """
    _check_installed()
    from ..engine.memory import default_budget

    settings = ServiceSettings(
        folder=folder,
        memory=default_budget() if memory is None else parse_bytes(memory),
        styles=_styles(styles),
        model=model,
        threads=threads,
        workers=workers,
        queue=queue,
        time=parse_seconds(time),
        limits=replace(UPLOADS, file_bytes=parse_bytes(upload, "--upload"), output_side=largest),
        keep_seconds=keep_days * _DAY,
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
    with listening(settings) as bound, Jobs(settings) as jobs:
        failed = jobs.open()
        if failed is not None:
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
