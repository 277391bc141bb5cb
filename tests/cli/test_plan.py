import json

import pytest

from impasto.engine.images import read_picture

LAYERS = ["--content-layer", "relu3_1", "--style-layer", "relu1_1", "--style-layer", "relu2_1=2"]


@pytest.fixture
def asked(content, style, network_path):
    """The arguments of the smallest plan: two levels, 16 x 12 and 32 x 24."""
    work = ["--size", "32", "--levels", "2", "--iterations", "3,2", "--model", network_path]
    return ["plan", content, style, *LAYERS, *work]


@pytest.fixture
def large(asked):
    """Of one level of 320 x 240, with an optimiser that cannot do with less: tiles alone can."""
    return [*asked, "--size", "320", "--levels", "1", "--iterations", "1", "--optimizer", "adam"]


@pytest.fixture
def told(run):
    """`told(*arguments)`: what a command that succeeds tells a machine."""

    def told(*arguments):
        ended = run(*arguments, "--json")
        assert (ended.code, ended.err) == (0, "")
        return json.loads(ended.out)

    return told


def test_table_has_a_line_for_each_level_from_coarse_to_fine(run, asked):
    ended = run(*asked, "--memory", "1G")
    assert (ended.code, ended.err) == (0, "")
    head, coarse, fine, peak, duration = (line.split() for line in ended.out.splitlines())
    assert head == ["size", "steps", "computed", "optimiser", "memory", "time"]
    assert coarse[:7] == ["16", "x", "12", "3", "at", "once", "scipy"]
    assert fine[:7] == ["32", "x", "24", "2", "at", "once", "scipy"]
    assert peak[:4] == ["Peak", "of", "the", "process:"]
    assert peak[5:] == ["of", "1.00G", "that", "it", "may", "take."]
    assert duration[0] == "About"


def test_json_tells_the_same_levels_in_bytes_pixels_and_seconds(told, asked):
    plan = told(*asked, "--memory", "1G", "--time", "1h30m")
    assert plan["memory"] == 2**30
    assert plan["time"] == 5400
    assert plan["seconds"] == pytest.approx(sum(level["seconds"] for level in plan["levels"]))
    shapes = [(level["width"], level["height"]) for level in plan["levels"]]
    assert shapes == [(16, 12), (32, 24)]
    assert [level["iterations"] for level in plan["levels"]] == [3, 2]
    assert all(level["seconds"] > 0 for level in plan["levels"])
    assert max(level["peak"] for level in plan["levels"]) <= plan["peak"] <= plan["memory"]


def test_time_is_null_where_none_was_given(told, asked):
    assert told(*asked)["time"] is None


def test_picture_is_made_as_planned(told, asked):
    options = [*asked[1:], "--memory", "1G"]
    planned = told("plan", *options)
    made = told("stylize", *options, "-o", "art.png", "--quiet")["plan"]
    for record in (planned, *planned["levels"]):
        record["seconds"] = None  # a picture does not wait until its steps were timed
    assert made == planned


def test_planning_writes_nothing(run, asked, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    assert run(*asked).code == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_tiles_keep_within_a_budget_that_the_whole_does_not(told, large):
    whole = told(*large)
    assert whole["levels"][0]["tiling"] is None
    budget = whole["peak"] - (4 << 20)
    tiled = told(*large, "--memory", budget)
    assert tiled["memory"] == budget
    assert tiled["peak"] <= budget
    tiling = tiled["levels"][0]["tiling"]
    assert tiling["up_to"] in ("pool1", "pool2", "relu3_1")
    assert tiling["width"] <= 320
    assert tiling["height"] <= 240
    assert tiling["across"] * tiling["width"] >= 320
    assert tiling["down"] * tiling["height"] >= 240


def test_tiles_are_named_in_the_table(run, told, large):
    memory = ["--memory", told(*large)["peak"] - (4 << 20)]
    tiling = told(*large, *memory)["levels"][0]["tiling"]
    words = (
        f"to {tiling['up_to']} in {tiling['across']} x {tiling['down']} tiles "
        f"of {tiling['width']} x {tiling['height']}"
    )
    assert words in run(*large, *memory).out


def test_time_that_suffices_is_not_mentioned(run, asked):
    last = run(*asked, "--time", "10h").out.splitlines()[-1]
    assert last.startswith("About ")
    assert "allow" not in last


def test_time_that_is_too_short_tells_the_share_of_the_steps(run, asked):
    last = run(*asked, "--iterations", "100000", "--time", "2s").out.splitlines()[-1]
    assert "; the 2 s given allow " in last
    assert last.endswith("% of the steps of each level.")


@pytest.mark.parametrize("memory", ["1", "1K", "10M"])
def test_budget_below_any_picture_is_refused_with_the_estimate(run, asked, memory):
    ended = run(*asked, "--memory", memory)
    assert (ended.code, ended.out, ended.err.count("\n")) == (6, "", 1)
    assert "a picture of 32 x 24 needs at least " in ended.err
    assert ended.err.endswith("; no size fits\n")


@pytest.mark.parametrize("levels", ["1", "2", "3"])
def test_refusal_names_a_size_that_fits(run, told, asked, levels):
    """Coarser levels leave something behind, and what is known of the style is of each."""
    one = [*asked, "--iterations", "1", "--levels", levels]
    memory = ["--memory", told(*one, "--size", "64")["peak"]]
    ended = run(*one, "--size", "1024", *memory)
    assert (ended.code, ended.out) == (6, "")
    sentence, size = ended.err.rsplit(" ", 1)
    assert sentence.endswith("; the largest size that fits is about")
    assert told(*one, "--size", size.strip(), *memory)["levels"][-1]["width"] == int(size)


def test_picture_is_refused_like_its_plan_and_before_any_work(run, asked, tmp_path):
    small = [*asked[1:], "--memory", "10M"]
    planned = run("plan", *small)
    painted = run("stylize", *small, "-o", "art.png")
    assert (planned.code, painted.code) == (6, 6)
    assert painted.err == planned.err
    assert not (tmp_path / "art.png").exists()


def test_size_above_the_limit_is_refused(run, asked):
    ended = run(*asked, "--size", "1000000")
    assert ended.code == 6
    assert "output_side" in ended.err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("--memory", text) for text in ("0", "-1", "half", "1e30T", "99999999999T", "")),
        *(("--time", text) for text in ("0", "-5s", "soon", "1m1h", "1e99", "")),
        *(("--size", text) for text in ("0", "-32", "1.5", "many")),
        *(("--iterations", text) for text in ("1,2,3", "few", "-1")),
        ("--levels", "9"),
        ("--optimizer", "newton"),
        ("--content-layer", "relu9_9"),
        ("--style-scale", "100"),
        ("--trust", "any"),
    ],
)
def test_wrong_values_are_one_sentence_that_names_the_option(run, asked, option, value):
    ended = run(*asked, option, value)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert option in ended.err or value in ended.err


def test_unreadable_pictures_are_refused(run, asked, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    for place in (1, 2):
        for wrong in ("none.png", "text.png"):
            arguments = list(asked)
            arguments[place] = wrong
            ended = run(*arguments)
            assert (ended.code, ended.out, ended.err.count("\n")) == (3, "", 1)
            assert wrong in ended.err


def test_picture_too_small_for_the_network_is_refused(run, asked):
    ended = run(*asked, "--size", "3", "--levels", "1", "--iterations", "1")
    assert ended.code == 3
    assert "the smallest size is" in ended.err


def test_adam_is_planned_where_it_is_asked_for(told, asked):
    plan = told(*asked, "--optimizer", "adam")
    assert {level["optimizer"] for level in plan["levels"]} == {"adam"}


def test_little_memory_costs_the_optimiser_its_pairs(told, asked):
    large = [*asked, "--size", "256", "--levels", "1", "--iterations", "50"]
    usual = told(*large)
    assert usual["levels"][0]["optimizer"] == "lbfgs 40"
    fewer = told(*large, "--memory", usual["peak"] - (8 << 20))
    assert fewer["levels"][0]["optimizer"] == "lbfgs 20"
    assert fewer["peak"] <= fewer["memory"]


def test_several_styles_are_planned_with_what_they_hold(told, asked, content, style):
    one = told(*asked)
    several = told(*asked[:3], content, style, *asked[3:])
    held = sum(read_picture(path).rgb.nbytes // 4 for path in (content, style))
    assert several["peak"] >= one["peak"]
    assert several["peak"] - one["peak"] <= 2 * held + (1 << 20)


def test_bundle_is_planned_whole(run, told, content, style, network_path, tmp_path):
    layers = [text.removesuffix("=2") for text in LAYERS]
    made = run("export", "--bundle", "--model", network_path, *layers, "-o", "toy.impasto")
    assert made.code == 0, made.err
    asked = ["plan", content, style, "--bundle", "toy.impasto", "--size", "128"]
    plan = told(*asked, "--levels", "1", "--iterations", "1")
    assert plan["levels"][0]["tiling"] is None
    ended = run(*asked, "--memory", "10M")
    assert (ended.code, ended.out) == (6, "")
