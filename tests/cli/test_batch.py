import json
import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from impasto.cli import batch_work
from impasto.cli.batch_jobs import Job, Naming, jobs_of
from impasto.cli.batch_report import BatchReport
from impasto.cli.batch_watch import check_watched, coming
from impasto.cli.progress import batch_bars
from impasto.engine.errors import ClusterError, ImageNotFound, OptionsError
from impasto.engine.images import read_picture, write_picture
from impasto.engine.stop import Stop

LAYERS = ["--content-layer", "relu3_1", "--style-layer", "relu1_1", "--style-layer", "relu2_1=2"]


@pytest.fixture
def photos(tmp_path):
    """Three photographs, of which two have one size."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed, (name, shape) in enumerate([("b", (24, 32)), ("a", (24, 32)), ("c", (32, 20))]):
        pixels = np.random.default_rng(seed).random((*shape, 3)).astype(np.float32)
        write_picture(folder / f"{name}.png", pixels)
    return folder


@pytest.fixture
def asked(style, network_path):
    """What comes after the paths of the quickest batch, into the folder `art`."""
    work = ["--size", "32", "--iterations", "2", "--model", network_path]
    return ["--style", style, *LAYERS, *work, "-o", "art"]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_picture_is_that_of_stylize(run, photos, asked, style, tmp_path):
    ended = run("batch", photos, *asked, "--report", "all.jsonl")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.startswith("art: 3 made, 0 skipped, 0 failed, ")
    told = lines(tmp_path / "all.jsonl")
    assert [one["source"] for one in told] == [str(photos / f"{name}.png") for name in "abc"]
    for name, record in zip("abc", told, strict=True):
        alone = ["stylize", photos / f"{name}.png", style, *asked[2:-1], f"{name}.png", "--json"]
        loss = json.loads(run(*alone).out)["loss"]["final"]
        assert record["output"] == f"art/{name}.png"
        assert (record["status"], record["error"]) == ("made", None)
        assert record["loss"] == pytest.approx(loss, rel=1e-6)
        assert record["seconds"] > 0
        made, expected = (read_picture(tmp_path / f / f"{name}.png").rgb for f in ("art", ""))
        np.testing.assert_array_equal(made, expected)


def test_results_that_are_there_are_skipped_unless_they_are_asked_for_anew(
    run, photos, asked, tmp_path
):
    old = tmp_path / "art" / "b.png"
    old.parent.mkdir()
    old.write_bytes(b"old")
    assert run("batch", photos, *asked, "--report", "r.jsonl").code == 0
    assert old.read_bytes() == b"old"
    assert [one["status"] for one in lines(tmp_path / "r.jsonl")] == ["made", "skipped", "made"]
    ended = run("batch", photos, *asked, "--report", "r.jsonl")
    assert ended.err.startswith("art: 0 made, 3 skipped, 0 failed, ")
    assert len(lines(tmp_path / "r.jsonl")) == 6
    assert run("batch", photos / "b.png", *asked, "--overwrite").code == 0
    assert read_picture(old).shape == (24, 32, 3)


def test_failed_picture_is_told_and_the_rest_goes_on(run, photos, asked, tmp_path):
    (photos / "a.png").write_bytes(b"no picture")
    write_picture(photos / "b.png", np.zeros((1, 400, 3), np.float32))
    ended = run("batch", "gone.png", photos, *asked, "--report", "r.jsonl", "-q")
    assert ended.code == 3
    errors = ended.err.splitlines()
    assert [line.split(": ")[:2] for line in errors] == [
        ["failed", "gone.png"],
        ["failed", str(photos / "a.png")],
        ["failed", str(photos / "b.png")],
    ]
    told = lines(tmp_path / "r.jsonl")
    assert [one["status"] for one in told] == ["failed", "failed", "failed", "made"]
    assert [line.endswith(one["error"]) for line, one in zip(errors, told, strict=False)] == [
        True
    ] * 3
    assert told[0]["loss"] is None
    assert _inside(tmp_path / "art") == ["c.png"]


def test_exit_code_is_that_of_the_first_failure(run, photos, asked, tmp_path):
    (tmp_path / "art" / "a.png").mkdir(parents=True)
    (photos / "b.png").write_bytes(b"no picture")
    ended = run("batch", photos, *asked, "--overwrite")
    assert ended.code == 5
    assert ended.err.splitlines()[0].endswith("cannot write 'art/a.png': it is a folder")
    assert (tmp_path / "art" / "c.png").exists()


def test_defect_in_one_picture_does_not_end_the_others(run, photos, asked, monkeypatch):
    from impasto.engine.engine import Engine

    stylize = Engine.stylize

    def failing(self, content, *rest, **budget):
        if content.name == "a.png":
            raise ZeroDivisionError("of a test")
        return stylize(self, content, *rest, **budget)

    monkeypatch.setattr(Engine, "stylize", failing)
    ended = run("batch", photos, *asked)
    assert ended.code == 1
    assert "a defect of Impasto: ZeroDivisionError: of a test" in ended.err
    assert "art: 2 made, 0 skipped, 1 failed" in ended.err


def test_one_engine_looks_at_a_style_once_for_each_size(run, photos, asked, style, monkeypatch):
    from impasto.engine import targets
    from impasto.engine.engine import Engine

    made, seen, read = [], [], []
    make, look = Engine.__init__, targets._grams

    def making(self, *given, **named):
        made.append(self)
        make(self, *given, **named)

    def looking(view, tiling, picture, mask, size, stop):
        seen.append(size)
        return look(view, tiling, picture, mask, size, stop)

    from impasto.engine import images

    decode = images.decode

    def decoding(opened, *rest):
        read.append(opened)
        return decode(opened, *rest)

    monkeypatch.setattr(Engine, "__init__", making)
    monkeypatch.setattr(targets, "_grams", looking)
    monkeypatch.setattr(images, "decode", decoding)
    assert run("batch", photos, *asked, "--levels", "2").code == 0
    assert len(made) == 1
    assert seen == [(16, 16), (32, 32)]
    assert len(read) == 3 + 1


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (["--style", "gone.png"], 3, "style picture 'gone.png' cannot be read"),
        (["--model", "gone.onnx"], 4, "gone.onnx"),
        (["--report", "all.txt"], 2, "the report 'all.txt' must have the suffix .jsonl"),
        (["--report", "no/all.jsonl"], 5, "cannot write 'no/all.jsonl'"),
        (["-o", "photos"], 2, "--output must be another folder than"),
        (["-o", "paint.png"], 5, "cannot make the folder 'paint.png'"),
        (["--size", "0"], 2, "--size"),
        (["--time", "soon"], 2, "--time"),
        (["--content-layer", "relu9_1"], 2, "relu9_1"),
    ],
)
def test_what_is_wrong_with_all_pictures_is_said_once(
    run, photos, asked, tmp_path, change, code, words
):
    ended = run("batch", photos, *asked, *change)
    assert ended.code == code
    assert words in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not (tmp_path / "art").exists()


def test_two_sources_of_one_name_are_refused_before_the_work(run, photos, asked, tmp_path):
    shutil.copy(photos / "a.png", photos / "A.jpg")
    ended = run("batch", photos, *asked)
    assert ended.code == 2
    assert "would have one result" in ended.err
    assert "A.jpg" in ended.err
    assert not (tmp_path / "art").exists()


def test_style_and_source_are_never_replaced(run, photos, asked, tmp_path):
    art = tmp_path / "art"
    art.mkdir()
    shutil.copy(photos / "a.png", art / "a.png")
    ended = run("batch", photos, *asked, "--style", art / "a.png", "--overwrite")
    assert (ended.code, "would replace its own source" in ended.err) == (2, True)
    ended = run("batch", art / "a.png", *asked, "--overwrite")
    assert (ended.code, "would replace its own source" in ended.err) == (2, True)


def test_pictures_of_folders_and_patterns_come_in_order_and_once(photos, tmp_path):
    (photos / "deep").mkdir()
    (photos / ".hidden").mkdir()
    for name in ("deep/d.jpg", ".hidden/e.jpg", ".f.jpg", "notes.txt", "g.JPEG"):
        (photos / name).touch()
    out = tmp_path / "art"
    assert _names(jobs_of([photos], Naming(out))) == ["a.png", "b.png", "c.png", "g.JPEG"]
    assert _names(jobs_of([photos], Naming(out, recursive=True))) == [
        "a.png",
        "b.png",
        "c.png",
        "d.jpg",
        "g.JPEG",
    ]
    given = [photos / "c.png", photos / "[ab].png", photos, photos / "notes.txt"]
    assert _names(jobs_of(given, Naming(out))) == ["c.png", "a.png", "b.png", "g.JPEG", "notes.txt"]
    assert jobs_of([photos / "**" / "d.*"], Naming(out)) == [
        Job(photos / "deep" / "d.jpg", out / "d.png")
    ]


def test_results_inside_the_sources_are_no_sources(photos):
    out = photos / "art"
    out.mkdir()
    shutil.copy(photos / "a.png", out / "z.png")
    assert _names(jobs_of([photos], Naming(out, recursive=True))) == ["a.png", "b.png", "c.png"]
    with pytest.raises(OptionsError, match="another folder"):
        jobs_of([photos], Naming(photos))


def test_nothing_found_is_an_error_and_a_bracket_in_a_name_is_no_pattern(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ImageNotFound, match="no picture in the folder"):
        jobs_of([empty], Naming(tmp_path))
    with pytest.raises(ImageNotFound, match="no file matches"):
        jobs_of([tmp_path / "*.jpg"], Naming(tmp_path))
    (tmp_path / "a[1].jpg").touch()
    assert _names(jobs_of([tmp_path / "a[1].jpg"], Naming(tmp_path))) == ["a[1].jpg"]


def test_full_disk_under_the_report_is_told_and_the_pictures_are_made(run, photos, asked, tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    Path("r.jsonl").symlink_to("/dev/full")
    ended = run("batch", photos, *asked, "--report", "r.jsonl")
    assert ended.code == 5
    assert ended.err.splitlines()[-1].startswith("impasto: cannot write 'r.jsonl': No space left")
    assert len(_inside(tmp_path / "art")) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_interrupt_keeps_what_is_finished_and_nothing_else(spawn, photos, asked, tmp_path):
    before = """
import sys
from pathlib import Path
from impasto.engine.engine import Engine
stylize = Engine.stylize
def telling(self, content, *rest, progress, stop, **budget):
    last = content.name == "b.png"
    def tell(told):
        if told.iteration == 1 and last:
            print("painting", file=sys.stderr, flush=True)
            stop._event.wait(60)
    import threading
    stop._event = threading.Event()
    request = stop.request
    def requested(reason):
        request(reason)
        stop._event.set()
    stop.request = requested
    return stylize(self, content, *rest, progress=tell, stop=stop, **budget)
Engine.stylize = telling
"""
    process = spawn("batch", photos, *asked, "--report", "r.jsonl", before=before)
    assert process.stderr.readline() == "painting\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert err == "interrupted: 1 of 3 pictures are in art; the same command makes the rest\n"
    assert _inside(tmp_path / "art") == ["a.png"]
    assert [one["status"] for one in lines(tmp_path / "r.jsonl")] == ["made"]


def test_bars_of_a_terminal_count_pictures_and_steps(monkeypatch):
    with batch_bars(False, 3) as bars:
        bars.begin("a.png")
        bars.end()
        assert bars.current is None
    monkeypatch.setattr("impasto.cli.progress.is_terminal", lambda stream: True)
    with batch_bars(True, 3) as bars:
        bars.begin("a[bold].png")
        bars.end()
        everything, current = bars._bars.tasks
        assert (everything.completed, everything.total) == (1, 3)
        assert "a[bold].png" in bars._bars.columns[-1].render(everything).plain
        assert current.description == "preparing"
        assert bars.current is not None


def _names(jobs):
    return [job.source.name for job in jobs]


def _inside(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def watching(spawn, tmp_path, photos, asked):
    """A process that watches the empty folder `hot`, and what waits for its next line."""
    (tmp_path / "hot").mkdir()
    before = "import impasto.cli.batch_watch as w; w._SECONDS = 0.02"
    process = spawn("batch", "hot", *asked, "--watch", "--report", "r.jsonl", before=before)
    assert process.stderr.readline() == "waiting for pictures in hot; Ctrl-C ends it\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_hot_folder_makes_what_comes_until_it_is_interrupted(watching, photos, tmp_path):
    hot, art = tmp_path / "hot", tmp_path / "art"
    shutil.copy(photos / "a.png", hot / "a.png")
    assert watching.stderr.readline().startswith("art/a.png: ")
    assert read_picture(art / "a.png").shape == (24, 32, 3)
    (hot / "broken.png").write_bytes(b"no picture")
    assert watching.stderr.readline().startswith("failed: hot/broken.png: ")
    shutil.copy(photos / "b.png", hot / "broken.png")
    assert watching.stderr.readline().startswith("art/broken.png: ")
    shutil.copy(photos / "c.png", hot / "A.webp")
    told = watching.stderr.readline()
    assert told.startswith("failed: hot/A.webp: ") and "would have one result" in told
    watching.send_signal(signal.SIGINT)
    assert watching.communicate()[1] == "interrupted: art: 2 made, 0 skipped, 2 failed\n"
    assert watching.returncode == 130
    assert _inside(art) == ["a.png", "broken.png"]
    statuses = [one["status"] for one in lines(tmp_path / "r.jsonl")]
    assert statuses == ["made", "failed", "made", "failed"]


def test_hot_folder_without_its_cluster_ends_though_others_wait_for_pictures(photos, tmp_path):
    """One thread paints what is there, and the other one looks for more."""

    class Painter:
        at_once, ready, sources = 2, None, ()

        def saving(self, source):
            return None

        def paint(self, source, progress, stop):
            raise ClusterError("the scheduler is lost")

    (tmp_path / "art").mkdir()
    with BatchReport(None) as report, batch_bars(False, None, False) as bars:
        batch = batch_work._Batch(Painter(), False, report, bars)
        naming = Naming(tmp_path / "art", ".png", False)
        with pytest.raises(ClusterError, match="the scheduler is lost"):
            batch.watch([photos], naming, Stop(), False)


def test_report_may_be_in_the_folder_of_the_results(run, photos, asked, tmp_path):
    assert run("batch", photos / "a.png", *asked, "--report", "art/all.jsonl").code == 0
    assert [one["status"] for one in lines(tmp_path / "art" / "all.jsonl")] == ["made"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_terminated_hot_folder_ends_at_once_with_its_own_exit_code(watching):
    watching.terminate()
    assert watching.communicate()[1] == "terminated: art: 0 made, 0 skipped, 0 failed\n"
    assert watching.returncode == 143


def test_file_is_taken_only_when_nobody_writes_to_it(tmp_path):
    looks = _Looks()
    jobs = coming([tmp_path], Naming(tmp_path / "art"), looks)
    picture = tmp_path / "a.png"
    looks.at(1, lambda: picture.touch())
    looks.at(3, lambda: picture.write_bytes(b"ab"))
    looks.at(4, lambda: picture.write_bytes(b"abc"))
    looks.at(5, lambda: _touched(picture, 5))
    assert next(jobs) == Job(picture, tmp_path / "art" / "a.png")
    assert looks.count == 6
    looks.at(9, lambda: _touched(picture, 9))
    assert next(jobs).source == picture
    assert looks.count == 10
    looks.at(12, picture.unlink)
    looks.at(13, lambda: (picture.write_bytes(b"abc"), _touched(picture, 9)))
    assert next(jobs).source == picture
    assert looks.count == 14
    looks.at(16, None)
    assert list(jobs) == []


def test_only_folders_and_patterns_can_be_watched(run, photos, asked, tmp_path):
    ended = run("batch", photos / "a.png", *asked, "--watch")
    assert (ended.code, "is neither" in ended.err) == (2, True)
    ended = run("batch", photos, *asked, "-o", photos, "--watch")
    assert (ended.code, "another folder" in ended.err) == (2, True)
    check_watched([photos, photos / "*.new"], Naming(tmp_path / "art"))


def test_format_of_the_results_is_chosen(run, photos, asked, tmp_path):
    assert run("batch", photos / "a.png", *asked, "--format", "jpg").code == 0
    assert (tmp_path / "art" / "a.jpg").read_bytes().startswith(b"\xff\xd8")


class _Looks:
    """After a look something happens, instead of a second passing."""

    def __init__(self):
        self.count = 0
        self._events = {}

    def at(self, look, event):
        self._events[look] = event

    def __call__(self):
        self.count += 1
        event = self._events.get(self.count, lambda: None)
        if event is not None:
            event()
        return event is None


def _touched(path, seconds):
    os.utime(path, (seconds, seconds))
