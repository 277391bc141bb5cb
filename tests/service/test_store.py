"""The rows of jobs: what is wrong with their file is one sentence, and what was accepted stays."""

import json

import pytest

from impasto.engine.errors import OutputError
from impasto.service.store import Store

from .test_requests import refused

VALUES = {"styles": [], "bytes": 1, "memory": 1, "time": 1.0, "width": 1, "height": 1}


def add(store, id, **options):
    return store.add(100, id=id, options=options, **VALUES)


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path)
    yield opened
    opened.close()


def fill(store):
    """Let its file grow no more, as on a full disk."""
    store._rows.execute("PRAGMA max_page_count = 1")


@pytest.mark.parametrize("content", [b"no database at all" * 100, None])
def test_damaged_file_is_one_sentence_that_names_it(tmp_path, content):
    path = tmp_path / "jobs.sqlite"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(OutputError, match=r"jobs\.sqlite"):
        Store(tmp_path)


def test_full_disk_is_told_and_nothing_is_half_written(store):
    add(store, "first")
    fill(store)
    with pytest.raises(OutputError, match="full"):
        add(store, "second", init="x" * 20_000)
    assert store.get("second") is None
    assert store.first_queued().id == "first"
    store._rows.execute("PRAGMA max_page_count = 1000000")
    assert add(store, "second", init="x" * 20_000).id == "second"


def test_row_of_another_version_is_told(store):
    add(store, "a")
    store._rows.execute("UPDATE jobs SET styles = 'not JSON'")
    with pytest.raises(OutputError, match="another version"):
        store.get("a")


def test_file_of_a_closed_store_is_not_used(tmp_path):
    store = Store(tmp_path)
    store.close()
    for ask in (store.ended, lambda: store.count("queued"), lambda: store.get("a")):
        with pytest.raises(OutputError):
            ask()


def test_client_is_told_that_there_is_no_room(serving, caplog):
    with serving(paused=True) as client:
        fill(client.jobs.store)
        answers = [client.submit() for _ in range(20)]
        full = [answer for answer in answers if answer.status_code != 202]
        assert full
        for answer in full:
            refused(answer, 507)
            assert answer.json()["error"] == "OutputError"
        assert "full" in caplog.text
        kept = {job["id"] for job in client.http.get("/api/jobs").json()}
        assert {path.name for path in (client.jobs.folder / "jobs").iterdir()} == kept
        assert kept == {json.loads(a.text)["id"] for a in answers if a.status_code == 202}
