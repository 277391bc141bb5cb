import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from impasto.engine import files
from impasto.engine.arrays_file import Damaged, read_arrays, read_header
from impasto.engine.bundle import read_bundle
from impasto.engine.errors import OptionsError, OutputError, ResumeError, StyleError
from impasto.engine.files import atomic_writer, check_writable, open_regular, write_atomic
from impasto.engine.holding import held
from impasto.engine.images import read_picture
from impasto.engine.limits import Limits
from impasto.engine.provenance import read_provenance
from impasto.engine.recipe import read_recipe
from impasto.engine.settings import Source
from impasto.export.importing import import_network
from impasto.models.lock import exclusive

OLD, NEW = b"old picture", b"new picture, somewhat longer"


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


class FaultyStream:
    """A file whose every operation passes `gate` first."""

    def __init__(self, stream, gate):
        self._stream, self._gate = stream, gate

    def write(self, data):
        self._gate("write")
        return self._stream.write(data)

    def flush(self):
        self._gate("flush")
        self._stream.flush()

    def fileno(self):
        return self._stream.fileno()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._stream.close()
        self._gate("close")


@pytest.fixture
def break_at(monkeypatch):
    """Make operation N of open, write, flush, fsync, close, replace fail, once or from then on."""

    def install(number, code, persistent):
        calls = []

        def gate(operation):
            calls.append(operation)
            if len(calls) == number or (persistent and len(calls) > number):
                raise OSError(code, os.strerror(code))

        open_, replace, fsync = Path.open, Path.replace, os.fsync

        def faulty_open(path, mode="r", *rest, **named):
            if mode != "xb":
                return open_(path, mode, *rest, **named)
            gate("open")
            return FaultyStream(open_(path, mode, *rest, **named), gate)

        def faulty_replace(path, target):
            gate("replace")
            return replace(path, target)

        def faulty_fsync(descriptor):
            gate("fsync")
            fsync(descriptor)

        monkeypatch.setattr(Path, "open", faulty_open)
        monkeypatch.setattr(Path, "replace", faulty_replace)
        monkeypatch.setattr(files.os, "fsync", faulty_fsync)
        return calls

    return install


OPERATIONS = ["open", "write", "flush", "fsync", "close", "replace"]


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.EDQUOT])
@pytest.mark.parametrize("number", range(1, len(OPERATIONS) + 1))
def test_failed_save_keeps_old_file(tmp_path, break_at, number, code, persistent):
    path = tmp_path / "picture.png"
    path.write_bytes(OLD)
    calls = break_at(number, code, persistent)
    with pytest.raises(OutputError, match=r"picture\.png.*" + os.strerror(code)):
        write_atomic(path, NEW)
    assert calls[:number] == OPERATIONS[:number]
    assert path.read_bytes() == OLD
    assert names(tmp_path) == ["picture.png"]


def test_failed_first_save_leaves_nothing(tmp_path, break_at):
    break_at(2, errno.ENOSPC, True)
    with pytest.raises(OutputError):
        write_atomic(tmp_path / "picture.png", NEW)
    assert names(tmp_path) == []


def test_folder_that_cannot_be_flushed_does_not_undo_a_finished_save(tmp_path, break_at):
    path = tmp_path / "picture.png"
    calls = break_at(len(OPERATIONS) + 1, errno.EIO, True)
    write_atomic(path, NEW)
    assert calls == [*OPERATIONS, "fsync"]
    assert path.read_bytes() == NEW


def test_interrupted_save_keeps_old_file(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(OLD)
    with pytest.raises(KeyboardInterrupt), atomic_writer(path) as stream:
        stream.write(NEW)
        raise KeyboardInterrupt
    assert path.read_bytes() == OLD
    assert names(tmp_path) == ["picture.png"]


def test_error_of_the_caller_is_not_disguised(tmp_path):
    with pytest.raises(ValueError, match="mine"), atomic_writer(tmp_path / "x") as stream:
        stream.write(NEW)
        raise ValueError("mine")
    assert names(tmp_path) == []


def test_concurrent_writers_leave_one_complete_file(tmp_path):
    path = tmp_path / "picture.png"
    contents = [bytes([65 + number]) * 200_000 for number in range(8)]
    seen, writers = [], []

    def write(data):
        for _ in range(5):
            write_atomic(path, data)
            seen.append(path.read_bytes())

    for data in contents:
        writers.append(threading.Thread(target=write, args=(data,)))
        writers[-1].start()
    for writer in writers:
        writer.join()
    assert len(seen) == 40
    assert set(seen) <= set(contents)
    assert names(tmp_path) == ["picture.png"]


def test_symbolic_link_stays_and_the_file_behind_it_is_replaced(tmp_path):
    (tmp_path / "behind").mkdir()
    target, link = tmp_path / "behind" / "target.png", tmp_path / "link.png"
    target.write_bytes(OLD)
    link.symlink_to(target)
    write_atomic(link, NEW)
    assert link.is_symlink()
    assert target.read_bytes() == NEW
    assert names(tmp_path / "behind") == ["target.png"]


def test_permissions_of_a_replaced_file_stay(tmp_path):
    path = tmp_path / "private.png"
    path.write_bytes(OLD)
    path.chmod(0o600)
    write_atomic(path, NEW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_new_file_gets_the_permissions_of_any_new_file(tmp_path):
    write_atomic(tmp_path / "ours", NEW)
    (tmp_path / "plain").write_bytes(NEW)
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize(
    "name", ["with space.png", "line\nbreak.png", "-leading.png", "\U0001f3a8" * 60 + ".png"]
)
def test_any_name_that_the_system_allows_is_written(tmp_path, name):
    check_writable(tmp_path / name)
    write_atomic(tmp_path / name, NEW)
    assert (tmp_path / name).read_bytes() == NEW


@pytest.mark.parametrize("use", [check_writable, lambda path: write_atomic(path, NEW)])
class TestPlacesThatCannotBeWritten:
    def test_folder(self, tmp_path, use):
        with pytest.raises(OutputError, match="it is a folder"):
            use(tmp_path)

    def test_missing_folder(self, tmp_path, use):
        with pytest.raises(OutputError, match=r"missing.*does not exist"):
            use(tmp_path / "missing" / "picture.png")

    def test_file_as_folder(self, tmp_path, use):
        (tmp_path / "file").write_bytes(OLD)
        with pytest.raises(OutputError):
            use(tmp_path / "file" / "picture.png")

    def test_pipe_is_refused_and_not_replaced(self, tmp_path, use):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OutputError, match="not a regular file"):
            use(tmp_path / "pipe")
        assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)

    def test_zero_byte_in_name(self, tmp_path, use):
        with pytest.raises(OutputError):
            use(tmp_path / "a\0b")

    def test_name_too_long_for_the_system(self, tmp_path, use):
        with pytest.raises(OutputError):
            use(tmp_path / ("n" * 300))

    def test_link_that_leads_to_itself(self, tmp_path, use):
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
        with pytest.raises(OutputError):
            use(tmp_path / "loop")

    def test_message_stays_on_one_line(self, tmp_path, use):
        with pytest.raises(OutputError) as caught:
            use(tmp_path / "line\nbreak" / "x.png")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("exists", [False, True])
def test_check_leaves_nothing_and_changes_nothing(tmp_path, exists):
    path = tmp_path / "picture.png"
    if exists:
        path.write_bytes(OLD)
    before = names(tmp_path)
    check_writable(path)
    assert names(tmp_path) == before
    assert not exists or path.read_bytes() == OLD


def test_check_reports_a_folder_without_room(tmp_path, break_at):
    break_at(1, errno.EROFS, True)
    with pytest.raises(OutputError, match="Read-only"):
        check_writable(tmp_path / "picture.png")
    assert names(tmp_path) == []


_SWEEPING = """
import sys
from pathlib import Path
from impasto.engine.files import remove_leftovers

print("sweeping", flush=True)
while not (Path(sys.argv[1]) / "enough").exists():
    remove_leftovers(Path(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no locks")
def test_sweeper_of_another_process_never_takes_what_is_being_written(tmp_path):
    command = [sys.executable, "-P", "-c", _SWEEPING, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sweeper:
        assert sweeper.stdout.readline() == "sweeping\n"
        try:
            for number in range(500):
                write_atomic(tmp_path / "picture.png", b"%d" % number)
                assert (tmp_path / "picture.png").read_bytes() == b"%d" % number
        finally:
            (tmp_path / "enough").touch()
    assert sweeper.returncode == 0
    assert names(tmp_path) == ["enough", "picture.png"]


def test_checkpoint_folder_is_held_by_one_at_a_time_and_left_as_it_was(tmp_path):
    for resuming, refusal in ((False, OptionsError), (True, ResumeError)):
        with held(tmp_path / "kept"):
            with (
                pytest.raises(refusal, match=r"kept.*being made at this moment"),
                held(tmp_path / "kept", resuming),
            ):
                raise AssertionError
            assert len(names(tmp_path / "kept")) == 1
        assert names(tmp_path / "kept") == []


def test_checkpoint_folder_is_free_after_an_error(tmp_path):
    with pytest.raises(ValueError, match="mine"), held(tmp_path):
        raise ValueError("mine")
    with held(tmp_path):
        pass


def test_folder_that_is_not_there_is_not_made_by_resuming(tmp_path):
    with held(tmp_path / "none", resuming=True):
        assert names(tmp_path) == []


def test_checkpoint_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"), held(tmp_path / "file" / "kept"):
        raise AssertionError


_HOLDING = """
import sys
from impasto.engine.holding import held
from impasto.models.lock import exclusive

with held(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no locks")
def test_checkpoint_folder_of_a_process_that_was_killed_is_free(tmp_path):
    command = [sys.executable, "-P", "-c", _HOLDING, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(OptionsError), held(tmp_path):
            raise AssertionError
        holder.kill()
    with held(tmp_path):
        pass
    assert names(tmp_path) == []


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_file_system_without_locks_serves_all_the_same(tmp_path, monkeypatch, code):
    fcntl = pytest.importorskip("fcntl")

    def none(stream, operation):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", none)
    write_atomic(tmp_path / "new", NEW)
    with exclusive(tmp_path / "lock"), exclusive(tmp_path / "lock"):
        pass
    with held(tmp_path / "kept"):
        assert names(tmp_path / "kept") == [".impasto.lock"]
    assert names(tmp_path / "kept") == []
    # Nobody can tell whether its writer lives.
    (tmp_path / ".impasto-0.tmp").write_bytes(b"half")
    files.remove_leftovers(tmp_path)
    assert names(tmp_path) == [".impasto-0.tmp", "kept", "lock", "new"]


def test_lock_is_waited_for_and_lifted(tmp_path):
    pytest.importorskip("fcntl")
    entered, inside = threading.Event(), []

    def second():
        entered.set()
        with exclusive(tmp_path / "lock"):
            inside.append("second")

    with exclusive(tmp_path / "lock"):
        thread = threading.Thread(target=second)
        thread.start()
        entered.wait()
        inside.append("first")
    thread.join()
    assert inside == ["first", "second"]


READERS = {
    "a picture": read_picture,
    "a picture to be hashed": lambda path: Source.of(path, Limits(), "style picture"),
    "what a picture tells": read_provenance,
    "a recipe": read_recipe,
    "a checkpoint": lambda path: import_network(path, "vgg19"),
    "a bundle": lambda path: read_bundle(path, True),
    "a saved work": read_arrays,
    "its header": read_header,
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.parametrize("kind", READERS)
def test_pipe_that_takes_a_file_s_place_is_neither_waited_for_nor_read(tmp_path, monkeypatch, kind):
    """Between the question what it is and the opening: by its flags, for a wait would not end."""
    path, opened, open_ = tmp_path / "file", [], os.open

    def swapped(name, flags, *rest):
        opened.append(flags)
        path.unlink()
        os.mkfifo(path)
        return open_(name, flags | os.O_NONBLOCK, *rest)

    path.write_bytes(b"a file")
    monkeypatch.setattr(os, "open", swapped)
    with pytest.raises((StyleError, Damaged, OSError)):
        READERS[kind](path)
    assert [bool(flags & os.O_NONBLOCK) for flags in opened] == [True]


def test_what_is_no_regular_file_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "open", lambda *given: pytest.fail("it was opened"))
    places = [tmp_path, Path(os.devnull)]
    if hasattr(os, "mkfifo"):
        places.append(tmp_path / "pipe")
        os.mkfifo(places[-1])
    for place in places:
        with pytest.raises(OSError, match="not a regular file"):
            open_regular(place)
