"""docs/tour.md: each picture is there, and was made by a command under it."""

import re
import runpy
from pathlib import Path

import pytest
from typer.main import get_command

from impasto.cli.main import app
from impasto.engine.images import read_picture

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "tour.md").read_text("utf-8")
COMMANDS = runpy.run_path(str(ROOT / "tools" / "make_tour.py"))["commands"](TEXT)
PICTURES = re.findall(r"!\[.+?\]\((.+?)\)", TEXT)


@pytest.mark.parametrize("picture", PICTURES)
def test_pictures_are_there_and_have_a_command(picture):
    assert read_picture(ROOT / "docs" / picture).shape[0] > 100
    assert [command for command in COMMANDS if f"docs/{picture}" in command]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_are_understood(command):
    name, *arguments = command
    for path in arguments:
        if path.startswith(("examples/", "tools/")):
            assert (ROOT / path).is_file()
    if name == "impasto":
        get_command(app).commands[arguments[0]].make_context(arguments[0], arguments[1:])
