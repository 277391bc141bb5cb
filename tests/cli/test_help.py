import pytest
from typer.main import get_command
from typer.testing import CliRunner

from impasto import __version__
from impasto.cli.main import app


def commands(command=None, path=()):
    command = command or get_command(app)
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))


COMMANDS = dict(commands())
WIDE = {"COLUMNS": "200", "TERMINAL_WIDTH": "200"}


def test_commands_are_those_that_people_are_told_of():
    assert {path for path, command in COMMANDS.items() if path and not command.hidden} == {
        ("stylize",),
        ("batch",),
        ("again",),
        ("reconstruct",),
        ("texture",),
        ("layers",),
        ("compare-inits",),
        ("resume",),
        ("style",),
        ("style", "save"),
        ("style", "show"),
        ("plan",),
        ("export",),
        ("models",),
        ("models", "show"),
        ("models", "pull"),
        ("presets",),
        ("bench",),
        ("info",),
        ("serve",),
    }


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_and_option_has_help(path):
    command = COMMANDS[path]
    assert command.help
    for parameter in command.params:
        if parameter.name not in ("install_completion", "show_completion"):
            assert parameter.help.endswith((".", ".bmp")), parameter.name


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_shows_every_option(path):
    ended = CliRunner().invoke(app, [*path, "--help"], env=WIDE)
    assert ended.exit_code == 0
    for parameter in COMMANDS[path].params:
        if parameter.param_type_name == "option":
            assert max(parameter.opts, key=len) in ended.stdout


def test_options_stand_in_named_groups():
    out = CliRunner().invoke(app, ["stylize", "--help"], env=WIDE).stdout
    groups = ["Picture", "Look", "Optimiser", "Machine", "Watching", "Output"]
    found = [out.index(f"─ {group} ─") for group in groups]
    assert found == sorted(found)


def test_defaults_are_shown():
    out = CliRunner().invoke(app, ["stylize", "--help"], env=WIDE).stdout
    for default in (
        "default: 512",
        "default: relu4_2",
        "default: (15 with relative",
        "default: lbfgs",
        "default: style",
    ):
        assert default in out


def test_lowering_is_told_in_the_same_words_everywhere():
    told = {
        path: (parameter.help, parameter.opts, parameter.default)
        for path, command in COMMANDS.items()
        for parameter in command.params
        if parameter.name == "lowering"
    }
    painting = {"stylize", "batch", "reconstruct", "texture", "layers", "compare-inits"}
    assert told.keys() == {*((name,) for name in (*painting, "plan", "bench")), ("style", "save")}
    assert len(set(map(str, told.values()))) == 1


def test_version_is_shown():
    ended = CliRunner().invoke(app, ["--version"])
    assert (ended.exit_code, ended.stdout) == (0, f"impasto {__version__}\n")


def test_command_alone_shows_the_help(run):
    ended = run()
    assert (ended.code, ended.err) == (2, "")
    assert "stylize" in ended.out
