"""What is kept, counted while other threads remove it."""

import os
import shutil

import pytest

from impasto.service.retention import bytes_of


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "job"
    (found / "checkpoint").mkdir(parents=True)
    (found / "result.png").write_bytes(b"x" * 100)
    (found / "checkpoint" / "work").write_bytes(b"x" * 11)
    return found


def test_bytes_are_those_of_all_files(folder):
    assert bytes_of(folder) == 111
    assert bytes_of(folder / "gone") == 0


class Listing:
    """What `os.scandir` found, when all of it was found before anything of it is looked at."""

    def __init__(self, found):
        self._found = iter(found)

    def __enter__(self):
        return self

    def __exit__(self, *told):
        self.close()

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._found)

    def close(self):
        pass


@pytest.mark.parametrize("gone", [".", "checkpoint", "result.png"])
def test_what_goes_while_it_is_counted_is_nothing(folder, monkeypatch, gone):
    """It goes once the folder is listed."""
    usual = os.scandir

    def scandir(path):
        monkeypatch.setattr(os, "scandir", usual)
        with usual(path) as found:
            listing = Listing(list(found))
        lost = folder / gone
        if lost.is_dir():
            shutil.rmtree(lost)
        else:
            lost.unlink()
        return listing

    monkeypatch.setattr(os, "scandir", scandir)
    assert bytes_of(folder) == {".": 0, "checkpoint": 100, "result.png": 11}[gone]


def test_folder_that_cannot_be_read_is_told(folder, monkeypatch):
    def scandir(path):
        raise PermissionError(13, "closed")

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(PermissionError):
        bytes_of(folder)
