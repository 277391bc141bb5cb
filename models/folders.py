"""Where pulled networks live; nothing here touches the disk."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["cache_folder", "download_folder", "network_folder", "network_path", "record_path"]


def cache_folder() -> Path:
    """The folder for what Impasto can fetch or build again; it need not exist.

    `IMPASTO_HOME` if that is set, else what the platform provides: `~/Library/Caches/impasto` on
    macOS, `%LOCALAPPDATA%/impasto/Cache` on Windows, `$XDG_CACHE_HOME/impasto` or
    `~/.cache/impasto` elsewhere.
    """
    if home := os.environ.get("IMPASTO_HOME"):
        return Path(home).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "impasto"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "impasto" / "Cache"
    shared = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification: a relative path is to be ignored.
    return (Path(shared) if Path(shared).is_absolute() else Path.home() / ".cache") / "impasto"


def download_folder() -> Path:
    """Where a checkpoint lies while it is fetched."""
    return cache_folder() / "downloads"


def network_folder() -> Path:
    """Where networks lie: those that were pulled, and what anybody puts beside them."""
    return cache_folder() / "models"


def network_path(name: str) -> Path:
    """Where the pulled network of that name lies."""
    return network_folder() / f"{name}.onnx"


def record_path(name: str) -> Path:
    """Where it is written what was pulled: its hash above all."""
    return network_folder() / f"{name}.json"
