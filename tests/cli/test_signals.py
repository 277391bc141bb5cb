import json
import os
import signal
import subprocess
import sys

import pytest

from impasto.cli.exits import EXIT_OF_STOP
from impasto.engine.images import read_picture

if sys.platform == "win32":
    pytest.skip("POSIX signals", allow_module_level=True)

# Tells on stderr when some canvases were painted; what else then happens is up to a test.
TELL = """
import sys, time
from impasto.engine import optimise, stop

evaluate, request = optimise.Descent.evaluate, stop.Stop.request
asked = []

def telling_evaluate(self, canvas):
    answer = evaluate(self, canvas)
    if self.evaluations == 3:
        print("painting", file=sys.stderr, flush=True)
        {then}
    return answer

def telling_request(self, reason):
    if not asked:
        print("asked", file=sys.stderr, flush=True)
    asked.append(reason)
    request(self, reason)

optimise.Descent.evaluate = telling_evaluate
stop.Stop.request = telling_request
"""
OWN_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
FOR_EVER = ["--optimizer", "adam", "--iterations", "1000000"]


def wait_for(process, line):
    assert process.stderr.readline() == f"{line}\n"


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
        (signal.SIGHUP, 129, "hung up"),
    ],
)
def test_signal_keeps_the_best_picture(spawn, tiny, tmp_path, number, code, word):
    process = spawn(*tiny, *FOR_EVER, "--json", before=TELL.format(then="pass"))
    wait_for(process, "painting")
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == code
    assert err == f"asked\n{word}: the best picture is in art.png\n"
    assert read_picture(tmp_path / "art.png").rgb.shape == (24, 32, 3)
    told = json.loads(out)
    assert told["stopped"] == word
    assert told["output"] == "art.png"
    assert told["loss"]["final"] < told["loss"]["initial"]


def test_second_interrupt_leaves_at_once(spawn, tiny, tmp_path):
    process = spawn(*tiny, *FOR_EVER, before=TELL.format(then="time.sleep(600)"))
    wait_for(process, "painting")
    process.send_signal(signal.SIGINT)
    wait_for(process, "asked")
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    assert not (tmp_path / "art.png").exists()


def test_picture_outlives_its_terminal(spawn, tiny, tmp_path):
    ours, theirs = os.openpty()
    process = spawn(
        *tiny,
        *FOR_EVER,
        before=OWN_TERMINAL,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    while b"loss" not in shown:
        shown += os.read(ours, 4096)
    os.close(ours)
    assert process.wait() == 129
    assert read_picture(tmp_path / "art.png").rgb.shape == (24, 32, 3)


def test_hangup_is_no_reason_to_stop_under_nohup(run, tiny, monkeypatch):
    from impasto.engine.engine import Engine

    stylize = Engine.stylize

    def hung_up(engine, *arguments, **rest):
        os.kill(os.getpid(), signal.SIGHUP)
        return stylize(engine, *arguments, **rest)

    monkeypatch.setattr(Engine, "stylize", hung_up)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run(*tiny).code == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_interrupt_before_the_first_step_keeps_the_old_file(run, tiny, tmp_path, monkeypatch):
    from impasto.engine.engine import Engine

    (tmp_path / "art.png").write_bytes(b"old")
    stylize = Engine.stylize

    def interrupted(engine, *arguments, stop, **rest):
        os.kill(os.getpid(), signal.SIGINT)
        while stop.reason is None:
            pass
        return stylize(engine, *arguments, stop=stop, **rest)

    monkeypatch.setattr(Engine, "stylize", interrupted)
    ended = run(*tiny, "--json")
    assert ended.code == 130
    assert ended.err == "interrupted: nothing was painted yet\n"
    assert json.loads(ended.out)["output"] is None
    assert (tmp_path / "art.png").read_bytes() == b"old"


def test_handlers_are_as_before_afterwards(run, tiny):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert run(*tiny).code == 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_interrupt_outside_the_work_exits_with_130(run, monkeypatch):
    from impasto.models import store

    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "available", interrupted)
    ended = run("models")
    assert ended.code == 130
    assert "Traceback" not in ended.err


def test_interrupt_while_modules_are_loaded_leaves_without_a_traceback(tmp_path):
    slow = "import sys, time\nprint('loading', file=sys.stderr, flush=True)\ntime.sleep(600)\n"
    (tmp_path / "typer.py").write_text(slow)
    process = subprocess.Popen(
        [sys.executable, "-c", "from impasto.cli.entry import main; main()"],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "IMPASTO_LARGE_PAGES": "0"},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(process, "loading")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert (process.returncode, err) == (EXIT_OF_STOP["interrupted"], "")
