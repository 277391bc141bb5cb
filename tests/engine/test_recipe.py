"""Recipes: every option goes into a file and comes back; what cannot be is refused by its name."""

from dataclasses import asdict

import pytest

from impasto.engine.errors import OptionsError
from impasto.engine.options import Options
from impasto.engine.recipe import read_recipe, recipe_text

OPTIONS = [
    Options(),
    Options(size=0.25, levels=3, iterations=(5, 4, 3), style_weight=2, color="luminance"),
    Options(size=(640, 480), init="noise", style_layers={"pool1": 0.5}, content_layers={}),
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_what_is_written_is_read(options, tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(recipe_text(asdict(options)), "utf-8")
    assert Options(**read_recipe(path)) == options


def test_texts_of_every_kind_are_written_as_toml(tmp_path):
    path = tmp_path / "r.toml"
    words = 'quotes " and \\, a line\nbreak, \x7f, \x1f, ü and 🎨'
    path.write_text(recipe_text({"word": words, "a key": True, "none": None}), "utf-8")
    assert read_recipe(path, {"word": str, "a key": bool}) == {"word": words, "a key": True}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sise = 3", "'sise' is no option here; did you mean size"),
        ("Style-Weight = 3", "did you mean style_weight"),
        ("zzz = 3", "'zzz' is no option here$"),
        ("size = 'large'", "size must be"),
        ("seed = 1.5", "seed must be a whole number"),
        ("init = '/etc/passwd'", "a recipe opens no file"),
        ("size = ", "is no TOML"),
        ("a" * 70_000, "has more than 65536 bytes"),
        ("a = " + "[" * 5000, "is no TOML"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(text, reason, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(OptionsError, match=reason) as caught:
        read_recipe(path)
    assert "bad.toml" in str(caught.value)


def test_no_recipe_is_an_error(tmp_path):
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path, tmp_path / "nowhere.toml", tmp_path / "binary.toml", "a\0b"):
        with pytest.raises(OptionsError, match="recipe"):
            read_recipe(path)


def test_keys_without_a_meaning_here_are_unknown(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text("style_weight = 3.0", "utf-8")
    with pytest.raises(OptionsError, match="no option here"):
        read_recipe(path, known=["size"])
