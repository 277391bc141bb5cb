import dataclasses
import json

import numpy as np
import pytest

import impasto
from impasto.engine.errors import OptionsError
from impasto.engine.initial import blended, noise
from impasto.engine.options import Options
from impasto.engine.presets import find_preset, preset, presets

PRESETS = {made.name: made for made in presets()}
# What a preset leaves to the caller: the size, what one level has no use for, and the share of each
# of several style pictures.
FREE = {"size", "seed", "coarsest", "level_factor", "style_blend", "layer_styles", "masks", "keep"}
FREE |= {"style_size"}


def test_presets_are_those_that_people_are_told_of():
    assert list(PRESETS) == ["gatys2015", "neuralart", "johnson"]
    assert all(name == made.name for name, made in PRESETS.items())


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_valid_and_says_all_but_size_seed_and_what_its_optimiser_has_no_use_for(
    name,
):
    values = PRESETS[name].values
    options = preset(name)
    assert {field: getattr(options, field) for field in values} == dict(values)
    unsaid = {field.name for field in dataclasses.fields(Options)} - set(values) - FREE
    assert unsaid == (set() if options.optimizer == "adam" else {"step"})


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_json(name):
    options = preset(name)
    assert Options(**json.loads(json.dumps(dataclasses.asdict(options)))) == options
    assert json.loads(json.dumps(dict(PRESETS[name].values))) == dict(PRESETS[name].values)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_tells_its_source_and_differences_in_sentences(name):
    made = PRESETS[name]
    assert made.summary.endswith(".")
    assert "arXiv" in made.source or "https://github.com/" in made.source
    assert all(sentence.endswith(".") for sentence in made.differences)


def test_changes_win_over_the_preset():
    changed = impasto.preset("johnson", size=99, pool="average")
    assert changed == dataclasses.replace(preset("johnson"), size=99, pool="average")
    assert impasto.presets() == tuple(PRESETS.values())


def test_a_wrong_change_is_refused_as_by_options():
    with pytest.raises(OptionsError, match="content_weight must be a number from 0"):
        preset("johnson", content_weight=-1)
    with pytest.raises(TypeError, match="nothing"):
        preset("johnson", nothing=1)


@pytest.mark.parametrize(
    "name, near",
    [
        ("gatys", "did you mean gatys2015?"),
        ("Johnson", "did you mean johnson?"),
        ("neural-art", "did you mean neuralart?"),
    ],
)
def test_unknown_preset_is_told_the_near_ones(name, near):
    with pytest.raises(OptionsError, match="preset must be one of gatys2015, neuralart, johnson"):
        find_preset(name)
    with pytest.raises(OptionsError) as raised:
        preset(name)
    assert str(raised.value).endswith(f"not {name!r}; {near}")


@pytest.mark.parametrize("name", ["", "xyz", None, 3, []])
def test_what_is_like_no_preset_has_no_near_ones(name):
    with pytest.raises(OptionsError) as raised:
        preset(name)
    assert str(raised.value).endswith(f"not {name!r}")


def test_nobody_can_change_a_preset_for_others():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PRESETS["johnson"].name = "mine"
    with pytest.raises(TypeError):
        PRESETS["johnson"].values["pool"] = "average"
    assert preset("johnson").style_layers is not PRESETS["johnson"].values["style_layers"]


def test_neuralart_starts_as_its_source_does():
    """x = 0.7 noise + 0.3 photograph, in 0..255; the deviation of uniform noise is 20 / √3."""
    options, photograph = preset("neuralart"), np.full((60, 70, 3), 0.75, np.float32)
    start = blended(photograph, options.init_blend, 1, options.init_noise)
    np.testing.assert_allclose(start.mean(), 0.7 * 0.5 + 0.3 * 0.75, atol=2e-3)
    np.testing.assert_allclose(start.std() * 255, 0.7 * 20 / 3**0.5, rtol=0.02)


def test_johnson_starts_from_next_to_nothing():
    start = noise(60, 70, 1, preset("johnson").init_noise)
    np.testing.assert_allclose(start.mean(dtype=float), 0.5, atol=1e-6)
    np.testing.assert_allclose(start.std(dtype=float) * 255, 1e-3, rtol=0.05)
