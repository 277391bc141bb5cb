"""Masks on the command line: read, told in the picture, found again."""

import json

import numpy as np
import pytest

from impasto.cli.parsing import parse_layer_styles, parse_mask
from impasto.engine.errors import OptionsError
from impasto.engine.images import read_picture, write_picture


@pytest.fixture
def mask(tmp_path):
    values = np.zeros((24, 32, 3), np.float32)
    values[:, :16] = 1
    write_picture(tmp_path / "left.png", values)
    return tmp_path / "left.png"


def test_mask_is_one_path_or_two(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert parse_mask("a.png") == ("a.png", "")
    assert parse_mask("a.png:b.png") == ("a.png", "b.png")
    (tmp_path / "odd:name.png").touch()
    assert parse_mask("odd:name.png") == ("odd:name.png", "")
    for wrong in ("", ":", "a.png:", ":b.png"):
        with pytest.raises(OptionsError, match="MASK:STYLE_MASK"):
            parse_mask(wrong)


def test_layers_have_numbers_of_styles():
    assert parse_layer_styles(["relu1_1=2", "relu2_1=1"]) == {"relu1_1": 2, "relu2_1": 1}
    assert parse_layer_styles(None) == {}
    for wrong in (["relu1_1"], ["=1"], ["relu1_1=x"], ["relu1_1=-1"], ["a=1", "a=2"]):
        with pytest.raises(OptionsError, match="--layer-style"):
            parse_layer_styles(wrong)


def test_what_is_kept_stays_and_the_rest_is_painted(run, tiny, content, mask):
    assert run(*tiny, "--keep", mask).code == 0
    made, given = (read_picture(path).samples for path in ("art.png", content))
    np.testing.assert_array_equal(made[:, :16], given[:, :16])
    assert (made[:, 16:] != given[:, 16:]).any()


def test_resumed_work_never_replaces_its_masks(run, tiny, mask):
    before = mask.read_bytes()
    assert run(*tiny, "--mask", mask, "--checkpoint", "kept").code == 0
    ended = run("resume", "kept", "-o", mask)
    assert (ended.code, "would replace" in ended.err) == (2, True)
    assert mask.read_bytes() == before


def test_picture_tells_its_masks_and_is_made_again_with_them(run, tiny, mask):
    assert run(*tiny, "--mask", mask, "--keep", mask.name).code == 0
    told = json.loads(run("info", "art.png", "--json").out)
    assert [one["path"] for one in told["pictures"] if one["role"] == "mask"] == [
        str(mask),
        mask.name,
    ]
    assert run("again", "art.png", "-o", "other.png").code == 0
    one, other = (read_picture(path).samples for path in ("art.png", "other.png"))
    np.testing.assert_array_equal(one, other)
    write_picture(mask, np.ones((24, 32, 3), np.float32))
    ended = run("again", "art.png", "-o", "third.png")
    assert ended.code == 8 and "mask picture" in ended.err


def test_recipe_has_no_path_of_a_mask_and_says_which_to_give(run, tiny, mask, tmp_path):
    more = ["--mask", f"{mask}", "--keep", mask, "--layer-style", "relu2_1=1"]
    assert run(*tiny, *more, "--save-recipe", "kept.toml").code == 0
    text = (tmp_path / "kept.toml").read_text()
    assert f"'--mask {mask}'" in text and f"'--keep {mask}'" in text
    assert run(*tiny, "--recipe", "kept.toml", "-o", "other.png").code == 0
    (tmp_path / "wrong.toml").write_text('keep = "left.png"\n')
    ended = run(*tiny, "--recipe", "wrong.toml")
    assert ended.code == 2 and "a recipe opens no file" in ended.err


@pytest.mark.parametrize("command", ["stylize", "plan"])
def test_a_missing_mask_is_told_before_any_work(run, tiny, command):
    arguments = [command, *tiny[1:-2]]
    ended = run(*arguments, "--mask", "none.png")
    assert ended.code == 3 and "'none.png' cannot be read" in ended.err


def test_a_result_replaces_no_mask(run, tiny, mask):
    ended = run(*tiny, "--mask", mask, "-o", mask)
    assert ended.code == 2 and "replace its own source" in ended.err
