"""A folder that a server finds as it must not be: row H19."""

import contextlib
import sqlite3
import subprocess
import sys

import pytest

from impasto.engine.errors import OutputError
from impasto.service.jobs import Jobs

from ..faults.rows import row


@pytest.fixture
def data(settings):
    """The folder, as a server has left it."""
    with Jobs(settings()):
        pass
    return settings().folder


@row("H19")
def test_what_is_no_folder_of_a_job_stays_and_does_no_harm(serving, data, tmp_path):
    (data / "jobs" / "note.txt").write_text("mine")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").touch()
    (data / "jobs" / "link").symlink_to(tmp_path / "elsewhere")
    (data / "jobs" / "lost").mkdir()
    (data / "jobs" / "lost" / "content").touch()
    with serving(paused=True):
        pass
    assert sorted(path.name for path in (data / "jobs").iterdir()) == ["link", "note.txt"]
    assert (tmp_path / "elsewhere" / "file").exists()


@row("H19")
@pytest.mark.parametrize("name", ["jobs", "uploads"])
def test_what_was_there_before_the_first_server_is_never_removed(settings, name):
    mine = settings().folder / name / "mine"
    mine.mkdir(parents=True)
    (mine / "file").write_text("mine")
    with pytest.raises(OutputError, match=f"{name}' is not of a server: give it a folder of its"):
        Jobs(settings())
    assert (mine / "file").read_text() == "mine"


def _damage(path):
    path.write_bytes(b"no database at all" * 100)


def _other_version(path):
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as rows:
        rows.execute("CREATE TABLE jobs (id TEXT, state TEXT)")
        rows.execute("INSERT INTO jobs VALUES ('a', 'done')")
        rows.commit()


@row("H19")
@pytest.mark.parametrize("damage", [_damage, _other_version])
def test_damaged_rows_are_one_sentence_and_stay(settings, data, damage):
    damage(data / "jobs.sqlite")
    before = (data / "jobs.sqlite").read_bytes()
    for _ in range(2):  # the first lets the folder go
        with pytest.raises(OutputError, match=r"jobs\.sqlite"), Jobs(settings()) as jobs:
            jobs.open()
    if damage is _damage:
        assert (data / "jobs.sqlite").read_bytes() == before


@row("H19")
def test_file_in_the_place_of_the_folder_is_one_sentence(settings, data):
    (data / "jobs").rmdir()
    (data / "jobs").touch()
    with pytest.raises(OutputError, match="jobs"):
        Jobs(settings())


@row("H19")
def test_command_line_says_it_in_one_line(data):
    _damage(data / "jobs.sqlite")
    command = [sys.executable, "-P", "-c", "from impasto.cli.main import main; main()", "serve"]
    ended = subprocess.run(
        [*command, str(data), "--port", "0"], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (5, "")
    (sentence,) = ended.stderr.splitlines()
    assert "jobs.sqlite" in sentence
