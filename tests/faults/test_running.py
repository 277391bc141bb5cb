"""Rows R01 to R14: numbers, memory, time and threads while a picture is made."""

import asyncio
import os
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from impasto.engine import arrays_file, sources, studio
from impasto.engine.engine import Engine
from impasto.engine.errors import DeadlineExceeded, MemoryLimit, NumericalError, OptionsError
from impasto.engine.limits import Limits
from impasto.engine.objective import Objective
from impasto.engine.stop import Stop

from .rows import row
from .samples import PEAK

FOR_EVER = {"optimizer": "adam", "iterations": 100_000}


@pytest.fixture
def pair(scene):
    return scene(30, 36), scene(26, 24, 1)


def _broken(monkeypatch, number):
    """The loss of evaluation `number`, and of all behind it, is no number."""
    measure, made = Objective.measure, []

    def broken(self, *given):
        made.append(1)
        told = measure(self, *given)
        return told if len(made) < number else told._replace(loss=np.nan)

    monkeypatch.setattr(Objective, "measure", broken)


@row("R01")
@pytest.mark.parametrize("number", [1, 2, 4])
def test_loss_that_is_no_number_ends_the_work_with_the_best_canvas(
    engine, asked, pair, monkeypatch, number
):
    _broken(monkeypatch, number)
    with pytest.raises(NumericalError) as caught:
        engine.stylize(*pair, asked(iterations=20))
    assert np.isfinite(caught.value.result.canvas).all()


@row("R01")
def test_best_canvas_is_saved_and_said(paint, monkeypatch, tmp_path):
    _broken(monkeypatch, 4)
    ended = paint(more=["--iterations", "20"])
    assert ended.code == 7
    assert "best picture so far is in art.png" in ended.err
    assert (tmp_path / "art.png").exists()


@row("R02")
def test_line_search_that_finds_nothing_is_a_result(engine, asked, pair, monkeypatch):
    """The loss says one thing, its gradient the contrary."""
    measure = Objective.measure

    def contrary(self, *given):
        told = measure(self, *given)
        return told._replace(gradient=-told.gradient)

    monkeypatch.setattr(Objective, "measure", contrary)
    result = engine.stylize(*pair, asked(iterations=20))
    assert "line search" in result.stopped or result.stopped == "converged"
    assert np.isfinite(result.canvas).all()


_LITTLE = """
import resource, sys
from pathlib import Path
import numpy as np
import impasto

picture = np.random.default_rng(0).random((16, 16, 3), np.float32)
layers = dict(content_layers={"relu3_1": 1}, style_layers={"relu1_1": 1})
small, large = (impasto.Options(size=s, levels=1, iterations=1, **layers) for s in (20, 900))
engine = impasto.Engine(sys.argv[1], threads=1, device="cpu")
engine.stylize(picture, picture, small)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
peak = engine.plan(picture, picture, large, memory=2**40).bytes
for share in (0.05, 0.3):
    resource.setrlimit(resource.RLIMIT_AS, (used + int(share * peak), resource.RLIM_INFINITY))
    for memory in (None, 2**40):
        try:
            engine.stylize(picture, picture, large, memory=memory)
        except impasto.StyleError as error:
            print(type(error).__name__)
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
engine.stylize(picture, picture, small)
print("usable")
"""


@row("R03")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is not told here")
def test_memory_that_is_refused_is_a_limit_and_the_engine_goes_on(run_alone, network_path):
    """The work of so little may be planned within it, by tiles, or be refused before it starts."""
    said = run_alone(_LITTLE, network_path).split()
    assert set(said) == {"MemoryLimit", "usable"}
    assert said[-1] == "usable" and said.count("MemoryLimit") >= 2


def _no_memory(*given, **named):
    raise MemoryError


@row("R03")
@pytest.mark.parametrize("step", ["read_picture", "gather"])
def test_memory_refused_while_pictures_are_read_is_a_limit(engine, asked, pair, step, monkeypatch):
    options = asked(color="content")
    with monkeypatch.context() as refusing:
        refusing.setattr(studio, step, _no_memory)
        for work in (engine.stylize, engine.objective):
            with pytest.raises(MemoryLimit) as caught:
                work(*pair, options)
            assert caught.value.result is None
    assert engine.stylize(*pair, options).stopped == "iterations"


@row("R03")
def test_memory_refused_while_a_saved_work_is_read_is_a_limit(
    engine, asked, content, style, monkeypatch
):
    engine.stylize(content, style, asked(), checkpoint="kept", progress=lambda record: False)
    with monkeypatch.context() as refusing:
        refusing.setattr(arrays_file, "read_arrays", _no_memory)
        with pytest.raises(MemoryLimit):
            engine.resume("kept")
    assert engine.resume("kept").stopped == "iterations"


@row("R03")
@pytest.mark.parametrize("iterations", [3, (2, 1)])
def test_painting_that_cannot_be_finished_is_not_lost(
    engine, asked, pair, monkeypatch, tmp_path, paint, iterations
):
    """The canvas as it was painted comes with the error, and the command line saves that."""
    monkeypatch.setattr(sources, "finished", _no_memory)
    levels = len(np.atleast_1d(iterations))
    told = []
    with pytest.raises(MemoryLimit) as caught:
        engine.stylize(
            *pair,
            asked(iterations=iterations, levels=levels, coarsest=12, color="content"),
            progress=lambda record: told.append(record.canvas.copy()),
        )
    assert np.array_equal(caught.value.result.canvas, told[-1])
    assert caught.value.result.stopped == "iterations"
    ended = paint(more=["--color", "content"])
    assert ended.code == 6
    assert "best picture so far is in art.png" in ended.err
    assert (tmp_path / "art.png").exists()


_PEAK = """
import sys
import numpy as np
import impasto

size = int(sys.argv[2])
pictures = [np.random.default_rng(n).random((size, size, 3), np.float32) for n in (0, 1)]
layers = dict(content_layers={"relu3_1": 1}, style_layers={"relu1_1": 1, "relu2_1": 1})
engine = impasto.Engine(sys.argv[1], threads=1, device="cpu")
warm = impasto.Options(size=32, levels=1, iterations=1, **layers)
engine.stylize(*pictures, warm)
options = impasto.Options(size=size, levels=1, iterations=3, **layers)
result = engine.stylize(*pictures, options)
assert peak() <= result.plan.bytes, (peak(), result.plan.bytes)
print("within")
"""


@row("R04")
@pytest.mark.parametrize("size", [256, 700])
def test_estimate_of_memory_is_never_below_the_peak(run_alone, network_path, size):
    assert run_alone(PEAK + _PEAK, network_path, size) == "within\n"


_MANY = """
import sys
from pathlib import Path
import numpy as np
import impasto

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

picture = np.random.default_rng(0).random((40, 40, 3), np.float32)
layers = dict(content_layers={"relu3_1": 1}, style_layers={"relu1_1": 1})
engine = impasto.Engine(sys.argv[1], threads=1, device="cpu")
sizes = [16, 40, 24, 64, 20]
for run in range(100):
    options = impasto.Options(size=sizes[run % 5], levels=1, iterations=1, **layers)
    engine.stylize(picture, picture, options)
    if run == 29:
        before = resident()
assert resident() - before < 16 * 2**20, resident() - before
print("level")
"""


@row("R05")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is not told here")
def test_a_hundred_works_of_alternating_sizes_take_no_more_than_thirty(run_alone, network_path):
    assert run_alone(_MANY, network_path) == "level\n"


@row("R06")
def test_deadline_is_an_error_with_the_best_picture(network_path, asked, pair):
    engine = Engine(network_path, threads=1, device="cpu", limits=Limits(deadline=0.3))
    began = time.perf_counter()
    with pytest.raises(DeadlineExceeded) as caught:
        engine.stylize(*pair, asked(**FOR_EVER))
    assert time.perf_counter() - began >= 0.3
    assert caught.value.result.levels[-1].iterations > 0
    assert engine.stylize(*pair, asked()).loss > 0  # within it


@row("R06")
def test_deadline_ends_an_evaluation_in_its_middle(network_path, asked, scene):
    """One evaluation of this size takes many times the deadline."""
    engine = Engine(network_path, threads=1, device="cpu", limits=Limits(deadline=0.001))
    with pytest.raises(DeadlineExceeded):
        engine.stylize(scene(500, 500), scene(26, 24), asked(size=500))


@row("R06")
def test_no_deadline_at_all_is_refused():
    with pytest.raises(OptionsError, match="deadline"):
        Limits(deadline=0)


@row("R07")
def test_work_is_cancelled_from_another_thread_and_the_engine_goes_on(engine, asked, pair):
    expected = engine.stylize(*pair, asked()).canvas
    for wait in (0, 0.01, 0.05):
        stop = Stop()
        timer = threading.Timer(wait, stop.request)
        timer.start()
        result = engine.stylize(*pair, asked(**FOR_EVER), stop=stop)
        timer.join()
        assert result.stopped == "cancelled"
    assert engine.stylize(*pair, asked()).canvas.tobytes() == expected.tobytes()


def _together(jobs):
    """Each in a thread of its own, all at once; their results or errors in order."""
    ended, ready = [None] * len(jobs), threading.Barrier(len(jobs))

    def work(number):
        ready.wait()
        try:
            ended[number] = jobs[number]()
        except Exception as error:
            ended[number] = error

    threads = [threading.Thread(target=work, args=[number]) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended


@row("R08")
@pytest.mark.parametrize("lowering", ["direct", "winograd"])
@pytest.mark.parametrize("count", [1, 2, 8, 32])
def test_works_in_threads_are_those_of_one_thread(network_path, asked, pair, lowering, count):
    made = {"threads": 1, "device": "cpu", "lowering": lowering}
    wanted = [asked(size=16 + 4 * (n % 3), seed=n, init_blend=0.3) for n in range(count)]
    one, shared = Engine(network_path, **made), Engine(network_path, **made)
    alone = [one.stylize(*pair, options).canvas.tobytes() for options in wanted]
    jobs = [lambda options=options: shared.stylize(*pair, options) for options in wanted]
    assert [result.canvas.tobytes() for result in _together(jobs)] == alone


@row("R09")
def test_one_that_fails_and_one_that_is_cancelled_leave_the_others_alone(engine, asked, pair):
    expected = engine.stylize(*pair, asked()).canvas.tobytes()
    stopped = Stop()
    stopped.request("mine")
    jobs = [lambda: engine.stylize(*pair, asked())] * 6
    jobs += [lambda: engine.stylize("none.png", pair[1], asked())]
    jobs += [lambda: engine.stylize(*pair, asked(**FOR_EVER), stop=stopped)]
    ended = _together(jobs)
    assert [result.canvas.tobytes() for result in ended[:6]] == [expected] * 6
    assert type(ended[6]).__name__ == "ImageNotFound"
    assert ended[7].stopped == "mine"


_FORKED = """
import os, sys, warnings
import numpy as np
import impasto

picture = np.full((16, 16, 3), 0.5, np.float32)
layers = dict(content_layers={"relu1_1": 1}, style_layers={"relu1_1": 1})
options = impasto.Options(size=16, levels=1, iterations=1, **layers)
engine = impasto.Engine(sys.argv[1], threads=2, device="cpu")
engine.stylize(picture, picture, options)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    child = os.fork()
if not child:
    try:
        engine.stylize(picture, picture, options)
    except impasto.StyleError as error:
        os.write(1, f"{error}\\n".encode())
    os._exit(0)
os.waitpid(child, 0)
engine.stylize(picture, picture, options)
"""


@row("R10")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_use_after_a_fork_is_an_error_and_no_hang(run_alone, network_path):
    said = run_alone(_FORKED, network_path)
    assert said == "the engine was made before a fork: make one in the child process\n"


@row("R11")
def test_asyncio_executors_and_other_threads_serve(engine, asked, pair):
    expected = engine.stylize(*pair, asked()).canvas.tobytes()

    async def main():
        works = [asyncio.to_thread(engine.stylize, *pair, asked()) for _ in range(3)]
        return await asyncio.gather(*works)

    assert [result.canvas.tobytes() for result in asyncio.run(main())] == [expected] * 3


@row("R12")
def test_settings_of_the_host_change_nothing_and_stay(
    engine, asked, pair, tmp_path, monkeypatch, content
):
    """What the engine itself changes of them, `conftest.row` finds after every test here."""
    from PIL import Image

    from impasto.engine.images import read_picture

    expected = engine.stylize(*pair, asked()).canvas.tobytes()
    size = read_picture(content).shape
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    mask, depth = os.umask(0o077), sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(300)
        with warnings.catch_warnings(), np.errstate(all="raise"):
            warnings.simplefilter("error")
            assert engine.stylize(*pair, asked()).canvas.tobytes() == expected
            assert read_picture(content).shape == size
            assert np.geterr()["over"] == "raise"
    finally:
        sys.setrecursionlimit(depth)
        os.umask(mask)


_STATE = """
import locale, logging, os, signal, sys, threading, warnings
import numpy as np
import scipy.optimize
from pathlib import Path

def state():
    mask = os.umask(0)
    os.umask(mask)
    return (
        dict(os.environ), Path.cwd(), mask, locale.setlocale(locale.LC_ALL), np.geterr(),
        [signal.getsignal(n) for n in signal.valid_signals()], sys.getrecursionlimit(),
        logging.root.level, list(logging.root.handlers), threading.active_count(),
        sys.excepthook, threading.excepthook, sys.stdout, sys.stderr, np.get_printoptions(),
        np.random.get_state()[1].tobytes(), sys.getswitchinterval(),
    )

filters = list(warnings.filters)
before = state()
import impasto
assert (state(), warnings.filters) == (before, filters)
picture = np.random.default_rng(0).random((24, 24, 3), np.float32)
layers = dict(content_layers={"relu3_1": 1}, style_layers={"relu1_1": 1})
options = impasto.Options(size=24, levels=1, iterations=2, **layers)
impasto.stylize(picture, picture, options, model=sys.argv[1]).save("art.png")
assert (state(), warnings.filters) == (before, filters)
"""


@row("R12")
def test_import_and_work_change_nothing_of_the_process(run_alone, network_path):
    """But for the filters of warnings that SciPy adds when it is imported itself."""
    assert run_alone(_STATE, network_path) == ""


@row("R13")
def test_callback_may_raise_block_enter_again_and_write(engine, asked, pair):
    expected = engine.stylize(*pair, asked()).canvas.tobytes()
    inner = []

    def failing(record):
        raise KeyError("mine")

    def entering(record):
        if not inner:
            inner.append(engine.stylize(*pair, asked()).canvas.tobytes())

    with pytest.raises(KeyError, match="mine"):
        engine.stylize(*pair, asked(), progress=failing)
    result = engine.stylize(*pair, asked(), progress=entering)
    assert [result.canvas.tobytes(), *inner] == [expected] * 2


_BLOCKED = """
import sys
for name in {names!r}:
    sys.modules[name] = None
import impasto
try:
    impasto.Engine(sys.argv[1], device="cpu")
except impasto.StyleError as error:
    print(error)
"""


@row("R14")
def test_optional_packages_may_be_missing(run_alone, network_path):
    several = ["torch", "torchvision", "typer", "rich", "h5py"]
    assert run_alone(_BLOCKED.format(names=several), network_path) == ""
    said = run_alone(_BLOCKED.format(names=["onnxruntime"]), network_path)
    assert said.count("\n") == 1 and "pip install 'impasto[cpu]'" in said
