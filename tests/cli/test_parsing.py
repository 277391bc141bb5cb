import pytest

from impasto.cli.parsing import parse_iterations, parse_layers, parse_trust, spelled_layers
from impasto.engine.errors import OptionsError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (None, None),
        ("200", 200),
        ("200,", None),
        ("150,120,100", (150, 120, 100)),
        (" 3, 4", (3, 4)),
    ],
)
def test_iterations_are_one_number_or_one_for_each_level(text, value):
    if text == "200,":
        with pytest.raises(OptionsError, match="'200,'"):
            parse_iterations(text)
    else:
        assert parse_iterations(text) == value


def test_layers_have_the_weight_1_unless_they_say_another():
    entries = ["relu1_1", "relu2_1=0.5", "relu3_1=2e3"]
    layers = {"relu1_1": 1.0, "relu2_1": 0.5, "relu3_1": 2000.0}
    assert parse_layers("--style-layer", entries) == layers
    assert parse_layers("--style-layer", spelled_layers(layers)) == layers


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        (["=1"], "names no layer"),
        ([""], "names no layer"),
        (["a=b"], "NAME=WEIGHT"),
        (["a="], "NAME=WEIGHT"),
        (["a", "a=2"], "a for the second time"),
    ],
)
def test_wrong_layer_is_named_with_its_option(entries, reason):
    with pytest.raises(OptionsError, match=f"^--style-layer '{entries[-1]}' .*{reason}"):
        parse_layers("--style-layer", entries)


def test_trust_is_a_hash_or_any():
    assert parse_trust(None) is False
    assert parse_trust("any") is True
    assert parse_trust("AB" * 32) == "ab" * 32
    with pytest.raises(OptionsError, match="64 hexadecimal digits"):
        parse_trust("ab" * 31)
