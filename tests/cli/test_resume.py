import json
import signal
import sys

import numpy as np
import pytest

from impasto.engine.images import read_picture

# Ends its own process, as kill -9 does, when so many steps were made.
KILL = """
import os, signal
from impasto.engine import optimise

step_done = optimise.Descent.step_done
done = []

def killing(self, state):
    step_done(self, state)
    done.append(1)
    if len(done) == {after}:
        os.kill(os.getpid(), signal.SIGKILL)

optimise.Descent.step_done = killing
"""
STEPS = ["--levels", "2", "--iterations", "6"]
KEPT = ["--checkpoint", "kept", "--checkpoint-every", "1ms"]


@pytest.fixture
def broken(spawn, tiny, tmp_path):
    """A work that was killed after eight of its twelve steps."""
    if sys.platform == "win32":
        pytest.skip("POSIX signals")
    process = spawn(*tiny, *STEPS, *KEPT, before=KILL.format(after=8))
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "art.png").exists()
    return tmp_path / "kept"


def test_killed_work_goes_on_and_writes_its_picture(run, tiny, broken, tmp_path):
    ended = run("resume", "kept", "--json")
    assert ended.code == 0
    told = json.loads(ended.out)
    assert told["output"] == str(tmp_path / "art.png")
    assert told["iterations"] == 12
    assert told["stopped"] == "iterations"
    resumed = read_picture(tmp_path / "art.png").rgb
    whole = json.loads(run(*tiny, *STEPS, "--json").out)
    assert told["loss"]["initial"] == pytest.approx(whole["loss"]["initial"], rel=1e-6)
    assert told["loss"]["final"] <= whole["loss"]["final"] * 1.3
    assert resumed.shape == (24, 32, 3)
    assert not list(tmp_path.rglob("*.tmp"))


def test_what_the_dead_left_behind_is_removed(run, broken, tmp_path):
    for folder in (tmp_path, broken):
        (folder / ".impasto-0123.tmp").write_bytes(b"half")
    assert run("resume", "kept").code == 0
    assert not list(tmp_path.rglob("*.tmp"))


def test_what_the_dead_left_behind_is_removed_by_the_next_picture_there(run, tiny, tmp_path):
    (tmp_path / ".impasto-0123.tmp").write_bytes(b"half")
    assert run(*tiny).code == 0
    assert not list(tmp_path.rglob("*.tmp"))


def test_picture_may_go_elsewhere(run, broken, tmp_path):
    assert run("resume", "kept", "-o", "other.png").code == 0
    assert (tmp_path / "other.png").exists()
    assert not (tmp_path / "art.png").exists()


def test_finished_work_says_so_and_writes_its_picture_again(run, tiny, tmp_path):
    assert run(*tiny, *KEPT).code == 0
    first = (tmp_path / "art.png").read_bytes()
    (tmp_path / "art.png").unlink()
    ended = run("resume", "kept")
    assert ended.code == 0
    assert ended.err.startswith("the work in kept was finished before; ")
    assert (tmp_path / "art.png").read_bytes() == first


def test_interrupted_work_goes_on(spawn, run, tiny, tmp_path):
    before = (
        "import os, signal, time\n"
        "from impasto.engine import optimise\n"
        "step_done, sent = optimise.Descent.step_done, []\n"
        "def interrupting(self, state):\n"
        "    step_done(self, state)\n"
        "    if not sent:\n"  # a second one would leave at once
        "        sent.append(os.kill(os.getpid(), signal.SIGINT))\n"
        "    time.sleep(0.02)\n"
        "optimise.Descent.step_done = interrupting\n"
    )
    process = spawn(*tiny, "--iterations", "50", "--quiet", *KEPT, before=before)
    process.communicate()
    assert process.returncode == 130
    early = read_picture(tmp_path / "art.png").rgb
    told = json.loads(run("resume", "kept", "--json").out)
    assert told["iterations"] == 50
    assert not np.array_equal(early, read_picture(tmp_path / "art.png").rgb)


def test_unfinished_work_is_not_overwritten(run, tiny, broken):
    ended = run(*tiny, *STEPS, *KEPT)
    assert ended.code == 2
    assert "holds a work that is not finished: resume it" in ended.err


def test_folder_without_a_work_is_one_sentence(run, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in ("none", "empty"):
        ended = run("resume", folder)
        assert (ended.code, ended.err.count("\n")) == (8, 1)
        assert "there is no work in the folder" in ended.err


def test_damaged_work_is_one_sentence_and_stays(run, broken):
    path = broken / "work.impasto"
    damaged = path.read_bytes()[:-5]
    path.write_bytes(damaged)
    ended = run("resume", "kept")
    assert (ended.code, ended.err.count("\n")) == (8, 1)
    assert "is damaged: it was cut off" in ended.err
    assert path.read_bytes() == damaged


def test_changed_picture_is_refused(run, broken, content, style):
    content.write_bytes(style.read_bytes())
    ended = run("resume", "kept")
    assert ended.code == 8
    assert "was changed since the work was begun" in ended.err


def test_output_is_checked_before_any_work(run, broken):
    for output in ("photo.png", "art.xyz"):
        assert run("resume", "kept", "-o", output).code == 2


def test_time_ends_with_a_picture_and_no_error(run, tiny, tmp_path):
    ended = run(*tiny, "--optimizer", "adam", "--iterations", "1000000", "--time", "1s", "--json")
    assert ended.code == 0
    told = json.loads(ended.out)
    assert told["stopped"] == "time"
    assert told["levels"][-1]["optimizer"] == "adam"
    assert told["loss"]["final"] < told["loss"]["initial"]
    assert (tmp_path / "art.png").exists()


def test_no_time_gives_the_initial_canvas_and_says_so(run, tiny, tmp_path):
    ended = run(*tiny, "--time", "1ms")
    assert ended.code == 0
    assert ended.err.endswith("nothing was painted in the time given: it is the initial canvas\n")
    assert read_picture(tmp_path / "art.png").rgb.shape == (24, 32, 3)


@pytest.mark.parametrize("option", ["--time", "--checkpoint-every"])
def test_what_is_no_time_is_refused(run, tiny, option):
    ended = run(*tiny, option, "soon")
    assert ended.code == 2
    assert f"{option} must be a time such as" in ended.err
