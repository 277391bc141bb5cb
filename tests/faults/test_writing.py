"""Rows W01 to W14 and X01, X02: nothing that was saved is lost, whatever fails or dies when."""

import errno
import io
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from impasto.engine import checkpoint as checkpoint_module
from impasto.engine.arrays_file import Damaged, read_arrays, write_arrays
from impasto.engine.errors import ModelError, OutputError, ResumeError, StyleError
from impasto.engine.images import read_picture, write_picture
from impasto.engine.provenance import read_provenance
from impasto.engine.settings import Checkpoint
from impasto.engine.simple import resume
from impasto.export.network_file import encode_network

from .kills import kill_writers
from .rows import row

FAULTS = [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.EDQUOT]
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and limits")


class _FaultyStream:
    """A file whose every operation passes `gate` first."""

    def __init__(self, stream, gate):
        self._stream, self._gate = stream, gate

    def write(self, data):
        self._gate("write")
        return self._stream.write(data)

    def flush(self):
        self._gate("flush")
        self._stream.flush()

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._stream.close()
        self._gate("close")


class _Faults:
    """Counts what is done with files that are written, and lets operation `number` fail."""

    def __init__(self, number=0, code=errno.EIO, persistent=False):
        self.number, self.code, self.persistent = number, code, persistent
        self.done = []

    def gate(self, operation):
        self.done.append(operation)
        count = len(self.done)
        if count == self.number or (self.persistent and 0 < self.number < count):
            raise OSError(self.code, os.strerror(self.code))

    @property
    def happened(self):
        return 0 < self.number <= len(self.done)

    def __enter__(self):
        self._patched = pytest.MonkeyPatch()
        open_, replace, unlink, fsync = Path.open, Path.replace, Path.unlink, os.fsync

        def faulty_open(path, mode="r", *rest, **named):
            if mode != "xb":
                return open_(path, mode, *rest, **named)
            self.gate("open")
            return _FaultyStream(open_(path, mode, *rest, **named), self.gate)

        def faulty(name, real):
            def call(*given, **named):
                self.gate(name)
                return real(*given, **named)

            return call

        def faulty_unlink(path, *given, **named):
            # A file system that cannot even remove is left what it has; it is told all the same.
            unlink(path, *given, **named)
            if path.name.startswith(".impasto-") and not self.persistent:
                self.gate("unlink")

        self._patched.setattr(Path, "open", faulty_open)
        self._patched.setattr(Path, "replace", faulty("replace", replace))
        self._patched.setattr(Path, "unlink", faulty_unlink)
        self._patched.setattr("impasto.engine.files.os.fsync", faulty("fsync", fsync))
        return self

    def __exit__(self, *exc):
        self._patched.undo()


def _every_fault(persistent, work, check):
    """Let operation 1, 2, 3, ... fail until one run passes; returns how many there were."""
    for number in range(1, 200):
        written = True
        with _Faults(number, FAULTS[number % len(FAULTS)], persistent) as faults:
            try:
                work()
            except OutputError as error:
                assert str(error).isprintable()
                assert faults.happened
                written = False
        check(written)
        if not faults.happened:
            return number - 1
    raise AssertionError


@row("W01")
@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize(("name", "depth"), [("art.png", 8), ("art.png", 16), ("art.tif", 16)])
def test_picture_is_the_old_one_or_the_new_one_whatever_fails(
    tmp_path, scene, persistent, name, depth
):
    path, picture = tmp_path / name, scene(64, 64)

    def check(written):
        assert [entry.name for entry in tmp_path.iterdir()] == [name]
        if written:
            assert read_picture(path).shape == (64, 64, 3)
            path.write_bytes(b"old")
        assert path.read_bytes() == b"old"

    path.write_bytes(b"old")
    assert _every_fault(persistent, lambda: write_picture(path, picture, depth=depth), check) >= 6


@row("W01")
@posix
def test_full_disk_is_one_sentence_and_keeps_the_old_file(tmp_path, spawn, work, content, style):
    """By the limit of a file's size, which the system enforces."""
    (tmp_path / "art.bmp").write_bytes(b"old")
    before = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))"
    )
    process = spawn("stylize", content, style, *work, "-o", "art.bmp", before=before)
    _, err = process.communicate()
    assert process.returncode == 5
    assert err.count("\n") == 1 and "art.bmp" in err
    assert (tmp_path / "art.bmp").read_bytes() == b"old"


@row("W01")
def test_result_whose_saving_failed_is_still_there(engine, asked, scene, tmp_path):
    result = engine.stylize(scene(24, 24), scene(20, 20), asked())
    with _Faults(2, errno.ENOSPC, True), pytest.raises(OutputError):
        result.save(tmp_path / "art.png")
    result.save(tmp_path / "elsewhere.png")
    assert read_picture(tmp_path / "elsewhere.png").shape == (24, 24, 3)


@row("W02")
@pytest.mark.parametrize("persistent", [False, True])
def test_checkpoint_is_the_old_one_or_the_new_one_whatever_fails(tmp_path, persistent):
    path = tmp_path / "work.impasto"
    arrays = {"canvas": np.random.default_rng(0).random((20, 20, 3), np.float32)}

    def check(written):
        assert [entry.name for entry in tmp_path.iterdir()] == ["work.impasto"]
        assert read_arrays(path)[0] == {"number": 2 if written else 1}
        if written:
            write_arrays(path, {"number": 1}, arrays)

    write_arrays(path, {"number": 1}, arrays)
    work = lambda: write_arrays(path, {"number": 2}, arrays)  # noqa: E731
    assert _every_fault(persistent, work, check) >= 10


@row("W02")
@pytest.mark.parametrize("persistent", [False, True])
def test_painting_with_a_checkpoint_survives_every_fault(
    engine, asked, content, style, tmp_path, persistent, monkeypatch
):
    """The work fails with its best picture, and what was saved before can be gone on with."""
    monkeypatch.setattr(checkpoint_module, "_LONGEST_SHARE", 1e9)
    options, happened = asked(iterations=1), 0
    for number in range(1, 100):
        folder = tmp_path / f"kept-{number}"
        with _Faults(number, FAULTS[number % len(FAULTS)], persistent) as faults:
            try:
                engine.stylize(content, style, options, checkpoint=Checkpoint(folder, every=0))
            except OutputError as error:
                assert faults.happened
                assert error.result is None or np.isfinite(error.result.canvas).all()
        left = sorted(path.name for path in folder.iterdir())
        assert left in ([], ["work.impasto"])
        if left:
            assert engine.resume(folder).canvas.shape == (18, 24, 3)
        if not faults.happened:
            break
        happened += 1
    assert 20 <= happened < 99


@row("W02")
@pytest.mark.parametrize("persistent", [False, True])
def test_pulled_network_is_whole_or_not_there_whatever_fails(tmp_path, toy, pulling, persistent):
    from impasto.models import store
    from impasto.models.folders import network_path

    def check(written):
        folder = network_path("toy").parent
        assert not list(folder.glob(".impasto-*"))
        if written:
            assert store.load("toy").fingerprint == toy.fingerprint
            shutil.rmtree(tmp_path / "home")
        else:  # a network without its record, or a record without its network, is none
            with pytest.raises(ModelError):
                store.load("toy")

    assert _every_fault(persistent, pulling, check) >= 10


@row("W03")
def test_folder_that_goes_away_while_the_work_runs_is_an_output_error(
    engine, asked, scene, tmp_path
):
    folder = tmp_path / "out"
    folder.mkdir()
    result = engine.stylize(
        scene(24, 24), scene(20, 20), asked(), progress=lambda _: folder.exists() and folder.rmdir()
    )
    with pytest.raises(OutputError, match="does not exist"):
        result.save(folder / "art.png")
    assert not folder.exists()


@row("W04")
@posix
def test_picture_is_whole_whenever_its_writer_is_killed(tmp_path):
    """At random times; `make fuzz` kills two hundred."""
    kill_writers(tmp_path, 8)


_PAINTER = """
import sys
from impasto.engine import checkpoint
from impasto.engine.engine import Engine
from impasto.engine.options import Options
from impasto.engine.provenance import read_provenance
from impasto.engine.settings import Checkpoint

checkpoint._LONGEST_SHARE = 1e9
network, content, style, folder = sys.argv[1:]
options = Options(size=24, levels=1, iterations=40, optimizer="adam",
    content_layers={"relu3_1": 1.0}, style_layers={"relu1_1": 1.0, "relu2_1": 1.0})
Engine(network, threads=1, device="cpu").stylize(content, style, options,
    checkpoint=Checkpoint(folder, every=0),
    progress=lambda record: print(record.iteration, flush=True))
"""


@pytest.fixture
def killed(tmp_path, network_path, content, style):
    """`killed(after)`: the folder of a work whose process was killed after so many steps."""

    def killed(after, wait=0.0):
        folder = tmp_path / "kept"
        command = [sys.executable, "-P", "-c", _PAINTER]
        command += map(str, (network_path, content, style, folder))
        with subprocess.Popen(command, stdout=subprocess.PIPE) as painter:
            for _ in range(after):
                assert painter.stdout.readline()
            time.sleep(wait)
            painter.kill()
        return folder

    return killed


@row("W05")
@posix
def test_work_that_was_killed_goes_on_to_about_the_same_end(engine, asked, content, style, killed):
    layers = {"style_layers": {"relu1_1": 1.0, "relu2_1": 1.0}}
    whole = engine.stylize(content, style, asked(iterations=40, optimizer="adam", **layers))
    resumed = engine.resume(killed(15))
    assert resumed.levels[-1].iterations == 40
    assert resumed.loss == pytest.approx(whole.loss, rel=0.02)


@row("W06")
def test_damaged_or_foreign_checkpoint_is_one_sentence_and_stays(
    engine, asked, content, style, tmp_path, run, toy_network, network_path
):
    from impasto.engine.engine import Engine

    folder = tmp_path / "kept"
    engine.stylize(
        content, style, asked(), checkpoint=folder, progress=lambda record: record.iteration < 2
    )
    file = folder / "work.impasto"
    data = file.read_bytes()
    flipped = bytearray(data)
    flipped[-100] ^= 1
    spoiled = [
        data.replace(sound, other, 1)
        for sound, other in (
            (b'"version": 1', b'"version": 9'),
            (b'"device": "', b'"devicf": "'),
            (b'"device": "cpu"', b'"device": "cpv"'),
            (b'"lowering": "a', b'"lowering": "b'),
            (b'"threads": 1', b'"threads": 0'),
            (b'"every": 3', b'"every":-3'),
            (b'"bundle": null', b'"bundle": 1234'),
        )
    ]
    assert data not in spoiled
    spoiled += [b"", data[:1000], data[:-1], bytes(flipped), data + b"\0", b"PK\3\4"]
    for damaged in spoiled:
        file.write_bytes(damaged)
        with pytest.raises(ResumeError, match="kept"):
            engine.resume(folder)
        with pytest.raises(ResumeError, match="kept"):
            resume(folder)
        ended = run("resume", folder, "-o", "art.png")
        assert (ended.code, ended.err.count("\n")) == (8, 1), ended.err
        assert file.read_bytes() == damaged
    file.write_bytes(data)
    other = tmp_path / "other.onnx"
    other.write_bytes(encode_network(toy_network(1)))
    with pytest.raises(ResumeError, match="network"):
        Engine(other, device="cpu").resume(folder)
    write_picture(style, np.zeros((9, 9, 3), np.float32))
    with pytest.raises(ResumeError, match=r"paint\.png"):
        engine.resume(folder)


@row("W06")
@posix
def test_pipe_in_place_of_a_work_is_refused_and_not_waited_for(tmp_path, run, engine):
    (tmp_path / "kept").mkdir()
    os.mkfifo(tmp_path / "kept" / "work.impasto")
    with pytest.raises(ResumeError, match="not a regular file"):
        engine.resume("kept")
    ended = run("resume", "kept")
    assert (ended.code, ended.err.count("\n")) == (8, 1)


class _Running:
    def __reduce__(self):
        return os.mkdir, ("marker",)


@row("W07")
def test_checkpoint_with_a_pickle_is_refused_and_nothing_runs(engine, tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    stream = io.BytesIO()
    np.save(stream, np.array([_Running()], object), allow_pickle=True)
    listed = json.dumps({"header": {}, "arrays": [["a", "|O", [1]]]}).encode()
    framed = b"IMPASTO\1" + len(listed).to_bytes(8, "little") + listed + stream.getvalue()
    for data in (pickle.dumps(_Running()), stream.getvalue(), framed + bytes(40)):
        (folder / "work.impasto").write_bytes(data)
        with pytest.raises(ResumeError):
            engine.resume(folder)
    assert not (tmp_path / "marker").exists()


@row("W07")
def test_sizes_are_compared_with_the_file_before_anything_is_read(tmp_path):
    listed = json.dumps({"header": {}, "arrays": [["a", "<f8", [2**40]]]}).encode()
    path = tmp_path / "x"
    path.write_bytes(b"IMPASTO\1" + len(listed).to_bytes(8, "little") + listed + bytes(40))
    with pytest.raises(Damaged):
        read_arrays(path)


@row("W08")
@posix
def test_kill_while_a_checkpoint_is_saved_leaves_one_to_go_on_with(engine, killed):
    """Saved after every step, so that a kill a moment later is in the middle of a save."""
    folder = killed(3, wait=0.004)
    with _Faults(1, errno.EIO, True), pytest.raises(OutputError):  # and a fault while resuming
        engine.resume(folder)
    resumed = engine.resume(folder)
    assert resumed.levels[-1].iterations == 40
    assert [path.name for path in folder.iterdir()] == ["work.impasto"]


# Tells on stderr when some canvases were painted.
_TELL = """
import sys, time
from impasto.engine import optimise
evaluate = optimise.Descent.evaluate

def telling(self, canvas):
    answer = evaluate(self, canvas)
    if self.evaluations == 3:
        print("painting", file=sys.stderr, flush=True)
        {then}
    return answer

optimise.Descent.evaluate = telling
"""
_LONG = ["--optimizer", "adam", "--iterations", "100000"]


def _stopped(spawn, work, content, style, number):
    process = spawn(
        *("stylize", content, style, *work, *_LONG, "-o", "art.png"),
        before=_TELL.format(then="pass"),
    )
    assert process.stderr.readline() == "painting\n"
    process.send_signal(number)
    _, err = process.communicate()
    return process.returncode, err


@row("W09")
@posix
def test_interrupt_saves_the_best_picture_in_one_line(tmp_path, spawn, work, content, style):
    code, err = _stopped(spawn, work, content, style, signal.SIGINT)
    assert (code, err) == (130, "interrupted: the best picture is in art.png\n")
    assert read_picture(tmp_path / "art.png").shape == (24, 32, 3)


@row("W10")
@posix
def test_second_interrupt_leaves_at_once_and_keeps_the_old_file(
    tmp_path, spawn, work, content, style
):
    (tmp_path / "art.png").write_bytes(b"old")
    process = spawn(
        *("stylize", content, style, *work, *_LONG, "-o", "art.png"),
        before=_TELL.format(then="time.sleep(600)"),
    )
    assert process.stderr.readline() == "painting\n"
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    process.communicate()
    assert process.returncode == 130
    assert (tmp_path / "art.png").read_bytes() == b"old"


@row("W11")
@posix
def test_termination_saves_the_best_picture_in_one_line(tmp_path, spawn, work, content, style):
    code, err = _stopped(spawn, work, content, style, signal.SIGTERM)
    assert (code, err) == (143, "terminated: the best picture is in art.png\n")
    assert read_picture(tmp_path / "art.png").shape == (24, 32, 3)


@row("W12")
@posix
def test_closed_pipes_and_streams_keep_the_picture(tmp_path, spawn, work, content, style):
    arguments = ["stylize", content, style, *work, "--json", "-o", "art.png"]
    process = spawn(*arguments)
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    process.wait()
    assert "Traceback" not in err
    assert read_picture(tmp_path / "art.png").shape == (24, 32, 3)
    (tmp_path / "art.png").unlink()
    process = spawn(*arguments, before="import os; os.close(1); os.close(2)")
    process.communicate()
    assert read_picture(tmp_path / "art.png").shape == (24, 32, 3)


@row("W13")
def test_several_writers_of_one_file_leave_one_of_theirs(tmp_path):
    path = tmp_path / "art.bmp"
    shades = [np.full((60, 60, 3), shade, np.float32) for shade in np.linspace(0, 1, 6)]

    def write(shade):
        for _ in range(4):
            write_picture(path, shade)

    writers = [threading.Thread(target=write, args=[shade]) for shade in shades]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = read_picture(path).samples
    assert found.min() == found.max()
    assert [entry.name for entry in tmp_path.iterdir()] == ["art.bmp"]


@row("X01")
def test_second_work_in_a_checkpoint_folder_is_refused_while_the_first_lasts(
    engine, asked, content, style, tmp_path
):
    folder, refused = tmp_path / "kept", []

    def progress(record):
        for again in (
            lambda: engine.stylize(content, style, asked(), checkpoint=folder),
            lambda: engine.resume(folder),
        ):
            with pytest.raises(StyleError, match="at this moment") as caught:
                again()
            refused.append(type(caught.value).__name__)
        return False

    engine.stylize(content, style, asked(), checkpoint=folder, progress=progress)
    assert refused == ["OptionsError", "ResumeError"]
    assert [path.name for path in folder.iterdir()] == ["work.impasto"]
    assert engine.resume(folder).levels[-1].iterations == 3


@row("X01")
@posix
@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_lock_that_is_no_file_is_refused_and_leads_nowhere(
    engine, asked, content, style, tmp_path, kind
):
    """A pipe would be waited for, and through a link a file be made elsewhere."""
    folder, elsewhere = tmp_path / "kept", tmp_path / "elsewhere"
    folder.mkdir()
    if kind == "pipe":
        os.mkfifo(folder / ".impasto.lock")
    else:
        (folder / ".impasto.lock").symlink_to(elsewhere)
    with pytest.raises(OutputError, match=r"impasto\.lock"):
        engine.stylize(content, style, asked(), checkpoint=folder)
    assert not elsewhere.exists()
    (folder / ".impasto.lock").unlink()


@row("W14")
def test_clock_terminal_and_encoding_have_no_say(tmp_path, spawn, work, content, style):
    arguments = ["stylize", content, style, *work, "-o"]
    jumping = "import time; time.time = lambda: -1e9"
    quiet = {"NO_COLOR": "1", "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "TERM": "dumb"}
    processes = [
        spawn(*arguments, "plain.png"),
        spawn(*arguments, "odd-\u00e9.png", before=jumping, environment=quiet),
    ]
    for process in processes:
        _, err = process.communicate()
        assert process.returncode == 0, err
    plain, odd = (tmp_path / "plain.png", tmp_path / "odd-\u00e9.png")
    assert read_picture(plain).samples.tobytes() == read_picture(odd).samples.tobytes()
    told = [read_provenance(path) for path in (plain, odd)]
    assert told[0] == replace(told[1], command=told[0].command)


@row("X02")
@posix
def test_sweeper_never_takes_what_another_process_is_writing(tmp_path, network_path):
    """See `test_files.py` for the race itself; here is that the dead are swept on resuming."""
    from impasto.engine.files import atomic_writer, remove_leftovers

    (tmp_path / ".impasto-dead.tmp").write_bytes(b"half")
    with atomic_writer(tmp_path / "art.png") as stream:
        remove_leftovers(tmp_path)
        stream.write(b"whole")
    assert [entry.name for entry in tmp_path.iterdir()] == ["art.png"]
