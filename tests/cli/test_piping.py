import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from impasto.engine.images import read_picture

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX streams")


@pytest.fixture
def pipe(tiny, spawn, content):
    """`pipe(*arguments, data=None)`: `stylize -`, fed with bytes; exit code, stdout, stderr."""

    def pipe(*arguments, data=None):
        data = content.read_bytes() if data is None else data
        command = [tiny[0], "-", *tiny[2:-2], *arguments]
        process = spawn(*command, stdin=subprocess.PIPE, text=False)
        out, err = process.communicate(data)
        return process.returncode, out, err.decode()

    return pipe


def test_picture_through_pipes_is_that_of_files(pipe, run, tiny, tmp_path):
    assert run(*tiny).code == 0
    code, out, err = pipe("-o", "-")
    assert code == 0
    assert err.startswith("standard output: 32 x 24, ") and err.count("\n") == 1
    assert out.startswith(b"\x89PNG")
    np.testing.assert_array_equal(read_picture(out).rgb, read_picture(tmp_path / "art.png").rgb)
    assert {path.name for path in tmp_path.iterdir()} <= {
        "photo.png",
        "paint.png",
        "art.png",
        "home",
    }


def test_each_end_may_be_a_file(pipe, spawn, tiny, tmp_path):
    assert pipe("-o", "art.png", "--quiet") == (0, b"", "")
    process = spawn(*tiny[:-1], "-", "--quiet", text=False)
    out, _ = process.communicate()
    assert process.returncode == 0
    np.testing.assert_array_equal(read_picture(out).rgb, read_picture(tmp_path / "art.png").rgb)


@pytest.mark.parametrize(
    ("arguments", "data", "code", "words"),
    [
        (["-o", "-"], b"", 3, "content picture is empty"),
        (["-o", "-"], b"no picture", 3, "content picture is not a picture of a known format"),
        (["-o", "-", "--json"], None, 2, "--json and --output - cannot both"),
        (["-o", "-", "--save-every", "1"], None, 2, "--save-every needs the path of a picture"),
        ([], None, 2, "--output must say where the result goes"),
        (["-o", "art.png", "--checkpoint", "c"], None, 2, "must be given by path"),
    ],
)
def test_what_cannot_be_piped_is_one_sentence(pipe, arguments, data, code, words):
    ended, out, err = pipe(*arguments, data=data)
    assert (ended, out) == (code, b"")
    assert err.startswith("impasto: ") and err.count("\n") == 1
    assert words in err


def test_report_of_a_piped_photograph_shows_the_painting_alone(pipe, tmp_path):
    code, out, _ = pipe("-o", "-", "--report", "page.html")
    assert (code, out[:4]) == (0, b"\x89PNG")
    page = (tmp_path / "page.html").read_text()
    assert "Style: paint.png" in page and "Content: " not in page


@posix
def test_terminals_are_no_pictures(spawn, tiny):
    import pty

    controller, terminal = pty.openpty()
    process = spawn(*tiny[:-1], "-", stdout=terminal)
    _, err = process.communicate()
    assert (process.returncode, "standard output is a terminal" in err) == (2, True)
    process = spawn(tiny[0], "-", *tiny[2:], stdin=terminal)
    _, err = process.communicate()
    assert (process.returncode, "standard input is a terminal" in err) == (2, True)
    os.close(terminal)
    os.close(controller)


@posix
def test_reader_that_went_away_is_told(spawn, tiny):
    process = spawn(*tiny[:-1], "-", "--quiet")
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 5
    assert err == "impasto: cannot write to standard output: Broken pipe\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_behind_standard_output_is_told(spawn, tiny):
    with Path("/dev/full").open("w") as full:
        process = spawn(*tiny[:-1], "-", "--quiet", stdout=full)
        _, err = process.communicate()
    assert process.returncode == 5
    assert err == "impasto: cannot write to standard output: No space left on device\n"


@posix
def test_interrupt_writes_the_best_picture_so_far(spawn, tiny):
    before = """
import sys
from impasto.engine.engine import Engine
stylize = Engine.stylize
def telling(self, *pictures, progress, stop, **budget):
    def tell(told):
        if told.iteration == 1:
            print("painting", file=sys.stderr, flush=True)
            while stop.reason is None:
                pass
    return stylize(self, *pictures, progress=tell, stop=stop, **budget)
Engine.stylize = telling
"""
    process = spawn(*tiny[:-1], "-", before=before, text=False)
    assert process.stderr.readline() == b"painting\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130
    assert err == b"interrupted: the best picture is in standard output\n"
    assert read_picture(out).shape == (24, 32, 3)
