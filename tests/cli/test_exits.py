from dataclasses import fields

import pytest
from typer.main import get_command

from impasto.cli.exits import exit_code_of
from impasto.cli.main import app
from impasto.cli.spelling import spelled
from impasto.engine import errors
from impasto.engine.options import Options
from impasto.models import store

CODES = {name: getattr(errors, name).exit_code for name in errors.__all__}


def raising(error):
    def command():
        raise error

    return command


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_has_its_exit_code_and_one_sentence(name, capfd):
    error = getattr(errors, name)("the file\n is wrong")
    assert exit_code_of(raising(error)) == CODES[name]
    assert capfd.readouterr().err == "impasto: the file is wrong\n"


def test_exit_codes_are_those_that_were_promised():
    promised = {
        "OptionsError": 2,
        "ImageError": 3,
        "ModelError": 4,
        "OutputError": 5,
        "LimitError": 6,
        "NumericalError": 7,
        "ResumeError": 8,
    }
    for base, code in promised.items():
        for name in errors.__all__:
            if issubclass(getattr(errors, name), getattr(errors, base)):
                assert CODES[name] == code


def test_too_little_memory_is_a_limit(capfd):
    assert exit_code_of(raising(MemoryError())) == errors.MemoryLimit.exit_code
    assert "memory" in capfd.readouterr().err


def test_defect_is_called_one_and_shows_no_traceback(run, monkeypatch):
    monkeypatch.setattr(store, "available", raising(ZeroDivisionError("by zero")))
    ended = run("models")
    assert ended.code == 1
    assert ended.err == (
        "impasto: this is a defect of Impasto: ZeroDivisionError: by zero; "
        "run again with --debug for the traceback\n"
    )


def test_debug_shows_the_traceback(run, monkeypatch):
    monkeypatch.setattr(store, "available", raising(ZeroDivisionError("by zero")))
    ended = run("models", "--debug")
    assert ended.code == 1
    assert "Traceback" in ended.err
    assert "--debug" not in ended.err
    assert "Traceback" not in run("models").err


def test_fields_of_options_are_called_as_on_the_command_line():
    spellings = {
        spelling
        for option in get_command(app).commands["stylize"].params
        for spelling in option.opts
    }
    for name in [*(field.name for field in fields(Options)), "device", "precision", "threads"]:
        assert spelled(f"{name} is wrong").removesuffix(" is wrong") in spellings
    assert spelled("style_layers[relu1_1] is wrong") == "--style-layer relu1_1 is wrong"
    assert spelled("the size is wrong") == "the size is wrong"
