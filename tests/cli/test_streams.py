import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from impasto.cli.console import emit_json, one_line
from impasto.engine.images import read_picture

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX streams")


def strict(text):
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_json_has_null_for_what_is_no_number(capfd):
    emit_json({"nan": float("nan"), "deep": [{"infinite": float("inf")}], "whole": 1})
    told = strict(capfd.readouterr().out)
    assert told == {"nan": None, "deep": [{"infinite": None}], "whole": 1}


def test_json_is_one_strict_object(run, tiny):
    ended = run(*tiny, "--iterations", "0", "--json")
    assert isinstance(strict(ended.out), dict)


def test_names_cannot_move_the_cursor():
    assert one_line("a\x1b[2Jb\nc\udcffé") == r"a\x1b[2Jb\nc\udcffé"


def test_closed_pipe_gives_no_traceback_and_keeps_the_picture(spawn, tiny, tmp_path):
    process = spawn(*tiny, "--json")
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait() == 0
    process.stderr.close()
    assert err.startswith("art.png: ") and err.count("\n") == 1
    read_picture(tmp_path / "art.png")


@posix
def test_closed_streams_keep_the_picture(tiny, tmp_path):
    code = "from impasto.cli.main import main; main()"
    command = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", sys.executable, "-c", code, *tiny, "--json"]
    assert subprocess.run(command, cwd=tmp_path).returncode == 0
    read_picture(tmp_path / "art.png")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_stdout_is_an_output_error(spawn, tiny, tmp_path):
    with Path("/dev/full").open("w") as full:
        process = spawn(*tiny, "--json", "--quiet", stdout=full)
        _, err = process.communicate()
    assert process.returncode == 5
    assert err.startswith("impasto: cannot write to standard output") and err.count("\n") == 1
    read_picture(tmp_path / "art.png")


@posix
def test_terminal_shows_progress(spawn, tiny):
    import pty

    controller, terminal = pty.openpty()
    process = spawn(*tiny, "--levels", "2", "--iterations", "40", stderr=terminal)
    os.close(terminal)
    seen = b""
    while True:
        try:
            block = os.read(controller, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
        if not block:
            break
        seen += block
    os.close(controller)
    process.communicate()
    assert process.returncode == 0
    assert b"level 2/2" in seen and b"32 x 24" in seen and b"loss" in seen
    assert b"art.png: 32 x 24" in seen


def test_pipe_shows_no_progress(spawn, tiny):
    _, err = spawn(*tiny).communicate()
    assert "level" not in err and "\x1b" not in err


def test_nothing_heavy_is_loaded_before_the_work(spawn):
    before = """
import atexit, sys
heavy = {"numpy", "scipy", "onnx", "onnxruntime", "PIL", "h5py", "torch"}
atexit.register(lambda: print(sorted(heavy & set(sys.modules)), file=sys.stderr))
"""
    for arguments in (["--version"], ["--help"], ["stylize", "--help"], ["export", "--help"]):
        process = spawn(*arguments, before=before)
        out, err = process.communicate()
        assert (process.returncode, err) == (0, "[]\n")
        assert "impasto" in out


def test_blas_has_one_thread_unless_the_user_says_otherwise(spawn, monkeypatch):
    before = """
import atexit, os, sys
names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
atexit.register(lambda: print(*map(os.environ.get, names), file=sys.stderr))
"""
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    _, err = spawn("--version", before=before).communicate()
    assert err == "1 3\n"
