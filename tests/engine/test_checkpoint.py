import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from impasto.engine import checkpoint as module
from impasto.engine.arrays_file import Damaged, read_arrays, read_header, write_arrays
from impasto.engine.checkpoint import read_header as read_work_header
from impasto.engine.checkpoint import read_standing
from impasto.engine.engine import Engine
from impasto.engine.errors import ImageNotFound, OptionsError, OutputError, ResumeError
from impasto.engine.images import write_picture
from impasto.engine.methods import Method
from impasto.engine.optimise import Enough
from impasto.engine.pacing import Pace
from impasto.engine.settings import Checkpoint
from impasto.engine.simple import resume
from impasto.export.network_file import encode_network

LEVELS = {"size": 32, "levels": 2, "iterations": (4, 12)}
OURS = Method("lbfgs", 5)


@pytest.fixture(autouse=True)
def saves_as_often_as_asked(monkeypatch):
    monkeypatch.setattr(module, "_LONGEST_SHARE", 1e9)


@pytest.fixture
def files(tmp_path, scene):
    paths = tmp_path / "photo.png", tmp_path / "paint.png"
    for seed, (path, shape) in enumerate(zip(paths, [(40, 48), (50, 30)], strict=True)):
        write_picture(path, scene(*shape, seed))
    return paths


@pytest.fixture(params=["lbfgs 5", "lbfgs 3", "adam", "scipy"])
def method(request, monkeypatch):
    """The optimiser of every level, whatever its size."""
    name, _, pairs = request.param.partition(" ")
    chosen = Method(name, int(pairs or 0))
    _choose(monkeypatch, chosen)
    return chosen


@pytest.fixture
def ours(monkeypatch):
    _choose(monkeypatch, OURS)


def _choose(monkeypatch, method):
    monkeypatch.setattr("impasto.engine.planner.methods_for", lambda *_: (method,))


def interrupted(engine, files, options, folder, level, iteration, **rest):
    """A work that was stopped some steps after everything was saved."""

    def progress(record):
        return (record.level, record.iteration) < (level, iteration)

    checkpoint = Checkpoint(folder, every=0)
    return engine.stylize(*files, options, checkpoint=checkpoint, progress=progress, **rest)


@pytest.mark.parametrize(("level", "iteration"), [(1, 1), (1, 3), (2, 2), (2, 9), (2, 12)])
def test_a_work_that_goes_on_ends_where_it_would_have_ended(
    engine, asked, files, tmp_path, method, level, iteration
):
    options = asked(**LEVELS, optimizer="adam" if method.name == "adam" else "lbfgs")
    whole = engine.stylize(*files, options)
    broken = interrupted(engine, files, options, tmp_path / "kept", level, iteration)
    assert broken.stopped == "callback"
    result = engine.resume(tmp_path / "kept")
    assert result.stopped == "iterations"
    assert [one.iterations for one in result.levels] == [4, 12]
    assert {one.optimizer for one in result.levels} == {str(method)}
    assert result.initial_loss == pytest.approx(whole.initial_loss, rel=1e-6)
    near = {"scipy": 0.3, "adam": 1e-5}.get(method.name, 1e-3)
    assert result.loss <= whole.loss * (1 + near)
    loss, _ = engine.objective(*files, options).evaluate(result.canvas)
    assert result.loss == loss
    assert result.evaluations >= whole.evaluations - 2


def test_a_stop_saves_the_best_canvas(engine, asked, files, tmp_path, method):
    options = asked(**LEVELS, optimizer="adam" if method.name == "adam" else "lbfgs")
    seldom = Checkpoint(tmp_path / "kept", every=1000)
    broken = engine.stylize(
        *files,
        options,
        checkpoint=seldom,
        progress=lambda told: (told.level, told.iteration) < (2, 5),
    )
    standing = read_standing(tmp_path / "kept")
    assert np.array_equal(standing.canvas, broken.canvas)
    assert (standing.loss, standing.terms) == (broken.loss, broken.terms)
    assert (standing.level, standing.iteration) == (2, 5)
    assert bool(standing.state) == (method.name != "scipy")


def test_a_large_state_does_not_delay_a_stop(engine, asked, files, tmp_path, monkeypatch, ours):
    monkeypatch.setattr(module, "_QUICK_BYTES", 100)
    interrupted(engine, files, asked(**LEVELS), tmp_path / "kept", 2, 5)
    standing = read_standing(tmp_path / "kept")
    assert standing.iteration == 5
    assert not standing.state
    assert [one.iterations for one in engine.resume(tmp_path / "kept").levels] == [4, 12]


def test_work_whose_time_was_over_goes_on_where_it_is_given_more(
    engine, asked, files, tmp_path, monkeypatch, ours
):
    folder = tmp_path / "kept"
    monkeypatch.setattr(Pace, "check", _enough_at_the_end)
    first = engine.stylize(*files, asked(**LEVELS), checkpoint=Checkpoint(folder, every=1000))
    assert first.stopped == "time"
    monkeypatch.undo()
    standing = read_standing(folder)
    assert np.array_equal(standing.canvas, first.canvas)
    assert standing.state
    assert standing.ended is None
    more = engine.resume(folder, time=1000.0)
    assert more.stopped == "iterations"
    assert more.loss < first.loss
    assert [one.iterations for one in more.levels] == [4, 12]


def _enough_at_the_end(pace, step, remaining):
    pace.checks = getattr(pace, "checks", 0) + 1
    if pace.checks == 7:  # three steps into the second level
        raise Enough("time")


def test_saving_changes_nothing(engine, asked, files, tmp_path, ours):
    options = asked(**LEVELS)
    results = [
        engine.stylize(*files, options, **rest)
        for rest in ({}, {"checkpoint": Checkpoint(tmp_path / "kept", every=0)})
    ]
    assert results[0].canvas.tobytes() == results[1].canvas.tobytes()


def test_a_finished_work_gives_its_result_again(engine, asked, files, tmp_path):
    first = engine.stylize(*files, asked(**LEVELS), checkpoint=tmp_path / "kept")
    told = []
    again = engine.resume(tmp_path / "kept", progress=told.append)
    assert not told
    assert np.array_equal(first.canvas, again.canvas)
    assert (first.loss, first.initial_loss) == (again.loss, again.initial_loss)
    assert (first.levels, first.stopped, first.terms) == (again.levels, again.stopped, again.terms)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["work.impasto"]


def test_the_library_alone_goes_on_in_another_folder(toy_file, asked, files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [path.name for path in files]
    arguments = {"threads": 1, "device": "cpu", "lowering": "direct"}
    engine = Engine(os.path.relpath(toy_file, tmp_path), **arguments)
    options = asked(**LEVELS, init="paint.png")
    interrupted(engine, names, options, "kept", 2, 3)
    monkeypatch.chdir("/")
    result = resume(tmp_path / "kept")
    assert result.stopped == "iterations"
    settings, standing = read_work_header(tmp_path / "kept")
    assert standing.ended
    kept = {**arguments, "bundle": None, "precision": "float32"}
    assert {name: settings.engine[name] for name in kept} == kept
    assert set(settings.engine) == {*kept, "model"}
    assert toy_file.samefile(settings.engine["model"])
    assert dataclasses.replace(settings.options, init="paint.png") == options
    assert settings.options.init == settings.styles[0].path == str(files[1])


def test_the_time_that_is_left_goes_on(engine, asked, files, tmp_path):
    interrupted(engine, files, asked(**LEVELS), tmp_path / "kept", 2, 3, time=1000.0)
    settings, standing = read_work_header(tmp_path / "kept")
    assert settings.time == 1000.0
    assert standing.seconds < 100
    assert engine.resume(tmp_path / "kept").seconds > standing.seconds


def test_no_time_that_is_left_gives_the_best_of_before(engine, asked, files, tmp_path):
    folder = tmp_path / "kept"
    interrupted(engine, files, asked(**LEVELS), folder, 2, 3, time=1000.0)
    header, arrays = read_arrays(folder / "work.impasto")
    header["standing"]["seconds"] = 1001.0
    write_arrays(folder / "work.impasto", header, arrays)
    result = engine.resume(folder)
    assert result.stopped == "time"
    assert result.loss == header["standing"]["loss"]
    assert np.array_equal(result.canvas, arrays["canvas"])
    assert [one.iterations for one in result.levels] == [4, 3]
    assert engine.resume(folder, time=100.0).stopped == "iterations"


def test_a_work_of_another_optimiser_goes_on_without_its_state(
    engine, asked, files, tmp_path, monkeypatch
):
    _choose(monkeypatch, OURS)
    interrupted(engine, files, asked(**LEVELS), tmp_path / "kept", 2, 8)
    _choose(monkeypatch, Method("lbfgs", 3))
    result = engine.resume(tmp_path / "kept")
    assert [one.optimizer for one in result.levels] == ["lbfgs 5", "lbfgs 3"]
    assert result.levels[-1].iterations == 12


def test_a_stop_while_saving_saves_once_more_at_the_end(
    engine, asked, files, tmp_path, monkeypatch
):
    from impasto.engine.stop import Stop

    stop, saves = Stop(), []
    write = module.arrays_file.write_arrays

    def stopped(*arguments):
        saves.append(arguments)
        if len(saves) == 5:
            stop.request("cancelled")
        write(*arguments)

    monkeypatch.setattr(module.arrays_file, "write_arrays", stopped)
    checkpoint = Checkpoint(tmp_path / "kept", every=0)
    result = engine.stylize(*files, asked(**LEVELS), checkpoint=checkpoint, stop=stop)
    assert result.stopped == "cancelled"
    assert len(saves) == 6
    assert read_standing(tmp_path / "kept").iteration == result.levels[0].iterations == 4
    assert engine.resume(tmp_path / "kept").stopped == "iterations"


def test_slow_disks_are_written_to_less_often(engine, asked, files, tmp_path, monkeypatch):
    settings = engine_settings(engine, asked, files, tmp_path)
    monkeypatch.setattr(module, "_LONGEST_SHARE", 0.1)
    clock = iter([100.0, 103.0, 132.9, 133.1])
    monkeypatch.setattr(module, "perf_counter", lambda: next(clock))
    keeper = module.Keeper(Checkpoint(tmp_path / "kept", every=1), settings, resuming=True)
    keeper.save(module.Standing(), lambda: None)
    assert not keeper.is_due
    assert keeper.is_due


def engine_settings(engine, asked, files, tmp_path):
    engine.stylize(*files, asked(), checkpoint=tmp_path / "kept")
    return read_work_header(tmp_path / "kept")[0]


def test_an_unfinished_work_is_not_overwritten_but_a_finished_one_is(
    engine, asked, files, tmp_path
):
    folder = tmp_path / "kept"
    interrupted(engine, files, asked(**LEVELS), folder, 2, 3)
    with pytest.raises(OptionsError, match="holds a work that is not finished: resume it"):
        engine.stylize(*files, asked(), checkpoint=folder)
    engine.resume(folder)
    assert engine.stylize(*files, asked(), checkpoint=folder).stopped == "iterations"


def test_pictures_without_a_path_are_refused(engine, asked, files, tmp_path, scene):
    for pair in ((scene(9, 9), files[1]), (files[0], [files[1], scene(9, 9)])):
        with pytest.raises(OptionsError, match="must be given by path"):
            engine.stylize(*pair, asked(), checkpoint=tmp_path / "kept")
    with pytest.raises(ImageNotFound, match=r"content picture .*none.png' cannot be read"):
        engine.stylize(tmp_path / "none.png", files[1], asked(), checkpoint=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_a_folder_that_cannot_be_made_is_refused(engine, asked, files):
    with pytest.raises(OutputError, match="cannot make"):
        engine.stylize(*files, asked(), checkpoint=files[0] / "kept")


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("change", ["changed", "gone"])
def test_changed_pictures_are_refused(engine, asked, files, tmp_path, scene, which, change):
    interrupted(engine, files, asked(**LEVELS), tmp_path / "kept", 2, 3)
    if change == "gone":
        files[which].unlink()
    else:
        write_picture(files[which], scene(40, 48, 9))
    with pytest.raises(ResumeError, match=files[which].name):
        engine.resume(tmp_path / "kept")


def test_another_network_is_refused(engine, asked, files, tmp_path, toy_network):
    interrupted(engine, files, asked(**LEVELS), tmp_path / "kept", 2, 3)
    other = tmp_path / "other.onnx"
    other.write_bytes(encode_network(toy_network(1)))
    with pytest.raises(ResumeError, match="the network is another one"):
        Engine(other, threads=1, device="cpu").resume(tmp_path / "kept")


@pytest.mark.parametrize("folder", ["none", "photo.png", "."])
def test_a_folder_without_a_work_is_refused(engine, files, tmp_path, folder):
    with pytest.raises(ResumeError, match="there is no work in the folder"):
        resume(tmp_path / folder)


def test_every_damage_is_one_sentence(engine, asked, files, tmp_path, ours):
    """Cut off anywhere, any byte changed."""
    interrupted(engine, files, asked(**LEVELS), tmp_path / "kept", 2, 3)
    path = tmp_path / "kept" / "work.impasto"
    whole, random = path.read_bytes(), np.random.default_rng(0)
    header = 16 + int.from_bytes(whole[8:16], "little")
    places = [*range(20), header - 1, header, len(whole) - 1]
    places += [int(place) for place in random.integers(0, header, 60)]
    places += [int(place) for place in random.integers(0, len(whole), 40)]
    for place in places:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << random.integers(8)
        for data in (whole[:place], bytes(flipped)):
            path.write_bytes(data)
            for read in (read_standing, read_work_header):
                with pytest.raises(ResumeError, match=r"is damaged: "):
                    read(tmp_path / "kept")
            assert path.read_bytes() == data


CRAFTED = {
    "level": 3,
    "version": 99,
    "canvas": np.zeros((5, 5, 3), np.float32),
    "no canvas": None,
    "other numbers": np.zeros((27, 32, 3)),
    "nothing": np.full((27, 32, 3), np.nan, np.float32),
    "state": np.zeros((2, 7), np.float32),
}


@pytest.mark.parametrize("what", CRAFTED)
def test_a_sound_file_that_makes_no_sense_is_refused(engine, asked, files, tmp_path, ours, what):
    interrupted(engine, files, asked(**LEVELS), tmp_path / "kept", 2, 3)
    path = tmp_path / "kept" / "work.impasto"
    header, arrays = read_arrays(path)
    if what == "level":
        header["standing"]["level"] = CRAFTED[what]
    elif what == "version":
        header["version"] = CRAFTED[what]
    elif what == "state":
        arrays["state.pairs"] = CRAFTED[what]
    elif what == "no canvas":
        del arrays["canvas"]
    else:
        arrays["canvas"] = CRAFTED[what]
    write_arrays(path, header, arrays)
    with pytest.raises(ResumeError):
        engine.resume(tmp_path / "kept")


SETTINGS = {
    "engine": [None, {}, {"device": "cpu"}],
    "engine.model": [1234, ["x"]],
    "engine.bundle": [1234, True],
    "engine.device": ["cpv", None, 5],
    "engine.precision": ["float64", None, ["tf32"]],
    "engine.threads": [0, 10**6, "1", True],
    "engine.lowering": ["faster", None],
    "engine.devicf": ["cpu"],
    "limits": [None, {"pixels": -1}],
    "fingerprint": [None, 5],
    "every": [-1, "30", None],
    "memory": [0, "1G", 1.5],
    "time": [-1, "90s"],
    "output": [5, ["art.png"]],
    "record": [5, "x"],
    "content": [5, {"path": 5, "sha256": ""}, {"path": "x"}],
    "styles": [None, 5, ["x"], [{"path": None, "sha256": ""}]],
    "initial": ["x"],
    "masks": [None, ["x"]],
    "more": [1],
}


@pytest.mark.parametrize("what", SETTINGS)
def test_settings_that_no_work_has_had_are_damage(engine, asked, files, tmp_path, what):
    """In a file that is sound otherwise: what comes from a stranger has the right hash."""
    folder = tmp_path / "kept"
    interrupted(engine, files, asked(**LEVELS), folder, 2, 3)
    header, arrays = read_arrays(folder / "work.impasto")
    told = header["settings"]
    name = what.rpartition(".")[2]
    for value in SETTINGS[what]:
        changed = {**told, name: value}
        if "." in what:
            changed = {**told, "engine": {**told["engine"], name: value}}
        write_arrays(folder / "work.impasto", {**header, "settings": changed}, arrays)
        for go_on in (resume, engine.resume):
            with pytest.raises(ResumeError, match="is damaged: its header makes no sense"):
                go_on(folder)


def test_arrays_come_back_as_they_went(tmp_path):
    arrays = {
        "a": np.arange(12, dtype=np.int16).reshape(3, 4).T,
        "b": np.array(2.5),
        "c": np.zeros((0, 3), np.float32),
        "d": np.arange(5, dtype=np.int64),
    }
    write_arrays(tmp_path / "file", {"x": [1, None, float("inf")]}, arrays)
    header, found = read_arrays(tmp_path / "file")
    assert header == read_header(tmp_path / "file") == {"x": [1, None, float("inf")]}
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)
        assert found[name].flags.writeable


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ([["a", "|O", [1]]], "header"),
        ([["a", "<f4", [-1]]], "header"),
        ([["a", "<f4", [2**40]]], "cut off"),
        ([["a", "<f4", [2**40, 2**40]]], "cut off"),
        ([["a", "<f4", [1.5]]], "header"),
        ([["a", "<f4"]], "header"),
        ([["a", "<f4", [0]]] * 65, "header"),
        (7, "header"),
    ],
    ids=str,
)
def test_arrays_that_the_file_does_not_hold_are_not_asked_memory_for(tmp_path, listed, words):
    text = json.dumps({"header": {}, "arrays": listed}).encode()
    path = tmp_path / "file"
    path.write_bytes(b"IMPASTO\1" + len(text).to_bytes(8, "little") + text + bytes(40))
    with pytest.raises(Damaged, match=words):
        read_arrays(path)


@pytest.mark.skipif(sys.platform == "win32", reason="no locks")
def test_leftovers_of_the_dead_are_removed_and_those_of_the_living_stay(tmp_path):
    from impasto.engine.files import atomic_writer, remove_leftovers

    dead = tmp_path / ".impasto-0.tmp"
    dead.write_bytes(b"half")
    other = tmp_path / ".other.tmp"
    other.write_bytes(b"")
    with atomic_writer(tmp_path / "file") as stream:
        stream.write(b"whole")
        remove_leftovers(tmp_path)
    assert not dead.exists()
    assert other.exists()
    assert (tmp_path / "file").read_bytes() == b"whole"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("after", [1, 4, 9, 14])
def test_a_work_that_was_killed_goes_on(engine, asked, files, tmp_path, toy_file, after):
    """By SIGKILL, after some steps; what was being written then is removed."""
    code = (
        "import sys\n"
        "from impasto.engine.engine import Engine\n"
        "from impasto.engine.options import Options\n"
        "from impasto.engine.settings import Checkpoint\n"
        "content, style, network, folder = sys.argv[1:]\n"
        "options = Options(size=32, levels=2, iterations=(4, 12),\n"
        "    content_layers={'relu3_1': 1.0}, style_layers={'relu1_1': 1.0, 'relu2_1': 1.0})\n"
        "Engine(network, threads=1, device='cpu').stylize(content, style, options,\n"
        "    checkpoint=Checkpoint(folder, every=0),\n"
        "    progress=lambda record: print(record.iteration, flush=True))\n"
    )
    folder = tmp_path / "kept"
    command = [sys.executable, "-P", "-c", code, *map(str, (*files, toy_file, folder))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for _ in range(after):
        assert process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    (folder / ".impasto-0.tmp").write_bytes(b"half")
    threads = set(threading.enumerate())
    result = engine.resume(folder)
    assert [one.iterations for one in result.levels] == [4, 12]
    assert [path.name for path in folder.iterdir()] == ["work.impasto"]
    assert set(threading.enumerate()) <= threads
