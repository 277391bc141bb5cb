"""Recipes on the command line: every key is written, and read again as what was typed."""

import tomllib
from dataclasses import fields

import pytest
from typer.main import get_command

from impasto.cli.main import app
from impasto.cli.recipe import OTHERS, save_recipe
from impasto.cli.tasks import options_of
from impasto.engine.errors import OptionsError
from impasto.engine.options import FILE_OPTIONS, Options
from impasto.engine.recipe import read_recipe

# Made once: it takes a moment.
COMMANDS = get_command(app).commands
PICTURES = {
    "stylize": ["photo.jpg", "painting.jpg"],
    "reconstruct": ["photo.jpg"],
    "texture": ["painting.jpg"],
    "batch": ["photos", "--style", "painting.jpg", "-o", "painted"],
}
FIELDS = {field.name for field in fields(Options)} - {*FILE_OPTIONS}
# For every key something that no command has as its default; None where the option stands alone.
TYPED = {
    "size": "300x200",
    "levels": "3",
    "coarsest": "64",
    "level_factor": "1.5",
    "iterations": "5,4",
    "objective": "gatys",
    "content_layers": "relu3_1=0.5",
    "style_layers": "relu1_1=2",
    "content_weight": "2.5",
    "style_weight": "33",
    "style_loss": "moments",
    "style_falloff": "0.5",
    "balance_gradients": None,
    "tv_weight": "0.25",
    "tv_loss": "absolute",
    "pool": "average",
    "border": "reflect",
    "optimizer": "adam",
    "step": "0.03",
    "init": "style",
    "init_blend": "0.3",
    "init_noise": "0.2",
    "style_scale": "1.5",
    "style_size": "300",
    "style_blend": "2,1",
    "layer_styles": "relu3_1=2",
    "color": "luminance",
    "strength": "0.7",
    "seed": "7",
    "preset": "johnson",
    "tileable": None,
    "model": "vgg19",
    "device": "cpu",
    "precision": "tf32",
    "threads": "3",
    "lowering": "direct",
    "memory": "1.5G",
    "time": "1m30s",
    "quality": "80",
    "depth": "16",
    "no_metadata": None,
}


def context_of(command, *arguments):
    """The command line, read, and nothing done."""
    return COMMANDS[command].make_context(command, [*PICTURES[command], *arguments])


def keys_of(command):
    names = [parameter.name for parameter in COMMANDS[command].params]
    return [name for name in names if name in {*FIELDS, *OTHERS}]


def said_in(context):
    """All that a recipe may say, as the command understands it."""
    others = {name: context.params[name] for name in OTHERS if name in context.params}
    return options_of(context, Options()), {**others, "preset": None}


@pytest.mark.parametrize(
    ("command", "key"), [(command, key) for command in PICTURES for key in keys_of(command)]
)
def test_every_key_is_written_and_read_again(command, key, tmp_path):
    # `batch` reads what the others wrote.
    writer = "stylize" if command == "batch" else command
    (option,) = (
        max(parameter.opts, key=len)
        for parameter in COMMANDS[writer].params
        if parameter.name == key
    )
    value = TYPED[key]
    typed = context_of(writer, option, *([] if value is None else [value]))
    assert said_in(typed) != said_in(context_of(writer)), "the same as the default"

    path = tmp_path / "r.toml"
    save_recipe(path, typed, said_in(typed)[0])
    assert (key in tomllib.loads(path.read_text("utf-8"))) == (key != "preset")
    assert said_in(context_of(command, "--recipe", str(path))) == said_in(typed)


def test_a_preset_is_a_key_of_recipes_that_are_written_by_hand(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text('preset = "johnson"\n', "utf-8")
    read = context_of("stylize", "--recipe", str(path))
    assert said_in(read) == said_in(context_of("stylize", "--preset", "johnson"))
    assert read.params["preset"] == "johnson"


def test_no_key_is_without_a_command():
    assert {key for command in PICTURES for key in keys_of(command)} == {*FIELDS, *OTHERS}


HUGE = "0x" + "f" * 5000
# Of every type that TOML has; by each the keys that may have it.
VALUES = {
    "0": "iterations content_weight style_weight tv_weight init_blend init_noise strength seed",
    "1": "size levels coarsest iterations content_weight style_weight style_falloff tv_weight step "
    "init_blend init_noise style_scale style_size strength seed threads memory time quality",
    "-1": "",
    "1.5": "size level_factor content_weight style_weight style_falloff tv_weight style_scale "
    "memory time",
    "1e308": "",
    "inf": "",
    "-inf": "",
    "nan": "",
    HUGE: "",
    "true": "balance_gradients tileable no_metadata",
    "false": "balance_gradients tileable no_metadata",
    "''": "",
    "'x'": "device",  # which the engine knows, and names
    "1979-05-27": "",
    "1979-05-27T07:32:00Z": "",
    "07:32:00": "",
    "[]": "masks",
    "[1]": "iterations style_scale style_blend",
    "[1.5]": "style_scale style_blend",
    "['x']": "",
    "[1979-05-27]": "",
    f"[{HUGE}]": "",
    "[[]]": "",
    "[[1]]": "",
    "[" * 60 + "]" * 60: "",
    "[{a = 1}]": "",
    "{}": "content_layers style_layers layer_styles",
    "{a = 1}": "content_layers style_layers layer_styles",
    "{a = 'x'}": "",
    "{a = [1]}": "",
    "{a = {b = 1}}": "",
    f"{{a = {HUGE}}}": "",
}


@pytest.mark.parametrize("key", [field.name for field in fields(Options)] + [*OTHERS])
@pytest.mark.parametrize("value", VALUES, ids=lambda value: value[:20])
def test_every_key_has_its_types_and_is_named_where_it_has_another(key, value, tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(f"{key} = {value}", "utf-8")
    if key in VALUES[value].split():
        assert read_recipe(path, OTHERS).keys() == {key}
    else:
        with pytest.raises(OptionsError, match=rf"recipe .*\b{key}\b") as caught:
            read_recipe(path, OTHERS)
        assert len(str(caught.value)) < 500
