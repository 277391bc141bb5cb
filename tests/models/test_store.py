import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from impasto.engine.errors import (
    CorruptModel,
    IncompatibleModel,
    ModelNotFound,
    UntrustedModel,
)
from impasto.export.network_file import encode_network
from impasto.models import store
from impasto.models.download import pull


@pytest.fixture
def clean(monkeypatch, tmp_path):
    """An environment that says nothing about folders, but for a home."""
    for name in ("IMPASTO_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return monkeypatch


def test_own_variable_names_the_cache_folder(clean, tmp_path):
    clean.setenv("XDG_CACHE_HOME", "/elsewhere")
    clean.setenv("IMPASTO_HOME", "~/networks")
    assert store.cache_folder() == tmp_path / "networks"
    clean.setenv("IMPASTO_HOME", "relative")
    assert store.cache_folder() == Path.cwd() / "relative"


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, ".cache/impasto"),
        ("linux", {"XDG_CACHE_HOME": "{}/xdg"}, "xdg/impasto"),
        ("linux", {"XDG_CACHE_HOME": "not/absolute"}, ".cache/impasto"),
        ("darwin", {"XDG_CACHE_HOME": "{}/xdg"}, "Library/Caches/impasto"),
        ("win32", {"LOCALAPPDATA": "{}/Local"}, "Local/impasto/Cache"),
        ("win32", {}, "AppData/Local/impasto/Cache"),
    ],
)
def test_cache_folder_is_that_of_the_platform(clean, tmp_path, platform, variables, expected):
    clean.setattr(sys, "platform", platform)
    for name, value in variables.items():
        clean.setenv(name, value.format(tmp_path))
    assert store.cache_folder() == tmp_path / expected


def test_listing_creates_nothing(home):
    assert [(info.name, info.state) for info in store.available()] == [
        ("vgg16", "embedded"),
        ("vgg19", "absent"),
        ("vgg16-torchvision", "absent"),
    ]
    assert not home.exists()


def test_importing_the_store_loads_nothing_heavy_and_touches_no_folder(home):
    code = (
        "import sys; from impasto.models import store, download;"
        "store.available();"
        "print({'onnx', 'onnxruntime', 'h5py', 'torch', 'PIL', 'scipy'} & set(sys.modules))"
    )
    command = [sys.executable, "-P", "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
    assert not home.exists()


def test_listing_tells_what_a_person_asks(entry, server, toy):
    embedded, absent = store.available()
    assert embedded.path.is_file()
    assert (embedded.family, embedded.layers[-1]) == ("vgg16", "relu5_1")
    assert embedded.licence == "CC BY 4.0"
    assert "Simonyan" in embedded.origin
    assert (absent.path, absent.bytes) == (None, entry.bytes)
    path = pull("toy", base_url=server.url)
    pulled = store.available()[1]
    assert (pulled.state, pulled.path, pulled.bytes) == ("pulled", path, path.stat().st_size)
    assert pulled.layers == tuple(toy.architecture.layers())
    path.write_bytes(path.read_bytes()[:-1])
    assert store.available()[1].state == "damaged"


def test_network_files_beside_the_pulled_ones_are_listed(entry, server, home, toy):
    pull("toy", base_url=server.url)
    mine = home / "models" / "mine.onnx"
    mine.write_bytes(encode_network(replace(toy, origin="me", licence="CC0")))
    (home / "models" / "other.onnx").write_bytes(b"no network")
    *_, pulled, found = store.available()
    assert (pulled.name, pulled.state) == ("toy", "pulled")
    assert (found.name, found.state, found.path) == (str(mine), "file", mine)
    assert (found.origin, found.licence) == ("me", "CC0")
    assert found.bytes == mine.stat().st_size
    assert store.load(found.name).fingerprint == toy.fingerprint


def test_description_is_found_as_the_network_is(home, toy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("vgg16", "mine"):
        (tmp_path / name).write_bytes(encode_network(toy))
    assert store.describe() == store.available()[0]
    assert store.describe("vgg19") == store.available()[1]
    assert store.describe("./vgg16").family == store.describe("mine").family == "toy"
    with pytest.raises(ModelNotFound, match=r"no network 'vgg11' .*: vgg16, vgg19"):
        store.describe("vgg11")
    with pytest.raises(ModelNotFound, match="no network ''"):
        store.describe("")
    (tmp_path / "notes").write_text("no network")
    with pytest.raises(CorruptModel, match="notes"):
        store.describe("notes")


def test_network_that_was_not_pulled_names_the_command(home):
    with pytest.raises(ModelNotFound, match=r"`impasto models pull vgg19` downloads it \(575 MB\)"):
        store.load("vgg19")


def test_unknown_name_lists_the_known_ones(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ModelNotFound, match=r"no network 'vgg11' .*: vgg16, vgg19, vgg16-torchvision$"
    ):
        store.load("vgg11")


@pytest.mark.parametrize("name", ["", "\0", "x" * 5000, "é\ud800"])
def test_name_that_no_file_can_have_is_not_found(home, name):
    with pytest.raises(ModelNotFound):
        store.load(name)


def test_file_is_loaded_by_its_path(home, toy, tmp_path, monkeypatch):
    path = tmp_path / "mine"
    path.write_bytes(encode_network(toy))
    monkeypatch.chdir(tmp_path)
    for given in (path, str(path), "./mine", "mine", Path("mine")):
        assert store.load(given).fingerprint == toy.fingerprint


def test_name_goes_before_a_file_of_that_name(home, toy, tmp_path, monkeypatch):
    (tmp_path / "vgg16").write_bytes(encode_network(toy))
    monkeypatch.chdir(tmp_path)
    assert store.load("vgg16").architecture.name == "vgg16"
    assert store.load("./vgg16").architecture.name == "toy"


def test_bad_paths_are_refused(home, tmp_path):
    with pytest.raises(ModelNotFound, match=r"absent\.onnx"):
        store.load(tmp_path / "absent.onnx")
    with pytest.raises(ModelNotFound, match="not a regular file"):
        store.load(str(tmp_path))
    text = tmp_path / "notes.txt"
    text.write_text("no network")
    with pytest.raises((CorruptModel, IncompatibleModel), match=r"notes\.txt"):
        store.load(text)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_is_refused_without_waiting(home, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelNotFound, match="not a regular file"):
        store.load(tmp_path / "pipe")


def test_network_without_its_record_is_not_trusted(entry, server, home):
    pull("toy", base_url=server.url)
    record = home / "models" / "toy.json"
    for damage in (b"", b"[1]", b"{", b'{"sha256": 1}', b"[" * 5000):
        record.write_bytes(damage)
        with pytest.raises(
            UntrustedModel, match="no record of its hash: `impasto models pull toy`"
        ):
            store.load("toy")
        assert store.available()[1].state == "damaged"
    record.unlink()
    with pytest.raises(UntrustedModel):
        store.load("toy")


def test_network_that_was_changed_is_not_trusted(entry, server, toy):
    path = pull("toy", base_url=server.url)
    path.write_bytes(encode_network(toy, half=True))
    with pytest.raises(UntrustedModel, match="its hash is not the known one"):
        store.load("toy")
