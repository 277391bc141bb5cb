"""What `impasto info PICTURE` tells: how the picture was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ..engine.options import Options
from .console import emit, emit_json, one_line

__all__ = ["tell_picture"]


def tell_picture(path: Path, json: bool) -> None:
    """Tell how the picture at `path` was made.

    Raises:
        UnsupportedImage: it does not tell.
        CorruptImage, ImageNotFound: it cannot be read.
    """
    from ..engine.provenance import read_provenance

    made = read_provenance(path)
    if json:
        emit_json(made.record())
        return
    size = "unknown" if made.size is None else f"{made.size[0]} x {made.size[1]}"
    rows = [
        ["made by", f"Impasto {made.version}, {made.task}"],
        ["size", size],
        *([one.role, f"{one.path} (SHA-256 {one.sha256[:12]})"] for one in made.pictures),
        ["network", f"{made.model} ({made.fingerprint[:12]})"],
        ["machine", _spelled(made.machine)],
        ["options", _spelled(_said(made.options)) or "the defaults"],
        ["plan", "unknown" if made.plan is None else _planned(made.plan)],
        ["command", made.command or "none: it was made by a program"],
    ]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        emit(f"{name:{width}}  {one_line(value)}")
    emit("`impasto again` makes it once more.")


def _said(options: Options) -> dict[str, Any]:
    """Those that are not the defaults."""
    usual, values = Options(), asdict(options)
    return {
        field.name: values[field.name]
        for field in fields(Options)
        if getattr(options, field.name) != getattr(usual, field.name)
    }


def _planned(plan: Mapping[str, Any]) -> str:
    levels = plan.get("levels")
    if not isinstance(levels, list):
        return "unknown"
    sizes = [f"{one.get('width')} x {one.get('height')}" for one in levels if isinstance(one, dict)]
    return f"{', '.join(sizes)}; peak {plan.get('peak')} of {plan.get('memory')} bytes"


def _spelled(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)
