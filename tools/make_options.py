"""Write docs/options.md: every option of every command, as the commands themselves tell it.

    python tools/make_options.py

Nothing is said twice: names, choices, defaults and help are those of `impasto COMMAND --help`, and
a recipe's keys are those that `--recipe` takes. A test holds the page to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from typer.main import get_command

from impasto.cli.main import app
from impasto.cli.recipe import OTHERS
from impasto.engine.options import FILE_OPTIONS, Options

PAGE = Path(__file__).parent.parent / "docs" / "options.md"
PAINTING = ("stylize", "reconstruct", "texture", "batch")
# A recipe opens no file.
RECIPE_KEYS = {*(one.name for one in fields(Options)), *OTHERS} - {*FILE_OPTIONS}
# They are Typer's, and of every program that is made with it.
NOT_OURS = ("install_completion", "show_completion")
NOTHING = "–"
INTRODUCTION = """\
# Every option

Made by `make options` from the commands themselves; `impasto COMMAND --help` says the same. Where
commands differ in a default, theirs stands beside it. A recipe key is what a TOML file calls the
option ([recipes.md](recipes.md)), and `impasto.Options` from Python where it has it; – is none. A
recipe opens no file: `init` and `model` are names there, not paths. Every command has `--help`.
"""
_KINDS = {int: "NUMBER", float: "NUMBER", str: "TEXT", Path: "PATH"}


@dataclass
class Row:
    """An option, or an argument, of one or several commands that say the same of it."""

    panel: str
    spelled: str
    key: str
    help: str
    defaults: dict[str, str] = field(default_factory=dict)


def page() -> str:
    """The text of docs/options.md."""
    commands = dict(visible("", get_command(app)))
    painting = {name: commands.pop(name) for name in PAINTING}
    parts = [INTRODUCTION, f"## {', '.join(f'`{name}`' for name in PAINTING)}\n"]
    for panel, rows in by_panel(rows_of(painting)).items():
        lines = [[r.spelled, _of(r), _default(r), r.key, r.help] for r in rows]
        head = ("option", "of", "default", "recipe key", "what it does")
        parts.append(f"### {panel}\n\n{table(head, lines)}")
    for name, command in commands.items():
        rows = [row for rows in by_panel(rows_of({name: command})).values() for row in rows]
        lines = [[r.spelled, _default(r), r.help] for r in rows]
        head = ("option", "default", "what it does")
        if lines:
            parts.append(f"## `{f'impasto {name}'.rstrip()}`\n\n{table(head, lines)}")
    return "\n".join(parts)


def visible(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    """A command that people are told of, and those under it, by what is typed after `impasto`."""
    if not command.hidden:
        yield path, command
        for name, child in getattr(command, "commands", {}).items():
            yield from visible(f"{path} {name}".lstrip(), child)


def rows_of(commands: dict[str, Any]) -> list[Row]:
    """What all of them take, in their order; what is said in the same words is one row."""
    rows: dict[tuple[str, ...], Row] = {}
    for name, command in commands.items():
        hints = get_type_hints(command.callback) if command.callback else {}
        for parameter in command.params:
            if parameter.name in NOT_OURS:
                continue
            row = Row(
                getattr(parameter, "rich_help_panel", None) or _panel(parameter),
                spelled(parameter, hints[parameter.name]),
                f"`{parameter.name}`" if parameter.name in RECIPE_KEYS else NOTHING,
                parameter.help.replace("\\[", "["),
            )
            same = (row.panel, row.spelled, row.help)
            rows.setdefault(same, row).defaults[name] = default(parameter)
    return list(rows.values())


def by_panel(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """In the order in which `--help` has the panels; the same option of two kinds side by side."""
    panels: dict[str, list[Row]] = {}
    for row in rows:
        panels.setdefault(row.panel, []).append(row)
    for panel, found in panels.items():
        names = list(dict.fromkeys(map(_name, found)))
        panels[panel] = sorted(found, key=lambda row: names.index(_name(row)))
    return panels


def spelled(parameter: Any, hint: Any) -> str:
    """As it is typed: its names, and its choices or what kind of value it takes."""
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`"
    names = ", ".join(sorted(parameter.opts, key=len, reverse=True))
    kinds = [kind for kind in (hint, *get_args(hint)) if kind in _KINDS]
    choices = [choice for kind in (hint, *get_args(hint)) for choice in _choices(kind)]
    value = parameter.metavar or "|".join(choices) or "".join(_KINDS[kind] for kind in kinds)
    return f"`{names} {value}`" if value else f"`{names}`"


def default(parameter: Any) -> str:
    """What goes where nothing is typed, as `--help` shows it."""
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    if parameter.required:
        return "required"
    if parameter.default in (None, "") or not parameter.show_default:
        return NOTHING
    if isinstance(parameter.default, bool):
        return "on" if parameter.default else "off"
    if isinstance(parameter.default, list | tuple):
        return ", ".join(map(str, parameter.default))
    return str(parameter.default)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def _panel(parameter: Any) -> str:
    return "Arguments" if parameter.param_type_name == "argument" else "Options"


def _name(row: Row) -> str:
    return row.spelled.strip("`").split(" ")[0]


def _choices(kind: Any) -> Sequence[str]:
    return get_args(kind) if get_origin(kind) is Literal else ()


def _of(row: Row) -> str:
    return "all" if len(row.defaults) == len(PAINTING) else ", ".join(row.defaults)


def _default(row: Row) -> str:
    """That of most commands, then the others with theirs."""
    said = list(row.defaults.values())
    usual = max(said, key=said.count)
    others = [
        f"{other} with {', '.join(name for name, one in row.defaults.items() if one == other)}"
        for other in dict.fromkeys(said)
        if other != usual
    ]
    return "; ".join([usual, *others])


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
