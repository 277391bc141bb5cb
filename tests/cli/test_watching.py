"""Watching a picture being made: frames, animations, plots and reports from the command line."""

import json
import re
import shlex
import sys
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from impasto.engine.engine import Engine
from impasto.engine.errors import OutputError
from impasto.engine.images import read_picture
from impasto.engine.objective import Objective

STEPS = ["--levels", "2", "--iterations", "6"]


@pytest.fixture
def no_work(monkeypatch):
    monkeypatch.setattr(Engine, "__init__", lambda *args, **rest: pytest.fail("work began"))


class Page(HTMLParser):
    """Tags in order, and what is open at the end."""

    VOID = ("meta", "img", "input", "path", "br", "link")

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.links = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def frames_of(path):
    with Image.open(path) as image:
        frames = []
        for number in range(image.n_frames):
            image.seek(number)
            frames.append(np.asarray(image.convert("RGB"), np.float64))
        return frames


def test_frames_are_numbered_and_saved_every_so_many_steps(run, tiny, tmp_path):
    ended = run(*tiny, *STEPS, "--save-every", "4", "--json")
    assert ended.code == 0
    names = sorted(path.name for path in tmp_path.glob("art.*.png"))
    assert names == ["art.0001.png", "art.0002.png", "art.0003.png"]
    assert json.loads(ended.out)["frames"] == 3
    sizes = [read_picture(tmp_path / name).shape[:2] for name in names]
    assert sizes == [(12, 16), (24, 32), (24, 32)]


def test_last_frame_of_the_last_step_is_the_result(run, tiny, tmp_path):
    assert run(*tiny, "--save-every", "1").code == 0
    last = read_picture(tmp_path / "art.0002.png").rgb
    assert np.array_equal(last, read_picture(tmp_path / "art.png").rgb)


def test_frames_of_an_earlier_work_are_told_of(run, tiny, tmp_path):
    (tmp_path / "art.0003.png").write_bytes(b"old")
    ended = run(*tiny, "--save-every", "1")
    assert "art.0001.png to art.0002.png\n" in ended.err
    assert "art.0003.png and later are of an earlier work\n" in ended.err
    assert (tmp_path / "art.0003.png").read_bytes() == b"old"


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".GIF"])
def test_animation_goes_from_the_first_step_to_the_result_in_one_size(run, tiny, tmp_path, suffix):
    path = tmp_path / f"way{suffix}"
    assert run(*tiny, *STEPS, "--init", "noise", "--animate", path).code == 0
    frames = frames_of(path)
    # That of the last step is the result, and equal neighbours are one frame in these formats.
    assert len(frames) == 12
    assert {frame.shape for frame in frames} == {(24, 32, 3)}
    result = read_picture(tmp_path / "art.png").rgb * 255.0
    distances = [np.abs(frame - result).mean() for frame in frames]
    assert np.argmin(distances) == 11
    assert min(distances[:6]) > max(distances[6:])  # coarse level, fine level


def test_video_has_even_sides_and_all_frames(run, tiny, tmp_path):
    av = pytest.importorskip("av")
    ended = run(*tiny, "--size", "33", *STEPS, "--animate", "way.mp4", "--json")
    assert json.loads(ended.out)["animation"] == "way.mp4"
    with av.open(str(tmp_path / "way.mp4")) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert frames[0].shape == (24, 32, 3)
    # 12 steps of six ticks each, and the result for two seconds, at 25 frames per second.
    assert len(frames) == 12 * 6 + 50
    result = read_picture(tmp_path / "art.png").rgb[:24, :32] * 255.0
    assert np.abs(frames[-1] - result).mean() < 25


def test_plot_names_every_term_and_level(run, tiny, tmp_path):
    pytest.importorskip("matplotlib")
    ended = run(*tiny, *STEPS, "--plot", "loss.svg", "--json")
    assert json.loads(ended.out)["plot"] == "loss.svg"
    # Text is drawn as shapes there, each after a comment of what it says.
    comments = re.findall(r"<!-- (.*?) -->", (tmp_path / "loss.svg").read_text("utf-8"))
    for words in ("loss", "content.relu3_1", "style.relu1_1", "style.relu2_1", "16 x 12"):
        assert words in comments
    assert "evaluations" in comments
    assert "tv" not in comments


def test_plot_leaves_nothing_in_the_process(run, tiny, tmp_path):
    pytest.importorskip("matplotlib")
    assert run(*tiny, "--plot", "loss.png").code == 0
    with Image.open(tmp_path / "loss.png") as image:
        assert image.size == (1350, 750)
    assert "matplotlib.pyplot" not in sys.modules


def test_report_is_one_whole_page_that_asks_nothing_of_a_network(run, tiny, tmp_path):
    ended = run(*tiny, *STEPS, "--report", "art.html", "--json")
    assert json.loads(ended.out)["report"] == "art.html"
    text = (tmp_path / "art.html").read_text("utf-8")
    page = Page(text)
    assert not page.open
    addresses = [attributes["src"] for attributes in page.all("img")]
    assert len(addresses) == 4  # before, after, content, style
    assert all(address.startswith("data:image/jpeg;base64,") for address in addresses)
    assert not page.all("link") and not any("src" in entry for entry in page.all("script"))
    assert not re.search(r"https?://|@import|url\(", text)
    assert len(page.all("svg")) == 1
    (slider,) = page.all("input")
    assert slider["type"] == "range" and slider["aria-label"]
    assert all(attributes["alt"] for attributes in page.all("img"))
    for words in ("style scale", "relu1_1, relu2_1=2.0", "16 x 12", "content.relu3_1", "toy"):
        assert words in text


def test_report_tells_the_exact_command(run, tiny, content, tmp_path):
    odd = tmp_path / 'it\'s "<b>&amp;" $x.png'
    content.rename(odd)
    tiny[1] = odd
    arguments = [*map(str, tiny), "--report", "a<i>.html"]
    assert run(*arguments).code == 0
    text = (tmp_path / "a<i>.html").read_text("utf-8")
    command = unescape(re.search(r"<code>(.*?)</code>", text, re.DOTALL)[1])
    assert shlex.split(command) == ["impasto", *arguments]
    assert "<b>" not in text and "<i>" not in text


def test_report_needs_nothing_that_is_gone_by_then(run, tiny, content, tmp_path, monkeypatch):
    measure = Objective.measure

    def removing(self, *arguments):
        content.unlink(missing_ok=True)
        return measure(self, *arguments)

    monkeypatch.setattr(Objective, "measure", removing)
    assert run(*tiny, "--report", "art.html").code == 0
    page = Page((tmp_path / "art.html").read_text("utf-8"))
    assert len(page.all("img")) == 2  # the result and the style
    assert not page.all("input")


def test_summary_names_what_was_written(run, tiny):
    ended = run(*tiny, "--animate", "way.gif", "--report", "art.html")
    assert ended.err.splitlines()[1:] == ["way.gif", "art.html"]
    assert run(*tiny, "--animate", "way.gif", "--quiet").err == ""


def test_nothing_is_told_or_written_unasked(run, tiny, tmp_path):
    before = set(tmp_path.iterdir())
    told = json.loads(run(*tiny, "--json").out)
    names = ("frames", "animation", "plot", "report")
    assert [told[name] for name in names] == [0, None, None, None]
    assert {path.name for path in set(tmp_path.iterdir()) - before} <= {"art.png", "home"}


def test_failed_work_still_leaves_what_was_asked_for(run, tiny, tmp_path, monkeypatch):
    measure, counted = Objective.measure, []

    def broken(self, *arguments):
        found = measure(self, *arguments)
        counted.append(found.loss)
        return found if len(counted) <= 4 else found._replace(loss=float("nan"))

    monkeypatch.setattr(Objective, "measure", broken)
    asked = ["--save-every", "1", "--animate", "way.gif", "--report", "art.html"]
    assert run(*tiny, "--iterations", "50", *asked).code == 7
    for name in ("art.png", "art.0001.png", "way.gif", "art.html"):
        assert (tmp_path / name).exists()


def test_interrupted_work_still_leaves_what_was_asked_for(spawn, tiny, tmp_path):
    if sys.platform == "win32":
        pytest.skip("POSIX signals")
    before = (
        "import os, signal\n"
        "from impasto.engine import optimise\n"
        "step_done = optimise.Descent.step_done\n"
        "def interrupting(self, *state):\n"
        "    step_done(self, *state)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "optimise.Descent.step_done = interrupting\n"
    )
    asked = ["--animate", "way.webp", "--report", "art.html"]
    process = spawn(*tiny, "--iterations", "1", "--levels", "2", *asked, before=before)
    _, told = process.communicate()
    assert process.returncode == 130
    assert "interrupted: the best picture is in art.png" in told
    assert told.endswith("way.webp\nart.html\n")
    assert len(frames_of(tmp_path / "way.webp")) >= 1


def test_no_time_gives_outputs_without_any_step(run, tiny, tmp_path):
    pytest.importorskip("matplotlib")
    asked = ["--animate", "way.gif", "--plot", "loss.png", "--report", "art.html"]
    assert run(*tiny, "--time", "1ms", *asked).code == 0
    assert len(frames_of(tmp_path / "way.gif")) == 1
    assert "<svg" not in (tmp_path / "art.html").read_text("utf-8")


def test_frame_that_cannot_be_saved_spoils_nothing_else(run, tiny, tmp_path, monkeypatch):
    from impasto.engine import images

    def full(path, *arguments):
        raise OutputError("the disk is full")

    monkeypatch.setattr(images, "write_picture", full)
    ended = run(*tiny, "--save-every", "1", "--report", "art.html", "--json")
    assert ended.code == 5
    assert "impasto: the disk is full\n" in ended.err
    told = json.loads(ended.out)
    assert (told["frames"], told["report"], told["iterations"]) == (0, "art.html", 2)
    assert (tmp_path / "art.png").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--save-every", "0"], 2, "--save-every must be a whole number of steps from 1"),
        (["--animate", "way.png"], 2, "known suffixes: .gif .webp .mp4"),
        (["--plot", "loss.pdf"], 2, "known suffixes: .svg .png"),
        (["--report", "art.txt"], 2, "must have the suffix .html"),
        (["--plot", "art.png"], 2, "--plot and the result cannot both be 'art.png'"),
        (["--plot", "photo.png"], 2, "would replace its own source"),
        (["--plot", "art.0007.png", "--save-every", "1"], 2, "has the name of a frame"),
        (["-o", "a.webp", "--animate", "./a.webp"], 2, "--animate and the result cannot both"),
        (["--animate", "no/folder/way.gif"], 5, "does not exist"),
        (["--report", ""], 2, "path must not be empty"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(run, tiny, no_work, arguments, code, words):
    ended = run(*tiny, *arguments)
    assert ended.code == code
    assert ended.err.startswith("impasto: ") and ended.err.count("\n") == 1
    assert words in ended.err


def test_frame_never_replaces_a_source(run, tiny, content, no_work, tmp_path):
    content.rename(tmp_path / "art.0002.png")
    tiny[1] = tmp_path / "art.0002.png"
    ended = run(*tiny, "--save-every", "1")
    assert ended.code == 2
    assert "would replace its own source" in ended.err


@pytest.mark.parametrize(
    ("arguments", "package", "words"),
    [
        (["--plot", "loss.svg"], "matplotlib", "needs matplotlib: pip install 'impasto[plot]'"),
        (["--animate", "way.mp4"], "av", "needs PyAV: pip install 'impasto[video]'"),
    ],
)
def test_missing_package_is_one_sentence(
    run, tiny, no_work, monkeypatch, arguments, package, words
):
    monkeypatch.setitem(sys.modules, package, None)
    ended = run(*tiny, *arguments)
    assert ended.code == 2
    assert words in ended.err and ended.err.count("\n") == 1
