"""What a host may say, and what it may not."""

import subprocess
import sys

import pytest

from impasto.engine.cpus import usable_cpus
from impasto.engine.errors import OptionsError
from impasto.service.jobs import Jobs


@pytest.mark.parametrize("name", ["threads", "workers", "queue", "connections", "keep_jobs"])
@pytest.mark.parametrize("value", [0, -1, 1 << 63, 1.5, "2", True])
def test_numbers_out_of_their_range_are_told_by_name(settings, name, value):
    with pytest.raises(OptionsError, match=name):
        settings(**{name: value})


@pytest.mark.parametrize("value", ["0", "-1"])
def test_command_line_refuses_threads_that_cannot_be(tmp_path, value):
    command = [sys.executable, "-P", "-c", "from impasto.cli.main import main; main()", "serve"]
    ended = subprocess.run(
        [*command, str(tmp_path / "data"), "--port", "0", "--threads", value],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 2
    assert "threads" in ended.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("threads", "each"), [(None, max(1, usable_cpus() // 2)), (3, 3)])
def test_processors_are_shared_out_where_nothing_is_said(settings, monkeypatch, threads, each):
    found = []
    monkeypatch.setattr(
        "impasto.service.jobs.Slot", lambda jobs, setup, number: found.append(setup.threads)
    )
    jobs = Jobs(settings(threads=threads, workers=2))
    jobs._slots.clear()
    jobs.close()
    assert found == [each, each]
