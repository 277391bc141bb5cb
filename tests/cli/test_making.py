"""Recipes on the command line; pictures that tell how they were made, and are made again."""

import json
from pathlib import Path

import numpy as np
import pytest

from impasto.engine.errors import ResumeError
from impasto.engine.images import read_picture, write_picture
from impasto.engine.options import Options
from impasto.engine.provenance import read_provenance

TASKS = {"stylize": ("photo.png", "paint.png"), "reconstruct": ("photo.png",)}
TASKS |= {"texture": ("paint.png",)}


@pytest.fixture
def quick(network_path):
    """Options with which a picture is made at once."""
    return ["--model", network_path, "--size", "24", "--iterations", "2", "--threads", "1"]


def layers_of(task):
    content, style = ["--content-layer", "relu2_1"], ["--style-layer", "relu1_1"]
    return {"stylize": [*content, *style], "reconstruct": content, "texture": style}[task]


@pytest.mark.parametrize("task", TASKS)
def test_a_picture_tells_how_it_was_made_and_is_made_again(task, run, quick, content, style):
    given = [*TASKS[task], *quick, *layers_of(task)]
    assert run(task, *given, "-o", "art.png").code == 0
    made = read_provenance("art.png")
    assert made.task == task
    assert [one.path for one in made.pictures] == list(TASKS[task])
    assert (made.options.size, made.options.iterations) == (24, 2)
    assert made.command.startswith(f"impasto {task} ")
    assert made.plan["levels"][-1]["width"] == made.size[0]
    told = run("info", "art.png").out
    for word in (task, "photo.png" if task != "texture" else "paint.png", "toy", "relu"):
        assert word in told
    assert json.loads(run("info", "art.png", "--json").out) == json.loads(json.dumps(made.record()))
    assert run("again", "art.png", "-q").code == 0
    assert Path("art.png").read_bytes() == Path("art.again.png").read_bytes()


def test_equal_commands_write_equal_bytes(run, tiny):
    for name in ("one.png", "two.png"):
        assert run(*tiny, "--no-metadata", "--init", "noise", "-o", name).code == 0
    assert Path("one.png").read_bytes() == Path("two.png").read_bytes()


def test_equal_commands_write_equal_bytes_in_processes_of_several_threads(spawn, tiny):
    names = ("one.png", "two.png")
    how = ("--no-metadata", "--init", "noise", "--size", "96", "--threads", "2")
    processes = [spawn(*tiny, *how, "-o", name) for name in names]
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0]
    assert Path("one.png").read_bytes() == Path("two.png").read_bytes()


def test_a_picture_is_not_made_again_from_others(run, tiny, style):
    run(*tiny, "-o", "art.png")
    style.write_bytes(style.read_bytes() + b"more")
    ended = run("again", "art.png")
    assert ended.code == ResumeError.exit_code
    assert "is not the one that it was made of" in ended.err
    assert ended.err.count("\n") == 1


def test_a_picture_may_tell_nothing(run, tiny):
    assert run(*tiny, "--no-metadata", "-o", "art.png").code == 0
    for command in ("info", "again"):
        ended = run(command, "art.png")
        assert ended.code
        assert "does not tell how it was made" in ended.err


def test_a_saved_recipe_is_the_same_options(run, tiny, quick, content, style):
    asked = ["--style-loss", "moments", "--seed", "7", "--color", "match", "--strength", "0.5"]
    assert run(*tiny, *asked, "--save-recipe", "r.toml", "-o", "one.png").code == 0
    first = read_provenance("one.png")
    network = quick[:2]
    ended = run("stylize", content, style, *network, "--recipe", "r.toml", "-o", "two.png")
    assert ended.code == 0, ended.err
    assert read_provenance("two.png").options == first.options != Options()
    assert (read_picture("two.png").rgb == read_picture("one.png").rgb).all()


def test_the_command_line_wins_over_a_recipe_and_that_over_a_preset(run, quick, content, style):
    Path("r.toml").write_text(
        'seed = 5\npool = "max"\niterations = 1\nsize = 24\nlevels = 1\n'
        "[content_layers]\nrelu2_1 = 1\n[style_layers]\nrelu1_1 = 1\n",
        "utf-8",
    )
    given = ["--model", quick[1], "--recipe", "r.toml", "--preset", "gatys2015", "--seed", "6"]
    ended = run("stylize", content, style, *given, "-o", "art.png")
    assert ended.code == 0, ended.err
    options = read_provenance("art.png").options
    assert (options.seed, options.pool, options.objective) == (6, "max", "gatys")


def test_a_wrong_recipe_is_a_wrong_option(run, tiny):
    Path("r.toml").write_text("sise = 5\n", "utf-8")
    ended = run(*tiny, "--recipe", "r.toml")
    assert ended.code == 2
    assert "did you mean size?" in ended.err


def test_quality_is_for_formats_that_have_one(run, tiny):
    sizes = []
    for quality in ("20", "95"):
        assert run(*tiny, "--quality", quality, "--no-metadata", "-o", "art.jpg").code == 0
        sizes.append(Path("art.jpg").stat().st_size)
    assert sizes[0] < sizes[1]
    ended = run(*tiny, "--quality", "95", "-o", "art.png")
    assert ended.code == 2
    assert "--quality has no meaning for PNG" in ended.err


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_picture_of_16_bits_is_one_again(run, tiny, suffix):
    assert run(*tiny, "--depth", "16", "-o", f"art.{suffix}").code == 0
    assert read_picture(f"art.{suffix}").samples.dtype == np.uint16
    assert json.loads(run("info", f"art.{suffix}", "--json").out)["depth"] == 16
    assert run("again", f"art.{suffix}", "-q").code == 0
    assert Path(f"art.{suffix}").read_bytes() == Path(f"art.again.{suffix}").read_bytes()
    ended = run("again", f"art.{suffix}", "-o", "art.jpg")
    assert ended.code == 2
    assert "--depth 16 is more than JPEG holds: only PNG and TIFF have 16 bits" in ended.err


def test_a_photograph_of_16_bits_that_stays_as_it_is_keeps_them(run, tiny):
    """Nothing on the way goes through eight bits."""
    photo = np.random.default_rng(0).random((24, 32, 3), np.float32)
    write_picture(Path("photo.png"), photo, depth=16)
    for color in ("style", "content", "luminance"):
        asked = ["--strength", "0", "--color", color, "--depth", "16"]
        assert run(*tiny, *asked, "-o", "art.png").code == 0
        found, given = (read_picture(name).samples for name in ("art.png", "photo.png"))
        np.testing.assert_array_equal(found, given)


def test_a_depth_is_one_of_two(run, tiny):
    ended = run(*tiny, "--depth", "12")
    assert ended.code == 2
    assert "--depth must be 8 or 16, not 12" in ended.err
    Path("r.toml").write_text("depth = 12\n", "utf-8")
    ended = run(*tiny, "--recipe", "r.toml")
    assert ended.code == 2
    assert "depth must be 8 or 16, not 12" in ended.err


def test_a_depth_is_refused_before_the_work(run, content, style):
    given = ["--depth", "16", "--model", "nowhere.onnx"]
    assert run("stylize", content, style, *given, "-o", "art.jpg").code == 2
    batch = ["batch", content, "--style", style, *given, "--format", "webp", "-o", "made"]
    assert run(*batch).code == 2
    assert not Path("made").exists()


def test_what_a_batch_makes_tells_it_too(run, quick, content, style):
    given = ["--content-layer", "relu2_1", "--style-layer", "relu1_1"]
    ended = run("batch", content, "--style", style, *quick, *given, "-q", "-o", "made")
    assert ended.code == 0, ended.err
    made = read_provenance("made/photo.png")
    assert [one.role for one in made.pictures] == ["content", "style"]


def test_a_resumed_picture_tells_it_too(run, tiny):
    assert run(*tiny, "--checkpoint", "kept", "-o", "art.png").code == 0
    first = read_provenance("art.png")
    assert run("resume", "kept", "-o", "again.png").code == 0
    assert read_provenance("again.png").options == first.options


def test_a_resumed_picture_is_written_as_it_was_to_be(run, tiny):
    assert run(*tiny, "--checkpoint", "kept", "--depth", "16", "-o", "art.png").code == 0
    assert run("resume", "kept", "-o", "again.tif").code == 0
    assert read_picture("again.tif").samples.dtype == np.uint16
    ended = run("resume", "kept", "-o", "again.jpg")
    assert ended.code == 2
    assert "--depth 16 is more than JPEG holds" in ended.err


def test_what_a_picture_tells_of_itself_moves_no_cursor(run, tiny):
    """It may come from a stranger."""
    run(*tiny, "-o", "art.png")
    record = read_provenance("art.png").record()
    record |= {"model": "\x1b]0;title\x07", "command": "\x1b[31mred\nnetwork  another"}
    record["plan"] = {"levels": [{"width": "\x1b[2J"}]}
    write_picture(Path("odd.png"), read_picture("art.png").rgb, metadata=record)
    told = run("info", "odd.png")
    assert told.code == 0
    assert all(line.isprintable() for line in told.out.splitlines())
    assert told.out.count("\n") == run("info", "art.png").out.count("\n")
