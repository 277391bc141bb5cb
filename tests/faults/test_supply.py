"""Rows S01 to S03 and X03: what is downloaded, depended on, shipped, and told to others."""

import re
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from impasto.engine.errors import ModelError
from impasto.models import catalogue, store
from impasto.models.folders import network_path

from .rows import row

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@row("S01")
@pytest.mark.parametrize("kind", ["wrong hash", "cut", "page"])
def test_download_that_is_not_what_it_should_be_leaves_nothing(pulling, monkeypatch, kind):
    """`tests/models/test_download.py` has the server's other ways to misbehave."""
    (entry,) = catalogue.DOWNLOADABLE
    if kind == "wrong hash":
        monkeypatch.setattr(catalogue, "DOWNLOADABLE", (replace(entry, sha256="0" * 8),))
    elif kind == "cut":
        pulling.served.append(pulling.served[0][:-1])
    else:
        pulling.served.append(b"<html>404</html>".ljust(entry.bytes))
    with pytest.raises(ModelError):
        pulling()
    assert not network_path("toy").exists()
    with pytest.raises(ModelError):
        store.load("toy")


# The least versions that are free of the advisories that bear on what we use; docs/security.md.
FLOORS = {
    "pillow": (12, 3),
    "onnx": (1, 22),
    "onnxruntime": (1, 24, 3),
    "onnxruntime-gpu": (1, 24, 3),
}


@row("S02")
def test_floors_are_free_of_known_advisories():
    listed = [*PROJECT["project"]["dependencies"]]
    for extra in PROJECT["project"]["optional-dependencies"].values():
        listed += extra
    found = {}
    for text in listed:
        name, floor = re.fullmatch(r"([\w-]+)(?:\[[^]]*\])?>=([\d.]+)", text).groups()
        found[name] = tuple(map(int, floor.split(".")))
    for name, floor in FLOORS.items():
        assert found[name] >= floor
    assert "torch" not in found


@row("S02")
def test_advisories_are_looked_for_by_a_make_target():
    said = subprocess.run(
        ["make", "-n", "audit"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "pip-audit --strict" in said


@row("S03")
def test_package_holds_programs_and_one_network_with_its_licence():
    data = PROJECT["tool"]["setuptools"]["package-data"]
    shipped = [
        file
        for package, patterns in data.items()
        for pattern in patterns
        for file in (ROOT / package.replace("impasto.", "").replace(".", "/")).glob(pattern)
    ]
    assert [file.name for file in shipped if file.suffix == ".onnx"] != []
    page = (".html", ".css", ".js", ".svg")
    assert all(file.suffix in (".onnx", ".md", ".typed", *page) for file in shipped)
    notice = (ROOT / "models" / "NOTICE.md").read_text("utf-8")
    assert "models/NOTICE.md" in PROJECT["project"]["license-files"]
    assert "CC BY 4.0" in notice


@row("X03")
def test_runtime_keeps_no_file_of_events_in_the_users_cache(
    spawn, work, content, style, tmp_path, monkeypatch
):
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY")
    home = tmp_path / "user"
    home.mkdir()
    process = spawn(
        *("stylize", content, style, *work, "-o", "art.png"),
        environment={"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")},
    )
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert [path for path in home.rglob("*") if path.is_file()] == []


@row("X03")
def test_library_switches_the_runtime_s_events_off_if_it_is_the_first_to_load_it(run_alone):
    said = run_alone(
        """
import sys, types
told = []
fake = types.ModuleType("onnxruntime")
fake.disable_telemetry_events = lambda: told.append("off")
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            import importlib.machinery
            return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        return fake
    def exec_module(self, module):
        pass
sys.meta_path.insert(0, Finder())
from impasto.engine.runtime import runtime
runtime(), runtime()
print(told)
"""
    )
    assert said == "['off']\n"
