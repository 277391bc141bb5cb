import pytest

from impasto.cli.exits import exit_code_of
from impasto.engine import errors
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
        "Interrupted": 130,
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
