import dataclasses
import math
import pickle
import re

import numpy as np
import pytest

from impasto.engine.errors import OptionsError
from impasto.engine.options import Options

WHOLE = {
    "coarsest": (1, 2**16),
    "size": (1, 2**20),
    "levels": (1, 12),
    "iterations": (0, 10**6),
    "seed": (0, 2**63 - 1),
    "style_size": (1, 2**16),
}
NUMBERS = {
    "content_weight": (0, 1e12),
    "style_weight": (0, 1e12),
    "tv_weight": (0, 1e12),
    "step": (1e-6, 1),
    "init_blend": (0, 1),
    "init_noise": (0, 1),
    "style_scale": (1 / 16, 16),
    "level_factor": (1.1, 4),
    "style_falloff": (0.01, 100),
    "strength": (0, 1),
}
CHOICES = ("objective", "pool", "border", "optimizer", "color", "style_loss", "tv_loss")
NOT_A_NUMBER = ("1", b"1", [], {}, object(), True, False, 1j)


def test_every_field_has_its_law_here():
    known = {*WHOLE, *NUMBERS, *CHOICES, "init", "content_layers", "style_layers", "style_blend"}
    known |= {"layer_styles", "masks", "keep", "balance_gradients"}
    assert {field.name for field in dataclasses.fields(Options)} == known


def test_masks_are_paths_or_pairs_of_them():
    made = Options(masks=["a.png", ["b.png", "c.png"]], keep="d.png")
    assert made.masks == (("a.png", ""), ("b.png", "c.png"))
    assert made.mask_paths == ["a.png", "b.png", "c.png", "d.png"]
    moved = made.with_mask_paths(["1", "2", "3", "4"])
    assert (moved.masks, moved.keep) == ((("1", ""), ("2", "3")), "4")
    assert made.with_mask_paths(made.mask_paths) == made
    for wrong in ("a.png", 3, [3], [("a", "b", "c")], [""], [("", "b")], [("a", None)]):
        with pytest.raises(OptionsError, match="masks must"):
            Options(masks=wrong)
    for wrong in ("", 3, b"a"):
        with pytest.raises(OptionsError, match="keep must"):
            Options(keep=wrong)


def test_truths_are_no_numbers():
    assert Options(balance_gradients=True).balance_gradients is True
    for wrong in (1, 0, "true", None, [], math.nan):
        with pytest.raises(OptionsError, match="balance_gradients must be true or false"):
            Options(balance_gradients=wrong)


def test_layers_have_the_numbers_of_styles():
    assert Options(layer_styles={"relu1_1": 2}).layer_styles == {"relu1_1": 2}
    for wrong in ({"relu9_9": 1}, {"relu1_1": 0}, {"relu1_1": 1.5}, [("relu1_1", 1)], {1: 1}):
        with pytest.raises(OptionsError, match="layer_styles"):
            Options(layer_styles=wrong)


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_are_taken_within_their_range_only(name):
    low, high = WHOLE[name]
    for value in (low, high):
        assert getattr(Options(**{name: value}), name) == value
    fraction = () if name == "size" else (1.0,)
    for value in (low - 1, high + 1, 10**400, *fraction, math.nan, math.inf, *NOT_A_NUMBER):
        with pytest.raises(OptionsError, match=name):
            Options(**{name: value})


def test_a_scale_is_one_number_or_one_for_each_style_and_a_blend_is_a_list():
    assert Options(style_scale=[1, np.float32(0.5)]).style_scale == (1.0, 0.5)
    assert Options(style_blend=[2, 0]).style_blend == (2.0, 0.0)
    assert hash(Options(style_blend=[2, 1])) == hash(Options(style_blend=(2.0, 1.0)))
    for name, wrong in (
        *(("style_scale", value) for value in ((), (1, 17), ("1",), None)),
        *(("style_blend", value) for value in ((), (0, 0), (1, -1), (1, math.nan), 1, "1,2")),
    ):
        with pytest.raises(OptionsError, match=name):
            Options(**{name: wrong})


def test_a_size_is_one_side_or_both_or_a_fraction():
    assert Options(size=[640, np.int64(480)]).size == (640, 480)
    assert Options(size=np.float32(0.5)).size == 0.5
    for wrong in ((0, 5), (5, 2**20 + 1), (1, 2, 3), (5,), (5.0, 5), 0.0, 1001.0, "512"):
        with pytest.raises(OptionsError, match="size"):
            Options(size=wrong)


@pytest.mark.parametrize("name", [*WHOLE, *NUMBERS])
def test_numbers_of_numpy_are_kept_as_plain_ones(name):
    plain = 2 if name == "level_factor" else 1
    one = Options(**{name: np.int64(plain)})
    assert one == Options(**{name: plain})
    assert type(getattr(one, name)) is (int if name in WHOLE else float)
    if name in NUMBERS:
        assert Options(**{name: np.float32(plain)}) == one


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_taken_within_their_range_only(name):
    low, high = NUMBERS[name]
    for value in (low, high):
        assert getattr(Options(**{name: value}), name) == value
    wrong = (low - 1e-7, high * 1.001, -1, 1e308, 10**400, math.nan, math.inf, -math.inf)
    unset = () if getattr(Options(), name) is None else (None,)
    for value in (*wrong, *unset, *NOT_A_NUMBER):
        with pytest.raises(
            OptionsError, match=re.escape(f"{name} must be a number from {low:g} to")
        ):
            Options(**{name: value})


@pytest.mark.parametrize("objective, factor", [("relative", 15.0), ("gatys", 1000.0)])
def test_style_weight_follows_the_objective_where_none_is_given(objective, factor):
    assert Options(objective=objective).style_factor == factor
    assert Options(objective=objective, style_weight=3.0).style_factor == 3.0
    assert Options(objective=objective, style_weight=0).style_factor == 0


@pytest.mark.parametrize("name", CHOICES)
def test_choices_are_listed_where_one_is_wrong(name):
    chosen = getattr(Options(), name)
    for value in ("", "x", chosen.upper(), None, 0, True, [chosen], {}, chosen.encode()):
        with pytest.raises(OptionsError, match=rf"{name} must be one of .*{chosen}"):
            Options(**{name: value})


def test_init_must_be_a_text():
    assert Options(init="some/file.png").init == "some/file.png"
    for value in ("", None, 0, b"content", ["content"]):
        with pytest.raises(OptionsError, match="init must be content, style, noise or a path"):
            Options(init=value)


def test_iterations_may_be_listed_by_level():
    assert Options(iterations=[3, 0, 7]).iterations == (3, 0, 7)
    counts = Options(iterations=[np.int64(3), 0]).iterations
    assert [type(count) for count in counts] == [int, int]
    for value in ([], (), "12", [1, -1], [1.0], [True], {1, 2}, [[1]], [None], math.nan):
        with pytest.raises(OptionsError, match="iterations must be a whole number"):
            Options(iterations=value)


@pytest.mark.parametrize("name", ["content_layers", "style_layers"])
def test_layers_need_weights(name):
    for value in ({"relu1_1": -1.0}, {"a": math.nan}, {"a": "1"}, {"a": True}, {"a": 1e308}):
        with pytest.raises(
            OptionsError, match=rf"{name}\[(relu1_1|a)\] must be a number from 0 to"
        ):
            Options(**{name: value})
    for value in (None, "relu1_1", ["relu1_1"], [("relu1_1", 1.0)], 3, {1: 2.0}, {None: 1.0}):
        with pytest.raises(OptionsError, match=f"{name} must map layer names to weights"):
            Options(**{name: value})
    weights = getattr(Options(**{name: {"relu1_1": np.float32(2)}}), name)
    assert weights == {"relu1_1": 2.0}
    assert type(weights["relu1_1"]) is float
    with pytest.raises(OptionsError, match=f"{name} has no weight above 0"):
        Options(**{name: {"relu1_1": 0}})


@pytest.mark.parametrize(
    "given",
    [
        {"content_weight": 0, "style_weight": 0},
        {"content_layers": {}, "style_weight": 0},
        {"content_weight": 0, "style_layers": {}},
        {"content_layers": {}, "style_layers": {}, "tv_weight": 1.0},
    ],
)
def test_something_must_be_asked_for(given):
    with pytest.raises(OptionsError, match="neither content nor style"):
        Options(**given)


def test_content_alone_and_style_alone_can_be_asked_for():
    assert not Options(style_layers={}).style_layers
    assert not Options(content_weight=0).content_weight


def test_options_cannot_be_changed():
    for field in dataclasses.fields(Options):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(Options(), field.name, None)


def test_what_the_caller_does_to_his_layers_later_has_no_effect():
    layers = {"relu1_1": 1.0}
    options = Options(style_layers=layers, content_layers=layers)
    layers["relu1_1"] = math.nan
    assert options.style_layers == options.content_layers == {"relu1_1": 1.0}


def test_two_options_never_share_their_layers():
    assert Options().style_layers is not Options().style_layers


def test_equal_options_have_equal_hashes():
    one, other = Options(style_layers={"b": 1, "a": 2}), Options(style_layers={"a": 2, "b": 1})
    assert one == other
    assert hash(one) == hash(other)
    assert len({Options(), Options(), Options(seed=1)}) == 2
    assert Options(style_layers={"a": 1}) != Options(style_layers={"a": 2})


def test_options_survive_copying():
    options = Options(iterations=[1, 2], levels=2)
    assert pickle.loads(pickle.dumps(options)) == options
    assert dataclasses.replace(options, seed=5).iterations == (1, 2)
    assert Options(**dataclasses.asdict(options)) == options
