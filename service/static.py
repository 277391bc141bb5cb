"""The files of the page, by their addresses: a fixed table, so that no request names a path."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["PAGES", "page"]

_SCRIPT = "text/javascript; charset=utf-8"
_STYLE = "text/css; charset=utf-8"
_HTML = "text/html; charset=utf-8"

PAGES = {
    "/": ("index.html", _HTML),
    "/docs": ("docs.html", _HTML),
    "/page/style.css": ("style.css", _STYLE),
    "/page/main.js": ("main.js", _SCRIPT),
    "/page/api.js": ("api.js", _SCRIPT),
    "/page/picker.js": ("picker.js", _SCRIPT),
    "/page/compare.js": ("compare.js", _SCRIPT),
    "/page/history.js": ("history.js", _SCRIPT),
    "/page/docs.js": ("docs.js", _SCRIPT),
    "/page/icon.svg": ("icon.svg", "image/svg+xml"),
}


@cache
def page(name: str) -> bytes:
    """The bytes of one of them."""
    return (files(__package__) / "page" / name).read_bytes()
