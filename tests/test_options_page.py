"""docs/options.md: every option of every command, made from the commands; and what a recipe has."""

import runpy
from dataclasses import fields
from pathlib import Path

import pytest
from typer.main import get_command

from impasto.cli.main import app
from impasto.cli.recipe import OTHERS
from impasto.engine.options import FILE_OPTIONS, Options

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "options.md").read_text("utf-8")
TOOL = runpy.run_path(str(ROOT / "tools" / "make_options.py"))
COMMANDS = dict(TOOL["visible"]("", get_command(app)))
PAINTING = [COMMANDS[name] for name in ("stylize", "reconstruct", "texture", "batch")]
PARAMETERS = {str(parameter.name) for command in PAINTING for parameter in command.params}
FIELDS = {field.name for field in fields(Options)}

# What a recipe has not, and why: it says how a picture is made, of any photograph, anywhere.
NOT_IN_A_RECIPE = {
    "what is painted": {"content", "style", "image", "paths", "recursive", "watch"},
    "a file to be opened": {*FILE_OPTIONS, "bundle", "trust", "recipe"},
    "where it goes": {"output", "format", "overwrite", "save_recipe"},
    "how it is kept and watched": {
        *("checkpoint", "checkpoint_every", "save_every", "animate", "plot"),
        *("report", "report_page"),
    },
    "what is said of it": {"json", "quiet", "debug"},
    "other machines": {"cluster"},
}


def section(path):
    """What the page says of one command."""
    together = path in ("stylize", "reconstruct", "texture", "batch")
    title = "## `stylize`, " if together else f"## `{f'impasto {path}'.rstrip()}`\n"
    return TEXT.split(title)[1].split("\n## ")[0]


def test_the_page_is_what_the_commands_say():
    assert TOOL["page"]() == TEXT, "make options"


@pytest.mark.parametrize("path", [path for path in COMMANDS if COMMANDS[path].params], ids=str)
def test_every_option_of_every_command_is_on_the_page(path):
    rows = [row.replace("\\|", "|") for row in section(path).splitlines()]
    for parameter in COMMANDS[path].params:
        if parameter.name not in ("install_completion", "show_completion"):
            said = parameter.help.replace("\\[", "[")
            name = max(parameter.opts, key=len) if parameter.param_type_name == "option" else ""
            assert [row for row in rows if row.startswith(f"| `{name}") and said in row]


@pytest.mark.parametrize(
    "row",
    [
        "| `--border replicate\\|reflect\\|zeros\\|wrap` | stylize, reconstruct, batch | replicate "
        "| `border` | ",
        "| `--init START` | all | content; noise with reconstruct, texture | `init` | ",
        "| `--mask MASK[:STYLE_MASK]` | stylize | – | – | ",
        "| `--quiet, -q` | all | off | – | ",
        "| `--port NUMBER` | 8000 | ",
    ],
)
def test_rows_tell_choices_commands_defaults_and_keys(row):
    assert [line for line in TEXT.splitlines() if line.startswith(row)]


def test_every_field_is_an_option_and_every_option_a_key_or_has_a_reason_not_to_be():
    reasons = [name for names in NOT_IN_A_RECIPE.values() for name in names]
    assert len(set(reasons)) == len(reasons)
    assert FIELDS <= PARAMETERS
    keys = {*FIELDS, *OTHERS} - {*FILE_OPTIONS}
    assert keys == PARAMETERS - {*reasons}
