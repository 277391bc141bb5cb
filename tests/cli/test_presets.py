import dataclasses
import json
import shlex

import pytest

from impasto.engine.engine import Engine
from impasto.engine.errors import StyleError
from impasto.engine.options import Options
from impasto.engine.presets import preset, presets

PRESETS = {made.name: made for made in presets()}


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
    monkeypatch.setattr(
        Engine, "defaults", Options(content_layers={"pool3": 1.0}, pool="max"), raising=False
    )

    def options_of(*arguments):
        run("stylize", content, style, "--no-metadata", *arguments)
        return seen.pop()

    return options_of


@pytest.mark.parametrize("name", PRESETS)
def test_preset_arrives_as_it_is(options_of, name):
    assert options_of("--preset", name) == preset(name)


def test_explicit_options_win_over_the_preset_even_where_they_are_the_usual_ones(options_of):
    given = ["--pool", "max", "--content-layer", "pool3=2", "--levels", "2", "--size", "99"]
    expected = preset("gatys2015", pool="max", content_layers={"pool3": 2.0}, levels=2, size=99)
    assert options_of(*given, "--preset", "gatys2015") == expected
    usual = ["--style-scale", "1", "--init", "content", "--optimizer", "lbfgs"]
    expected = preset("neuralart", init="content", optimizer="lbfgs")
    assert options_of("--preset", "neuralart", *usual) == expected


def test_preset_wins_over_what_a_bundle_was_made_for_which_then_says_no(options_of):
    assert options_of("--preset", "gatys2015", "--bundle", "any") == preset("gatys2015")
    changed = options_of("--bundle", "any")
    assert (changed.content_layers, changed.pool) == ({"pool3": 1.0}, "max")


def test_unknown_preset_is_told_the_near_ones(run, content, style):
    ended = run("stylize", content, style, "--preset", "jonson")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "impasto: --preset must be one of gatys2015, neuralart, johnson, not 'jonson'; "
        "did you mean johnson?\n"
    )


def test_json_tells_values_that_make_the_same_options(run):
    ended = run("presets", "--json")
    assert (ended.code, ended.err) == (0, "")
    told = json.loads(ended.out)["presets"]
    assert [preset["name"] for preset in told] == list(PRESETS)
    for record in told:
        made = PRESETS[record["name"]]
        assert Options(**record["values"]) == made.options()
        assert (record["summary"], record["source"]) == (made.summary, made.source)
        assert record["differences"] == list(made.differences)


def test_list_tells_options_that_can_be_copied(run, options_of):
    lines = run("presets").out.splitlines()
    spelled = [line.partition("Options: ")[2] for line in lines if "  Options: " in line]
    assert [options_of(*shlex.split(line)) for line in spelled] == [
        made.options() for made in PRESETS.values()
    ]


def test_list_tells_source_and_differences(run):
    out = run("presets").out
    for made in PRESETS.values():
        assert f"{made.name}: {made.summary}\n  Source: {made.source}\n" in out
        assert all(f"  Differs: {sentence}" in out for sentence in made.differences)


def test_a_preset_paints(run, tiny):
    """Its layers lie deeper than the toy network goes; steps and size are those of the test."""
    ended = run(*tiny, "--preset", "johnson", "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert told["loss"]["final"] < told["loss"]["initial"]
    assert [level["iterations"] for level in told["levels"]] == [2]
    assert dataclasses.asdict(preset("johnson"))["levels"] == 1
