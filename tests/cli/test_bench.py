"""The benchmark on a network of a few channels: what it tells, and what it leaves behind."""

import importlib.util
import json
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from impasto.cli import bench_process
from impasto.cli.bench import parse_size
from impasto.cli.bench_contenders import IMPASTO, ROOFLINE, Contender, measure_rounds
from impasto.cli.bench_exact import exact_shape
from impasto.cli.bench_flops import evaluation_flops
from impasto.cli.bench_prepare import random_network, synthetic_picture
from impasto.cli.bench_record import figures_of, spread
from impasto.cli.bench_roofline import product_program
from impasto.engine.errors import ImageTooSmall, MemoryLimit, ModelError, OptionsError
from impasto.engine.session import Session, Weights
from impasto.engine.stop import Stop, Stopped
from impasto.export.network_file import encode_network, read_network
from impasto.export.networks import FAMILIES, Architecture

SMALL = Architecture("small", blocks=(1, 1, 1, 2, 1), widths=(4, 4, 6, 6, 8), pooled=False)


@pytest.fixture
def small_path(tmp_path):
    path = tmp_path / "small.onnx"
    path.write_bytes(encode_network(random_network(SMALL)))
    return path


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A folder of its own for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


@pytest.fixture
def job(tmp_path):
    return {"threads": 1, "evaluations": 2, "folder": str(tmp_path)}


@pytest.fixture
def module(tmp_path, monkeypatch):
    """`module(code)`: the name of a module with that code, which `run_child` runs."""
    monkeypatch.setattr(bench_process, "__package__", "told")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))
    (tmp_path / "told").mkdir()

    def make(code):
        (tmp_path / "told" / "work.py").write_text(code)
        return "work"

    return make


def serving(body):
    return f"from impasto.cli.bench_child import serve\ndef work(job):\n    {body}\nserve(work)\n"


def test_json_tells_everything(run, small_path, temporary):
    ended = run(
        *("bench", "--size", "48x32", "--model", small_path, "--rounds", 2, "--threads", 1),
        *("--lowering", "direct", "--json"),
    )
    assert (ended.code, ended.err) == (0, "")
    told = json.loads(ended.out)
    assert (told["width"], told["height"], told["threads"], told["rounds"]) == (48, 32, 1, 2)
    assert (told["model"], told["lowering"]) == ("small", "direct")
    assert told["flops"] == evaluation_flops(
        SMALL, ["relu4_2"], [f"relu{block}_1" for block in range(1, 6)], 32, 48
    )
    assert list(told["contenders"]) == ["impasto"]
    assert told["exact"] is None and told["notes"] == []
    ours = told["contenders"]["impasto"]
    for measure in (
        "evaluation_seconds",
        "first_evaluation_seconds",
        "start_to_first_seconds",
        "session_seconds",
        "peak_rss_mb",
    ):
        assert 0 < ours[measure]["least"] <= ours[measure]["median"] <= ours[measure]["most"]
    assert ours["start_to_first_seconds"]["least"] > ours["session_seconds"]["least"]
    assert ours["peak_rss_mb"]["least"] > 20
    seconds = ours["evaluation_seconds"]["median"]
    assert ours["gflops"] == pytest.approx(told["flops"] / seconds / 1e9)
    roofline = told["roofline_gflops"]["median"]
    assert ours["of_roofline"] == pytest.approx(ours["gflops"] / roofline)
    assert np.isfinite(ours["loss"]) and ours["loss"] > 0
    assert ours["gradient_error"] is None
    assert "torch" not in told["versions"]
    assert list(temporary.iterdir()) == []


def test_table_is_read_by_people(run, small_path):
    ended = run("bench", "--size", "16", "--model", small_path, "--rounds", 1)
    assert (ended.code, ended.err) == (0, "")
    first, *_, last = ended.out.splitlines()
    assert first.startswith("small at 16 x 16, ")
    assert last.startswith("A matrix product runs at ")
    for heading in ("impasto", "one evaluation, s", "peak memory, MB", "session ready, s"):
        assert heading in ended.out
    assert "torch" not in ended.out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--size", "0"], 2, "--size must be like 512 or 1000x667"),
        (["--size", "10x"], 2, "--size must be like 512 or 1000x667"),
        (["--size", "9000x20"], 6, "--size is 9000x20, but the limit of a side is 8192"),
        (["--size", "8"], 3, "the network needs 16 pixels"),
        (["--threads", "0"], 2, "--threads must be a whole number"),
        (["--rounds", "0"], 2, "'--rounds'"),
        (["--against", "jax"], 2, "'--against'"),
        (["--model", "nothing"], 4, "no network 'nothing'"),
    ],
)
def test_error_is_one_sentence_and_its_exit_code(
    run, small_path, temporary, arguments, code, words
):
    ended = run("bench", "--model", small_path, *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith("impasto: ") and ended.err.count("\n") == 1
    assert words in ended.err
    assert list(temporary.iterdir()) == []


def test_network_without_the_layers_is_refused(run, network_path):
    ended = run("bench", "--size", "16", "--model", network_path)
    assert ended.code == 2
    assert "no layer 'relu4_2'" in ended.err


def test_missing_torch_is_told_before_any_work(run, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else find_spec(name)
    )
    ended = run("bench", "--against", "torch")
    assert ended.code == 4
    assert ended.err == (
        "impasto: --against torch needs torch, which this Python has not: "
        "`pip install torch` brings it\n"
    )


@pytest.mark.parametrize(
    ("text", "size"), [("512", (512, 512)), ("1000x667", (1000, 667)), ("1", (1, 1))]
)
def test_size_is_a_side_or_width_and_height(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "512x", "x512", "-1", "1.5", "0x5", "5 x 5", "١"])
def test_anything_else_is_no_size(text):
    with pytest.raises(OptionsError, match="--size must be like"):
        parse_size(text)


def test_operations_are_those_counted_by_hand():
    """conv1_1 at 6 x 8, conv2_1 and conv2_2 at 3 x 4, Gram matrices of 4 and of 6 channels."""
    architecture = Architecture("hand", blocks=(1, 3), widths=(4, 6))
    forward = 2 * 9 * 3 * 4 * 48 + 2 * 9 * 4 * 6 * 12 + 2 * 9 * 6 * 6 * 12
    grams = 2 * 4 * 4 * 48 + 2 * 6 * 6 * 12
    count = evaluation_flops(architecture, ["relu2_2"], ["relu1_1", "relu2_1"], 6, 8)
    assert count == 2 * (forward + grams) == 51456


def test_operations_of_vgg19_at_512_are_those_of_the_published_table():
    """The 16 convolutions take 19.5 G multiplications at 224 x 224 (arXiv:1409.1556; the fully
    connected layers, the rest of its 19.6 G, are 0.12 G)."""
    count = evaluation_flops(FAMILIES["vgg19"], ["relu5_4"], [], 224, 224)
    assert count / 4 == pytest.approx(19.5e9, rel=0.005)


def test_spread_is_median_least_and_most():
    assert spread([3.0, 1.0, 8.0]) == {"median": 3.0, "least": 1.0, "most": 8.0}
    assert spread([None, None]) is None


def told_record(seconds, peak):
    return {
        "evaluation_seconds": seconds,
        "first_evaluation_seconds": 2 * seconds,
        "first_done": 10.0,
        "began": 7.0,
        "peak_rss_mb": peak,
        "loss": 1.0,
    }


def test_comparison_is_with_the_fastest_of_torch():
    records = {
        "roofline": [{"gflops": 200.0}, {"gflops": 210.0}, {"gflops": 100.0}],
        "impasto": [told_record(seconds, 500.0) for seconds in (1.0, 4.0, 2.0)],
        "torch one": [told_record(5.0, 100.0)],
        "torch two": [told_record(3.0, 250.0)],
    }
    figures = figures_of(records, int(100e9), {"impasto": 1e-4})
    assert figures["torch_best"] == "torch two"
    assert figures["times_faster"] == 1.5
    assert figures["memory_of_torch"] == 2.0
    ours = figures["contenders"]["impasto"]
    assert ours["gflops"] == 50.0 and ours["of_roofline"] == 0.25
    assert ours["gradient_error"] == 1e-4
    assert figures["contenders"]["torch one"]["gradient_error"] is None
    assert ours["start_to_first_seconds"]["median"] == 3.0
    unknown = {"roofline": records["roofline"]} | {
        name: [told_record(1.0, None)] for name in ("impasto", "torch one")
    }
    assert figures_of(unknown, 1, {})["memory_of_torch"] is None


@pytest.mark.parametrize(
    ("shape", "exact"),
    [((512, 512), (512, 512)), ((333, 500), (333, 500)), ((1024, 1024), (512, 512))],
)
def test_float64_is_computed_at_an_affordable_size(shape, exact):
    assert exact_shape(*shape) == exact


def test_smaller_size_for_float64_has_the_same_shape():
    height, width = exact_shape(667, 1000)
    assert height * width <= 512 * 512
    assert height / width == pytest.approx(667 / 1000, rel=0.01)


def test_pictures_are_seeded_and_smoother_than_noise():
    picture = synthetic_picture(64, 96, 3)
    assert picture.shape == (64, 96, 3) and picture.dtype == np.float32
    assert picture.min() == 0 and picture.max() == 1
    assert np.array_equal(picture, synthetic_picture(64, 96, 3))
    assert not np.array_equal(picture, synthetic_picture(64, 96, 4))
    step = np.abs(np.diff(picture, axis=1)).mean() / picture.std()
    noise = np.random.default_rng(0).random((64, 96, 3))
    assert step < 0.5 * np.abs(np.diff(noise, axis=1)).mean() / noise.std()
    assert synthetic_picture(1, 1, 0).shape == (1, 1, 3)


def test_random_network_is_a_network_file(small_path):
    network = read_network(small_path)
    assert network.architecture.layers() == SMALL.layers()
    assert network.fingerprint == random_network(SMALL).fingerprint
    weight = random_network(FAMILIES["vgg19"].up_to("relu3_1")).weights["conv2_2.weight"]
    assert weight.std() == pytest.approx(np.sqrt(2 / (9 * 128)), rel=0.01)


def test_roofline_program_multiplies_matrices():
    session = Session(product_program(), Weights({}), 1, "cpu")
    random = np.random.default_rng(0)
    left, right = random.random((3, 5), np.float32), random.random((5, 2), np.float32)
    found = session.run({"left": left, "right": right}, ["product"])["product"]
    np.testing.assert_allclose(found, left @ right, rtol=1e-6)


def test_all_are_measured_again_in_every_round(job, monkeypatch):
    ran = []
    monkeypatch.setattr(
        "impasto.cli.bench_contenders.run_child",
        lambda module, job, folder, stop: ran.append(module) or {"gradient": job["gradient"]},
    )
    told = []
    records, notes = measure_rounds([ROOFLINE, IMPASTO], job, 2, told.append, Stop())
    assert ran == ["bench_roofline", "bench_impasto"] * 2
    assert [len(found) for found in records.values()] == [2, 2] and notes == []
    assert told[-1] == "round 2 of 2: impasto"


def test_one_that_may_fail_is_left_out_with_a_note(job, monkeypatch):
    def run_child(module, job, folder, stop):
        if module == "broken":
            raise ModelError("there is no compiler")
        return {}

    monkeypatch.setattr("impasto.cli.bench_contenders.run_child", run_child)
    fragile = Contender("torch.compile", "broken", may_fail=True)
    records, notes = measure_rounds([fragile, IMPASTO], job, 3, lambda text: None, Stop())
    assert list(records) == ["impasto"]
    assert notes == ["torch.compile is left out: there is no compiler"]
    with pytest.raises(ModelError, match="no compiler"):
        measure_rounds([Contender("x", "broken")], job, 1, lambda text: None, Stop())


def test_child_tells_its_record_and_the_system_its_memory(module, job, tmp_path):
    body = "block = bytearray(b'x') * 200_000_000; return {'answer': job['threads']}"
    record = bench_process.run_child(module(serving(body)), job, tmp_path)
    assert record["answer"] == 1
    assert record["began"] > 0
    if sys.platform != "win32":
        assert record["peak_rss_mb"] > 200


def test_error_of_a_child_is_raised_again(module, job, tmp_path):
    body = "from impasto.engine.errors import ImageTooSmall; raise ImageTooSmall('too small')"
    with pytest.raises(ImageTooSmall, match=r"^too small$"):
        bench_process.run_child(module(serving(body)), job, tmp_path)


def test_failed_child_is_one_sentence(module, job, tmp_path):
    with pytest.raises(ModelError, match=r"^work failed: ValueError: nothing goes$"):
        bench_process.run_child(module("raise ValueError('nothing goes')"), job, tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_killed_child_may_have_had_too_little_memory(module, job, tmp_path):
    with pytest.raises(MemoryLimit, match="work was killed"):
        bench_process.run_child(
            module("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"), job, tmp_path
        )


WAITS = """
import os, pathlib, subprocess, sys, time
own = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[0]).with_name("pids").write_text(f"{os.getpid()} {own.pid}")
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_stop_kills_the_child_and_what_it_started(module, job, tmp_path):
    stop, pids = Stop(), tmp_path / "told" / "pids"

    def request_when_it_runs():
        while not (pids.exists() and len(pids.read_text().split()) == 2):
            time.sleep(0.01)
        stop.request("interrupted")

    threading.Thread(target=request_when_it_runs).start()
    with pytest.raises(Stopped, match="interrupted"):
        bench_process.run_child(module(WAITS), job, tmp_path, stop)
    for pid in map(int, pids.read_text().split()):
        while is_running(pid):
            time.sleep(0.01)


def is_running(pid):
    """A killed process whose new parent has not asked for it yet is none."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupt_leaves_nothing_behind(spawn, small_path, temporary, number, code):
    """The command tells the process of its child; that one would run for ever."""
    before = """
import sys
from impasto.cli import bench_process
popen = bench_process.subprocess.Popen
def telling(command, **rest):
    process = popen([sys.executable, "-c", "import time; time.sleep(600)"], **rest)
    print(process.pid, file=sys.stderr, flush=True)
    return process
bench_process.subprocess.Popen = telling
"""
    process = spawn("bench", "--model", small_path, before=before)
    child = int(process.stderr.readline())
    process.send_signal(number)
    out, err = process.communicate()
    assert (process.returncode, out) == (code, "")
    assert err.endswith(": nothing was measured to its end\n") and err.count("\n") == 1
    assert not is_running(child)
    assert list(temporary.iterdir()) == []
