import os
import random
import signal
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

import impasto
from impasto.engine.cpus import usable_cpus
from impasto.engine.engine import Engine
from impasto.engine.errors import ImageNotFound, LimitError, ModelError, OptionsError, StyleError
from impasto.engine.stop import Stop
from impasto.export.network_file import read_network

DESCRIPTORS = Path("/proc/self/fd")


@pytest.fixture
def pair(scene):
    return scene(40, 48), scene(50, 30, 1)


def test_the_engine_says_what_it_holds(engine, toy_file, toy):
    assert engine.model == "toy"
    assert engine.layers == list(toy.architecture.layers())
    assert engine.fingerprint == read_network(toy_file).fingerprint == toy.fingerprint
    assert (engine.threads, engine.device) == (1, "cpu")
    assert (engine.precision, engine.lowering) == ("float32", "winograd")
    assert Engine(toy_file).threads == usable_cpus()


@pytest.mark.parametrize("threads", [0, -1, 1025, 1.0, "2", True, np.nan, [1]])
def test_threads_are_a_sensible_whole_number(toy_file, threads):
    with pytest.raises(OptionsError, match="threads must be a whole number from 1 to 1024"):
        Engine(toy_file, threads=threads)


def test_a_model_and_a_bundle_contradict_each_other(toy_file):
    with pytest.raises(OptionsError, match="a model or a bundle, not both"):
        Engine(toy_file, bundle=toy_file)


@pytest.mark.parametrize("model", ["no such network", "no/such/file.onnx", Path("none.onnx"), ""])
def test_a_network_that_is_not_there_is_an_error(model):
    with pytest.raises(ModelError):
        Engine(model)


def test_styles_are_one_or_several(engine, asked, pair):
    content, style = pair
    options = asked(objective="gatys")
    one, listed, twice = (
        engine.stylize(content, styles, options) for styles in (style, [style], (style, style))
    )
    assert np.array_equal(one.canvas, listed.canvas)
    np.testing.assert_allclose(one.canvas, twice.canvas, atol=1e-4)
    for nothing in ([], ()):
        with pytest.raises(OptionsError, match="at least one style picture"):
            engine.stylize(content, nothing, options)


def test_the_picture_that_cannot_be_read_is_named(engine, asked, pair):
    content, style = pair
    with pytest.raises(ImageNotFound, match="content picture"):
        engine.stylize("none.png", style, asked())
    with pytest.raises(ImageNotFound, match="style picture"):
        engine.stylize(content, [style, "none.png"], asked())
    with pytest.raises(ImageNotFound, match="initial picture"):
        engine.stylize(content, style, asked(init="none.png"))


@pytest.mark.parametrize("lowering", ["direct", "winograd"])
@pytest.mark.parametrize("threads", [1, 2])
def test_many_threads_on_one_engine_make_the_pictures_of_one_thread(
    toy_file, asked, pair, threads, lowering
):
    jobs = [
        asked(size=16 + 4 * (i % 3), seed=i, init_blend=0.3, pool=("max", "average")[i % 2])
        for i in range(8)
    ]
    made = {"threads": threads, "device": "cpu", "lowering": lowering}
    alone = [Engine(toy_file, **made).stylize(*pair, options) for options in jobs]
    engine, together = Engine(toy_file, **made), [None] * len(jobs)
    ready = threading.Barrier(len(jobs))

    def work(i):
        ready.wait()
        together[i] = engine.stylize(*pair, jobs[i])

    workers = [threading.Thread(target=work, args=[i]) for i in range(len(jobs))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for one, other in zip(alone, together, strict=True):
        assert one.canvas.tobytes() == other.canvas.tobytes()
        assert one.loss == other.loss


def test_one_stop_ends_all_that_share_it(engine, asked, pair):
    stop, results = Stop(), []
    working = threading.Barrier(4)

    def progress(record):
        if record.iteration == 1:
            working.wait()

    def work():
        options = asked(iterations=10**5, optimizer="adam")
        results.append(engine.stylize(*pair, options, progress=progress, stop=stop))

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    working.wait()
    stop.request("shutdown")
    for worker in workers:
        worker.join()
    assert [result.stopped for result in results] == ["shutdown"] * 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_gets_an_error_and_never_hangs(run_alone, toy_file):
    """Even where another thread of the parent held the engine's lock."""
    code = """
import os, sys, warnings
import numpy as np
import impasto

picture = np.full((16, 16, 3), 0.5, np.float32)
layers = dict(content_layers={"relu1_1": 1}, style_layers={"relu1_1": 1})
options = impasto.Options(size=16, iterations=1, **layers)
engine = impasto.Engine(sys.argv[1], threads=2)
objective = engine.objective(picture, picture, options)
engine.stylize(picture, picture, options)
for work in (
    lambda: engine.stylize(picture, picture, options),
    lambda: engine.stylize(picture, picture, impasto.Options(size=16, pool="average", **layers)),
    lambda: objective.evaluate(picture),
    lambda: objective.terms(picture),
):
    engine._sessions._lock.acquire()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        try:
            work()
        except impasto.StyleError as error:
            os.write(1, f"{type(error).__name__}: {error}\\n".encode())
        os._exit(0)
    os.waitpid(child, 0)
    engine._sessions._lock.release()
    work()
"""
    said = "ModelError: the engine was made before a fork: make one in the child process\n"
    assert run_alone(code, toy_file) == 4 * said


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is not told here")
@pytest.mark.parametrize("megabytes", [20, 200, 500])
def test_memory_that_cannot_be_had_is_a_limit_and_the_engine_goes_on(
    run_alone, toy_file, megabytes
):
    """Refused to NumPy or to ONNX Runtime, with the little that the process may still have."""
    code = """
import resource, sys
from pathlib import Path
import numpy as np
import impasto

picture = np.random.default_rng(0).random((16, 16, 3), np.float32)
layers = dict(content_layers={"relu3_1": 1}, style_layers={"relu1_1": 1})
small, large = (impasto.Options(size=s, levels=1, iterations=1, **layers) for s in (20, 2500))
engine = impasto.Engine(sys.argv[1], threads=1)
engine.stylize(picture, picture, small)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[2]) * 2**20,) * 2)
try:
    engine.stylize(picture, picture, large, memory=2**40)
except impasto.StyleError as error:
    print(type(error).__name__, error)
engine.stylize(picture, picture, small)
"""
    said = "MemoryLimit there is not enough memory for this size\n"
    assert run_alone(code, toy_file, megabytes) == said


def _state():
    from PIL import Image, ImageFile

    mask = os.umask(0)
    os.umask(mask)
    return {
        "cwd": Path.cwd(),
        "umask": mask,
        "environment": dict(os.environ),
        "filters": list(warnings.filters),
        "signals": [signal.getsignal(number) for number in signal.valid_signals()],
        "pixels": Image.MAX_IMAGE_PIXELS,
        "truncated": ImageFile.LOAD_TRUNCATED_IMAGES,
        "threads": threading.active_count(),
        "random": random.getstate(),
        "errors": np.geterr(),
        "files": len(list(DESCRIPTORS.iterdir())) if DESCRIPTORS.exists() else None,
    }


def test_nothing_of_the_process_is_changed_and_nothing_is_printed(
    toy_file, asked, pair, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    before = _state()
    engine = Engine(toy_file, threads=2)
    for options in (asked(), asked(optimizer="adam", init="noise")):
        engine.stylize(*pair, options, progress=lambda record: None)
    with pytest.raises(StyleError):
        engine.stylize(*pair, asked(size=2))
    assert _state() == before
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_the_one_call_is_the_engine_s(engine, toy_file, asked, pair):
    told = []
    call = {"model": toy_file, "device": "cpu", "threads": 1}
    direct = impasto.stylize(*pair, asked(), **call, lowering="direct", precision="float32")
    other = Engine(toy_file, device="cpu", threads=1, lowering="direct").stylize(*pair, asked())
    assert direct.canvas.tobytes() == other.canvas.tobytes()
    for wrong in ("precision", "lowering"):
        with pytest.raises(OptionsError, match=f"{wrong} must be"):
            impasto.stylize(*pair, asked(), **call, **{wrong: "none"})
    result = impasto.stylize(*pair, asked(), **call, progress=told.append, stop=Stop())
    assert np.array_equal(result.canvas, engine.stylize(*pair, asked()).canvas)
    assert len(told) == 4
    with pytest.raises(LimitError, match="size is 24, but the limit of output_side is 8"):
        impasto.stylize(*pair, asked(), **call, limits=impasto.Limits(output_side=8))


def test_a_result_is_saved_as_a_picture(engine, asked, pair, tmp_path):
    from PIL import Image

    result = engine.stylize(*pair, asked())
    result.save(tmp_path / "art.png")
    assert result.encode() == (tmp_path / "art.png").read_bytes()
    assert result.encode(".jpg").startswith(b"\xff\xd8")
    with Image.open(tmp_path / "art.png") as picture:
        written = np.asarray(picture)
    np.testing.assert_array_equal(written, np.round(result.canvas * 255).astype(np.uint8))
    with pytest.raises(StyleError):
        result.save(tmp_path / "none" / "art.png")


def test_results_can_be_compared_and_told(engine, asked, pair):
    one, other = (engine.stylize(*pair, asked()) for _ in range(2))
    assert one != other
    assert one in {one}
    assert "array" not in repr(one)
