import json
import sys
from dataclasses import replace

import pytest

from impasto import __version__
from impasto.cli.models import _print_table
from impasto.export.network_file import encode_network
from impasto.models import download
from impasto.models.store import available, describe


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


def test_network_file_beside_the_pulled_ones_is_listed_by_its_path(run, network_path, tmp_path):
    folder = tmp_path / "home" / "models"
    folder.mkdir(parents=True)
    mine = folder / "mine.onnx"
    mine.write_bytes(network_path.read_bytes())
    told = json.loads(run("models", "--json").out)["models"]
    assert (told[-1]["name"], told[-1]["state"]) == (str(mine), "file")
    assert str(mine) in run("models").out


def test_show_tells_all_of_a_named_network(run):
    told = json.loads(run("models", "show", "vgg16", "--json").out)
    assert told == json.loads(run("models", "--json").out)["models"][0]
    assert told["layers"][:3] == ["relu1_1", "relu1_2", "pool1"]
    lines = dict(line.split(maxsplit=1) for line in run("models", "show", "vgg16").out.splitlines())
    assert list(lines) == list(told)
    assert lines["layers"].startswith("relu1_1, relu1_2, pool1")
    assert lines["licence"] == told["licence"]


def test_show_tells_what_a_file_says_of_itself(run, toy, tmp_path):
    file = tmp_path / "mine.onnx"
    file.write_bytes(encode_network(replace(toy, origin="me", licence="[/b] CC0")))
    told = json.loads(run("models", "show", file, "--json").out)
    assert told == {
        "name": str(file),
        "state": "file",
        "path": str(file),
        "bytes": file.stat().st_size,
        "family": "toy",
        "layers": list(toy.architecture.layers()),
        "licence": "[/b] CC0",
        "origin": "me",
    }


def test_table_shows_words_that_look_like_markup_as_they_are(network_path, tmp_path, capsys):
    file = tmp_path / "[b]mine.onnx"
    file.write_bytes(network_path.read_bytes())
    _print_table([replace(describe(file), name=file.name)])
    assert "[b]mine.onnx" in capsys.readouterr().out


def test_table_fits_into_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _print_table(available())
    shown = capsys.readouterr().out.splitlines()
    rows = [line for line in shown if line.startswith("│")]
    assert [row.split()[1] for row in rows] == [model.name for model in available()]
    assert "relu1_1 .. relu5_1" in rows[0]
    assert shown[-1].startswith("Licence and origin: ")


def test_list_is_what_models_alone_is(run):
    for form in ([], ["--json"]):
        assert run("models", "list", *form) == run("models", *form)


@pytest.mark.parametrize("name", ["vgg99", "./absent.onnx"])
def test_show_of_what_is_not_there_is_one_sentence(run, name):
    ended = run("models", "show", name)
    assert ended.code == 4
    assert name.removeprefix("./") in ended.err and ended.err.count("\n") == 1


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
