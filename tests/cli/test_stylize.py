import dataclasses
import json

import numpy as np
import pytest

from impasto.engine.engine import Engine
from impasto.engine.errors import OutputError, StyleError
from impasto.engine.images import read_picture
from impasto.engine.objective import Objective
from impasto.engine.options import Options
from impasto.engine.pyramid import plan_levels
from impasto.engine.records import Result

# For every field of Options: how the command line sets it, and what must arrive.
SPELLINGS = {
    "size": (["--size", "99"], 99),
    "levels": (["--levels", "3"], 3),
    "coarsest": (["--coarsest", "64"], 64),
    "level_factor": (["--level-factor", "1.5"], 1.5),
    "style_loss": (["--style-loss", "moments"], "moments"),
    "style_falloff": (["--style-falloff", "0.5"], 0.5),
    "balance_gradients": (["--balance-gradients"], True),
    "tv_loss": (["--tv-loss", "absolute"], "absolute"),
    "iterations": (["--iterations", "30,20,10"], (30, 20, 10)),
    "objective": (["--objective", "gatys"], "gatys"),
    "content_layers": (["--content-layer", "pool3=0.5"], {"pool3": 0.5}),
    "style_layers": (
        ["--style-layer", "relu1_2", "--style-layer", "relu2_2=3"],
        {"relu1_2": 1.0, "relu2_2": 3.0},
    ),
    "content_weight": (["--content-weight", "2.5"], 2.5),
    "style_weight": (["--style-weight", "0"], 0.0),
    "tv_weight": (["--tv-weight", "1e-3"], 1e-3),
    "pool": (["--pool", "average"], "average"),
    "border": (["--border", "zeros"], "zeros"),
    "optimizer": (["--optimizer", "adam"], "adam"),
    "step": (["--step", "0.1"], 0.1),
    "init": (["--init", "noise"], "noise"),
    "init_blend": (["--init-blend", "0.25"], 0.25),
    "init_noise": (["--init-noise", "0.3"], 0.3),
    "style_scale": (["--style-scale", "2"], 2.0),
    "style_blend": (["--style-blend", "2,1"], (2.0, 1.0)),
    "layer_styles": (["--layer-style", "relu1_1=2"], {"relu1_1": 2}),
    "masks": (["--mask", "a.png", "--mask", "b.png:c.png"], (("a.png", ""), ("b.png", "c.png"))),
    "keep": (["--keep", "a.png"], "a.png"),
    "color": (["--color", "luminance"], "luminance"),
    "style_size": (["--style-size", "300"], 300),
    "strength": (["--strength", "0.5"], 0.5),
    "seed": (["--seed", "7"], 7),
}


@pytest.fixture
def options_of(run, content, style, monkeypatch):
    """The Options that some arguments make; no work is done."""
    seen = []

    def look(engine, content, styles, options, **rest):
        seen.append(options)
        raise StyleError("seen")

    monkeypatch.setattr(Engine, "__init__", lambda self, *args, **rest: None)
    monkeypatch.setattr(Engine, "stylize", look)
    monkeypatch.setattr("impasto.cli.tasks.tell_of_other_networks", lambda *given: None)

    def options_of(*arguments):
        run("stylize", content, style, "--no-metadata", *arguments)
        return seen.pop()

    return options_of


def test_defaults_are_those_of_options(options_of):
    assert options_of() == Options()


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Options)])
def test_every_field_of_options_is_an_option(options_of, field):
    arguments, value = SPELLINGS[field]
    assert options_of(*arguments) == dataclasses.replace(Options(), **{field: value})


def test_help_tells_the_default_levels_and_iterations(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    plan = plan_levels((8, 8), 2047, None, None, 1)
    first, second, *others = [level.iterations for level in plan]
    assert len(set(others)) == 1
    told = run("stylize", "--help").out
    assert "down to --coarsest" in told
    assert f"{first},{second}, then {others[0]} each; 200,120, then 80 without content" in told


def test_json_tells_everything_about_the_picture(run, tiny, content, style, network_path):
    ended = run(*tiny, "--levels", "2", "--json", "--seed", "5")
    assert ended.code == 0
    told = json.loads(ended.out)
    result = Engine(network_path).stylize(
        content,
        style,
        Options(
            size=32,
            levels=2,
            iterations=2,
            seed=5,
            content_layers={"relu3_1": 1.0},
            style_layers={"relu1_1": 1.0, "relu2_1": 2.0},
        ),
    )
    assert told["output"] == "art.png"
    assert (told["width"], told["height"]) == (32, 24)
    assert told["model"] == "toy"
    assert told["device"] == "cpu" or told["device"].startswith("cuda:")
    assert told["precision"] == "float32"
    assert told["lowering"] == ("winograd" if told["device"] == "cpu" else "direct")
    assert told["seed"] == 5
    assert told["iterations"] == 4
    assert told["evaluations"] == sum(level["evaluations"] for level in told["levels"])
    assert told["loss"]["final"] == pytest.approx(result.loss, rel=1e-4)
    assert told["loss"]["initial"] == pytest.approx(result.initial_loss, rel=1e-4)
    terms = [told["loss"][kind] for kind in ("content", "style", "tv")]
    assert sum(terms) == pytest.approx(told["loss"]["final"], rel=1e-6)
    assert told["stopped"] == "iterations"
    assert [(level["width"], level["height"]) for level in told["levels"]] == [(16, 12), (32, 24)]
    assert told["evaluation_seconds"] == told["levels"][-1]["evaluation_seconds"] > 0
    assert told["seconds"] >= sum(level["seconds"] for level in told["levels"]) > 0
    assert told["peak_rss_mb"] > 20


@pytest.mark.parametrize("lowering", ["direct", "winograd"])
def test_lowering_is_the_one_asked_for(run, tiny, lowering):
    ended = run(*tiny, "--device", "cpu", "--lowering", lowering, "--json")
    assert json.loads(ended.out)["lowering"] == lowering


def test_picture_is_written_as_it_was_made(run, tiny, tmp_path):
    assert run(*tiny).code == 0
    assert read_picture(tmp_path / "art.png").rgb.shape == (24, 32, 3)


def test_summary_names_file_size_time_and_losses(run, tiny):
    ended = run(*tiny)
    assert ended.out == ""
    assert ended.err.startswith("art.png: 32 x 24, ")
    assert " s, loss " in ended.err and " -> " in ended.err
    assert ended.err.count("\n") == 1


def test_quiet_says_nothing(run, tiny):
    ended = run(*tiny, "--quiet")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_output_is_named_after_the_content_by_default(run, tiny, tmp_path):
    assert run(*tiny[:-2]).code == 0
    assert (tmp_path / "photo.impasto.png").exists()


def test_same_seed_gives_the_same_picture(run, tiny, tmp_path):
    pictures = []
    for seed in (3, 3, 4):
        assert run(*tiny, "--init", "noise", "--seed", seed).code == 0
        pictures.append(read_picture(tmp_path / "art.png").rgb)
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_several_styles_are_all_read(run, tiny, style):
    tiny.insert(3, "missing.png")
    ended = run(*tiny)
    assert ended.code == 3
    assert "missing.png" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--size", "0"], 2, "size must be a whole number from 1"),
        (["--iterations", "ten"], 2, "iterations must be a whole number"),
        (["--iterations", "1,2,3"], 2, "--iterations must list one number for each level"),
        (["--content-layer", "relu9_9"], 2, "no layer 'relu9_9'; it has relu1_1, relu1_2"),
        (["--style-layer", "relu1_2=much"], 2, "NAME=WEIGHT"),
        (["--trust", "any"], 2, "--trust has no meaning without --bundle"),
        (["--style-weight", "-1"], 2, "impasto: --style-weight must be"),
        (["--content-layer", "pool3=-1"], 2, "impasto: --content-layer pool3 must be"),
        (["--pool", "min"], 2, "'--pool': 'min' is not one of 'max', 'average'; "),
        (["--size", "big"], 2, "--size must be such as 512, 640x480 or 50%, not 'big'"),
        (["--nonsense"], 2, "No such option: --nonsense"),
        (["--device", "tpu"], 2, "device must be auto"),
        (["--device", "cpu", "--precision", "tf32"], 2, "--precision must be float32 where"),
        (["--lowering", "tiled"], 2, "'tiled' is not one of 'auto', 'direct', 'winograd'; "),
        (["--threads", "0"], 2, "threads must be a whole number"),
        (["--bundle", "x.bundle"], 2, "not both"),
        (["-o", "art.xyz"], 2, "art.xyz"),
        (["-o", "photo.png"], 2, "would replace its own source"),
        (["-o", ""], 2, "path must not be empty"),
        (["--report", "-"], 2, "a stream is not supported here"),
        (["--init", "nowhere.png"], 3, "nowhere.png"),
        (["--init", "long" * 99], 3, "initial picture"),
        (["--init", "noize"], 3, "init is content, style, noise or the path of a picture"),
        (["--size", "4"], 3, "smallest size"),
        (["--model", "vgg99"], 4, "no network 'vgg99'"),
        (["-o", "no/such/folder/art.png"], 5, "does not exist"),
        (["--size", "9999"], 6, "output_side"),
    ],
)
def test_error_is_one_sentence_and_its_exit_code(run, tiny, tmp_path, arguments, code, words):
    ended = run(*tiny, *arguments)
    assert ended.code == code
    assert ended.err.startswith("impasto: ")
    assert ended.err.count("\n") == 1
    assert words in ended.err
    assert not (tmp_path / "art.png").exists()


def test_missing_argument_is_one_sentence(run, content):
    ended = run("stylize", content)
    assert ended.code == 2
    assert ended.err == "impasto: Missing argument 'STYLE'; `impasto stylize --help` tells more\n"


@pytest.mark.parametrize("pictures", [["", "paint.png"], ["photo.png", "-"]])
def test_picture_without_a_path_is_refused(run, content, style, pictures):
    ended = run("stylize", *pictures)
    assert ended.code == 2
    assert ended.err.startswith("impasto: ") and ended.err.count("\n") == 1


def test_missing_picture_is_named(run, tiny):
    tiny[1] = "nobody.jpg"
    ended = run(*tiny)
    assert ended.code == 3
    assert "content picture 'nobody.jpg'" in ended.err


def test_output_is_checked_before_any_work(run, tiny, monkeypatch):
    monkeypatch.setattr(Engine, "__init__", lambda *args, **rest: pytest.fail("work began"))
    assert run(*tiny, "-o", "no/folder/art.png").code == 5


def test_failed_work_keeps_the_best_picture(run, tiny, tmp_path, monkeypatch):
    _break_after(monkeypatch, evaluations=4)
    ended = run(*tiny, "--iterations", "50", "--json")
    assert ended.code == 7
    assert ended.out == ""
    saved, failed = ended.err.splitlines()
    assert "the best picture so far is in art.png" in saved
    assert failed.startswith("impasto: the loss or its gradient is not finite")
    assert read_picture(tmp_path / "art.png").rgb.shape == (24, 32, 3)


def test_failed_work_that_cannot_be_saved_keeps_its_exit_code(run, tiny, monkeypatch):
    def full(result, path, **_):
        raise OutputError("the disk is full")

    _break_after(monkeypatch, evaluations=4)
    monkeypatch.setattr(Result, "save", full)
    ended = run(*tiny, "--iterations", "50")
    assert ended.code == 7
    assert "is lost: the disk is full" in ended.err


def test_failure_before_the_first_step_keeps_the_old_file(run, tiny, tmp_path, monkeypatch):
    (tmp_path / "art.png").write_bytes(b"old")
    _break_after(monkeypatch, evaluations=0)
    assert run(*tiny).code == 7
    assert (tmp_path / "art.png").read_bytes() == b"old"


def _break_after(monkeypatch, evaluations):
    """Let the loss be NaN after some evaluations."""
    measure, counted = Objective.measure, []

    def broken(self, *arguments):
        found = measure(self, *arguments)
        counted.append(found.loss)
        return found if len(counted) <= evaluations else found._replace(loss=float("nan"))

    monkeypatch.setattr(Objective, "measure", broken)
