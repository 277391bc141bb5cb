"""Options in a TOML file: a recipe, to be read, and to be written.

A recipe names no file: a picture to start from, or a network by its path, is its reader's to give.
So it may come from a stranger.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from .checks import shown
from .errors import OptionsError
from .files import open_regular
from .options import FILE_OPTIONS, STARTS, Options

__all__ = ["read_recipe", "recipe_text"]

_MOST_BYTES = 64 * 1024


def read_recipe(
    path: str | Path,
    others: Mapping[str, Callable[[Any], Any]] | None = None,
    known: Collection[str] | None = None,
) -> dict[str, Any]:
    """What a recipe says: fields of `Options` by name, and other keys, checked one by one.

    Args:
        others: keys beside the fields of `Options`, with what makes their values of those in the
            file, or raises `OptionsError`.
        known: the keys that have a meaning here; None for all.

    Raises:
        OptionsError: the file cannot be read, has more than 64 KiB or is no TOML; or a key is
            unknown, or its value cannot be. The message names file and key.
    """
    others = others or {}
    names = [*(field.name for field in fields(Options)), *others]
    keys = [name for name in names if known is None or name in known]
    found: dict[str, Any] = {}
    for key, value in _toml(Path(path)).items():
        if key not in keys:
            near = get_close_matches(key.lower().replace("-", "_"), keys)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise OptionsError(f"recipe {str(path)!r}: {key!r} is no option here{hint}")
        try:
            found[key] = others[key](value) if key in others else _option(key, value)
        except OptionsError as error:
            raise OptionsError(f"recipe {str(path)!r}: {error}") from error
    return found


def recipe_text(values: Mapping[str, Any]) -> str:
    """The TOML of a recipe: texts, numbers, truth values, lists and tables of them by name.

    What is None is left out, for TOML has no word for it.
    """
    given = {name: value for name, value in values.items() if value is not None}
    tables = {name: value for name, value in given.items() if isinstance(value, Mapping)}
    lines = [
        f"{_key(name)} = {_value(value)}" for name, value in given.items() if name not in tables
    ]
    for name, table in tables.items():
        lines += ["", f"[{_key(name)}]"]
        lines += [f"{_key(key)} = {_value(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def _toml(path: Path) -> dict[str, Any]:
    name = f"recipe {str(path)!r}"
    try:
        with open_regular(path) as stream:
            data = stream.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OptionsError(f"{name} cannot be read: {reason}") from error
    if len(data) > _MOST_BYTES:
        raise OptionsError(f"{name} has more than {_MOST_BYTES} bytes")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise OptionsError(f"{name} is no TOML: {error}") from error


def _option(name: str, value: Any) -> Any:
    """The value of a field of `Options`, as it is kept there."""
    if name == "init" and value not in STARTS:
        raise OptionsError(
            f"init must be one of {', '.join(STARTS)}, not {shown(value)}: a recipe opens no file"
        )
    if name in FILE_OPTIONS and value:
        raise OptionsError(f"{name} cannot be here: a recipe opens no file")
    # Whose layers are beside it in the recipe, or not.
    is_layers = name == "layer_styles" and isinstance(value, Mapping)
    others = {"style_layers": dict.fromkeys(value, 1.0)} if is_layers else {}
    return getattr(Options(**{name: value, **others}), name)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        # JSON's strings are TOML's, but for one character.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else repr(value)
