"""What a program that embeds Impasto may rely on."""

import importlib.metadata
import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import impasto
from impasto.engine import errors

ROOT = Path(__file__).parents[1]
HEAVY = ("onnxruntime", "scipy", "onnx", "PIL", "typer", "rich", "torch", "h5py")


def alone(code):
    """What the code prints in a new process, where nothing is imported yet.

    Without the working folder on the path: the folder `impasto` of the source tree is no package.
    """
    command = [sys.executable, "-P", "-W", "error", "-c", code]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    return told.stdout.split()


def test_public_names_are_sorted_complete_and_listed():
    assert impasto.__all__ == sorted(impasto.__all__)
    assert set(impasto.__all__) == {*impasto._HOMES, "__version__"}
    assert dir(impasto) == impasto.__all__
    for name in impasto.__all__:
        assert getattr(impasto, name) is not None


@pytest.mark.parametrize("name", [name for name in impasto.__all__ if name != "__version__"])
def test_public_names_are_described_down_to_their_methods(name):
    thing = getattr(impasto, name)
    assert inspect.getdoc(thing)
    for method, value in inspect.getmembers(thing):
        if not method.startswith("_") and callable(value) and inspect.isclass(thing):
            assert inspect.getdoc(value), f"{name}.{method}"


def test_other_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="module 'impasto' has no attribute 'nothing'"):
        impasto.nothing  # noqa: B018
    assert not hasattr(impasto, "__path_of_nothing__")


def test_importing_impasto_imports_nothing_heavy():
    code = f"import impasto, sys; print(*(m for m in {HEAVY} if m in sys.modules))"
    assert alone(code) == []


def test_naming_everything_imports_nothing_heavy():
    code = (
        "import impasto, sys; [getattr(impasto, name) for name in impasto.__all__]; "
        f"print(*(m for m in {HEAVY} if m in sys.modules))"
    )
    assert alone(code) == []


def test_version_is_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert impasto.__version__ == project["version"]
    try:
        installed = importlib.metadata.version("impasto")
    except importlib.metadata.PackageNotFoundError:
        return
    assert installed == impasto.__version__


def test_every_error_is_one_tree_with_exit_codes():
    for name in errors.__all__:
        error = getattr(errors, name)
        assert issubclass(error, impasto.StyleError)
        assert inspect.getdoc(error)
        assert error.exit_code in range(2, 10)
        assert error("sentence").result is None
    assert errors.__all__ == sorted(errors.__all__)
    defined = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    assert defined == set(errors.__all__)


def test_every_error_stands_in_the_picture_of_the_tree():
    for name in errors.__all__:
        assert f" {name} " in errors.__doc__ or errors.__doc__.count(name)


def test_the_package_is_typed():
    assert (ROOT / "impasto" / "py.typed").is_file()
