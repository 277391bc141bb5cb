import json
import sys

import pytest

from impasto import __version__
from impasto.models import download
from impasto.models.store import available


def test_models_are_listed_in_aligned_columns(run):
    ended = run("models")
    assert ended.code == 0
    heading, *rows = ended.out.splitlines()
    assert heading.split() == ["name", "state", "size", "layers", "licence", "origin"]
    assert [row.split()[0] for row in rows] == [model.name for model in available()]
    column = heading.index("licence")
    assert [row[column:].startswith(m.licence) for row, m in zip(rows, available(), strict=True)]


def test_models_as_json(run):
    told = json.loads(run("models", "--json").out)["models"]
    assert [model["name"] for model in told] == [model.name for model in available()]
    assert told[0]["state"] == "embedded"
    assert told[0]["layers"][-1] == "relu5_1"


def test_pull_says_where_the_network_is(run, monkeypatch, tmp_path):
    asked = []

    def pull(name, progress):
        asked.append((name, progress))
        return tmp_path / "vgg19.onnx"

    monkeypatch.setattr(download, "pull", pull)
    ended = run("models", "pull", "vgg19")
    assert ended.code == 0
    assert asked == [("vgg19", None)]
    assert ended.err == f"vgg19 is at {tmp_path / 'vgg19.onnx'}\n"


def test_unknown_model_to_pull_is_one_sentence(run):
    ended = run("models", "pull", "vgg99")
    assert ended.code == 4
    assert "vgg99" in ended.err and ended.err.count("\n") == 1


def test_info_tells_what_is_installed(run):
    told = json.loads(run("info", "--json").out)
    assert told["impasto"] == __version__
    assert told["onnxruntime"] and "CPUExecutionProvider" in told["providers"]
    assert told["threads"] >= 1
    assert told["models"]["vgg16"] == "embedded"
    assert told["cache_folder"].endswith("home")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_info_works_without_onnxruntime(run, monkeypatch, form):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    ended = run("info", *form)
    assert ended.code == 0
    assert "pip install 'impasto[cpu]'" in ended.out


def test_missing_onnxruntime_is_one_sentence(run, tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    ended = run(*tiny)
    assert ended.code == 4
    assert "pip install 'impasto[cpu]'" in ended.err and ended.err.count("\n") == 1
