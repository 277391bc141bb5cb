"""What stands before every request: who may ask, how much and how long, and what every answer has.

Plain ASGI, so that it holds for bodies while they come in, before any parser sees them.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

from .refusals import Refusal
from .settings import LOOPBACK, ServiceSettings

__all__ = ["Guard", "answer_of"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_CLOSED = ("/api/", "/metrics")
# What these ask for changes nothing, but for streams that were asked to: they need a job's name,
# and no page of another site can read one.
_SAFE = ("GET", "HEAD", "OPTIONS")
_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


class Guard:
    """Wraps the application."""

    def __init__(self, application: Application, settings: ServiceSettings) -> None:
        self._application = application
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        began, body = False, _Body(receive, scope, self._settings)

        async def answering(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                more = _HEADERS if body.is_complete else [*_HEADERS, (b"connection", b"close")]
                message = {**message, "headers": [*message.get("headers", []), *more]}
            await send(message)

        try:
            if scope["type"] != "http":
                raise Refusal(400, "OptionsError", "only plain HTTP is spoken here")
            self._check(scope)
            await self._application(scope, body.receive, answering)
        except Refusal as refusal:
            if began:
                raise
            await answer_of(answering, refusal)

    def _check(self, scope: Scope) -> None:
        headers = [(name.lower(), value) for name, value in scope["headers"]]
        known = dict(headers)
        if self._settings.is_local and not _is_local(known.get(b"host", b"")):
            # A name that a stranger's page has pointed at this machine (DNS rebinding).
            raise Refusal(400, "OptionsError", "this server is for this machine alone")
        if scope["method"] not in _SAFE and not _is_of_its_own(known):
            # A form needs no leave of ours: any page that somebody looks at could send one.
            raise Refusal(403, "OptionsError", "a page of another site cannot ask for this")
        if known.get(b"content-encoding", b"identity") != b"identity":
            raise Refusal(415, "OptionsError", "a body must be sent as it is, not compressed")
        if scope["path"].startswith(_CLOSED):
            self._check_token(known.get(b"authorization", b""))
        length = known.get(b"content-length", b"0")
        if not length.isdigit() or int(length[:19]) > self._settings.body_bytes:
            raise _too_large(self._settings)

    def _check_token(self, given: bytes) -> None:
        token = self._settings.token
        if token is None:
            return
        kind, _, told = given.partition(b" ")
        same = hmac.compare_digest(told.strip(), token.encode())
        if kind.lower() != b"bearer" or not same:
            raise Refusal(401, "OptionsError", "a token is needed: Authorization: Bearer TOKEN")


class _Body:
    """Counts the bytes of a body while they come, and the time that they take.

    What is left of one when the answer begins is not waited for: the connection is closed then.
    """

    def __init__(self, receive: Receive, scope: Scope, settings: ServiceSettings) -> None:
        names = {name.lower(): value for name, value in scope.get("headers", [])}
        self._announced = (
            b"transfer-encoding" in names or names.get(b"content-length", b"0") != b"0"
        )
        self._receive = receive
        self._settings = settings
        self._left = settings.body_bytes
        self._until = time.monotonic() + settings.body_seconds
        self._complete = False

    @property
    def is_complete(self) -> bool:
        """Whether nothing more of it is to come."""
        return self._complete or not self._announced

    async def receive(self) -> Message:
        if self._complete:  # what comes now is that the client has gone
            return await self._receive()
        try:
            async with asyncio.timeout(max(0.0, self._until - time.monotonic())):
                message = await self._receive()
        except TimeoutError as error:
            sentence = "the request took too long to come in"
            raise Refusal(408, "DeadlineExceeded", sentence) from error
        self._left -= len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._left < 0:
            raise _too_large(self._settings)
        return message


async def answer_of(send: Send, refusal: Refusal) -> None:
    """Send a refusal as JSON."""
    body = json.dumps({"error": refusal.kind, "message": refusal.sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if refusal.retry_after is not None:
        headers.append((b"retry-after", b"%d" % refusal.retry_after))
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    start = {"type": "http.response.start", "status": refusal.status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})


def _too_large(settings: ServiceSettings) -> Refusal:
    sentence = f"a request may have at most {settings.body_bytes} bytes"
    return Refusal(413, "ImageTooLarge", sentence)


def _is_of_its_own(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a page of this server asks, or no page at all.

    Browsers say in `Sec-Fetch-Site` what asks, as they see it: before any proxy, which may change
    the `Host`. Where they do not (old ones, and plain HTTP at other addresses than this machine's),
    they say in `Origin` of which site the page is.
    """
    site = headers.get(b"sec-fetch-site", b"none").lower()
    if site != b"none":
        return site == b"same-origin"
    origin = headers.get(b"origin")
    if origin is None:
        return True
    _, _, asking = origin.lower().partition(b"://")
    return asking != b"" and asking == headers.get(b"host", b"").lower()


def _is_local(host: bytes) -> bool:
    name = host.decode("latin-1").lower()
    bare = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    return bare in LOOPBACK
