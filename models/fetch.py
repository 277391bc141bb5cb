"""Download one file over HTTPS, and go on where an earlier attempt ended."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from ..engine.errors import ModelError, OutputError
from ..engine.files import write_atomic

__all__ = ["Progress", "discard", "fetch"]

Progress: TypeAlias = Callable[[int, int | None], None]

_MAX_BYTES = 1 << 30
_CHUNK = 1 << 18
_TIMEOUT_SECONDS = 30.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def fetch(url: str, part: Path, progress: Progress | None = None) -> None:
    """Download `url` to `part`; what an earlier attempt left there is completed.

    A note beside `part` says which version of the file it began with; only that version is
    continued.

    Args:
        url: https; http only on this machine itself.
        progress: called with bytes so far and bytes in all (None where the server does not say).

    Raises:
        ModelError: the server cannot be reached or gives something else; `part` is kept for the
            next attempt.
        OutputError: `part` cannot be written, on a full disk for example.
    """
    _check(url)
    begun = _read_note(part)
    done = _size(part) if begun and begun.url == url else 0
    if begun and done and done == begun.total:
        return
    answer = _ask(url, done, begun.validator if begun and done else "")
    with contextlib.closing(answer.body):
        write_atomic(_note_path(part), json.dumps(asdict(answer.note)).encode())
        _save(answer, part, progress or (lambda done, total: None))


def discard(part: Path) -> None:
    """Remove `part` and the note beside it, as far as they exist."""
    for path in (part, _note_path(part)):
        with contextlib.suppress(OSError):
            path.unlink()


@dataclass(frozen=True)
class _Note:
    """Which version of which file a part belongs to; without a validator it cannot be continued."""

    url: str
    validator: str
    total: int | None


@dataclass(frozen=True)
class _Answer:
    note: _Note
    start: int
    body: Any


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme != "https":
            raise ModelError(f"{req.full_url} leads to {newurl!r}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        allowed = parts.scheme == "https" or (
            parts.scheme == "http" and parts.hostname in _LOOPBACK
        )
    except ValueError as error:
        raise ModelError(f"{url!r} is no address: {error}") from error
    if not allowed:
        raise ModelError(f"{url!r} is not an https address")


def _ask(url: str, done: int, validator: str) -> _Answer:
    """Send the request; the answer begins at byte `done`, or at 0 where the server wants that."""
    request = urllib.request.Request(url, headers={"User-Agent": "impasto"})
    if done and validator:
        request.add_header("Range", f"bytes={done}-")
        request.add_header("If-Range", validator)
    handlers: list[Any] = [_HttpsOnly()]
    if urlsplit(url).hostname in _LOOPBACK:
        handlers.append(urllib.request.ProxyHandler({}))
    try:
        body = urllib.request.build_opener(*handlers).open(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and done:
            return _ask(url, 0, "")
        raise ModelError(
            f"cannot download {url}: the server answers {error.code} {error.reason}"
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ModelError(f"cannot download {url}: {_reason(error)}") from error
    try:
        answer = _judge(url, done, body)
    except BaseException:
        body.close()
        raise
    if answer is None:
        body.close()
        return _ask(url, 0, "")
    return answer


def _judge(url: str, done: int, body: Any) -> _Answer | None:
    """What the server gives; None where it goes on at another place than was asked for."""
    headers = body.headers
    if headers.get_content_type() == "text/html":
        raise ModelError(f"cannot download {url}: the server gives a web page in its place")
    total: int | None
    if body.status == 206 and done:
        found = re.fullmatch(
            r"bytes (\d{1,15})-\d{1,15}/(\d{1,15})", headers.get("Content-Range", "")
        )
        if not found or int(found[1]) != done:
            return None
        total = int(found[2])
    elif body.status == 200:
        length = headers.get("Content-Length", "")
        done, total = 0, int(length) if re.fullmatch(r"\d{1,15}", length) else None
    else:
        raise ModelError(f"cannot download {url}: the server answers {body.status} {body.reason}")
    if total is not None and total > _MAX_BYTES:
        raise ModelError(f"cannot download {url}: {total} bytes are more than {_MAX_BYTES}")
    tag = headers.get("ETag", "")
    # A weak tag promises the same meaning, not the same bytes.
    validator = tag if tag.startswith('"') else headers.get("Last-Modified", "")
    return _Answer(_Note(url, validator, total), done, body)


def _save(answer: _Answer, part: Path, progress: Progress) -> None:
    url, total, done = answer.note.url, answer.note.total, answer.start
    with _reported(part):
        # Without a buffer: closing it would try to write once more on a full disk.
        stream = part.open("ab" if answer.start else "wb", buffering=0)
    with stream:
        progress(done, total)
        while chunk := _receive(answer):
            done += len(chunk)
            if done > (_MAX_BYTES if total is None else total):
                raise ModelError(f"cannot download {url}: it has more bytes than announced")
            with _reported(part):
                while chunk:
                    chunk = chunk[stream.write(chunk) :]
            progress(done, total)
    if total is not None and done < total:
        raise _cut(url, f"the connection ended after {done} of {total} bytes")


@contextlib.contextmanager
def _reported(part: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {part}: {error.strerror or error}") from error


def _receive(answer: _Answer) -> bytes:
    try:
        return bytes(answer.body.read1(_CHUNK))
    except (OSError, http.client.HTTPException) as error:
        raise _cut(answer.note.url, _reason(error)) from error


def _cut(url: str, reason: str) -> ModelError:
    return ModelError(
        f"cannot download {url}: {reason}; what has arrived is kept for the next attempt"
    )


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", error)
    if isinstance(inner, TimeoutError):
        return f"no answer within {_TIMEOUT_SECONDS:.0f} seconds"
    return str(getattr(inner, "strerror", None) or inner or type(inner).__name__)


def _note_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read_note(part: Path) -> _Note | None:
    try:
        note = _Note(**json.loads(_note_path(part).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    sound = isinstance(note.url, str) and isinstance(note.validator, str)
    return note if sound and isinstance(note.total, int | None) else None


def _size(part: Path) -> int:
    try:
        return part.stat().st_size
    except OSError:
        return 0
