import pytest

from impasto.cli.parsing import (
    parse_bytes,
    parse_iterations,
    parse_layers,
    parse_seconds,
    parse_size,
    parse_trust,
    spelled_layers,
)
from impasto.engine.checks import shown
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


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1", 1),
        ("1073741824", 1_073_741_824),
        ("1G", 1_073_741_824),
        ("1g", 1_073_741_824),
        ("1GB", 1_073_741_824),
        ("2GiB", 2_147_483_648),
        ("512MiB", 536_870_912),
        ("512 mib", 536_870_912),
        ("64k", 65_536),
        ("1T", 1_099_511_627_776),
        ("1.5G", 1_610_612_736),
        (".5K", 512),
        ("100b", 100),
        (" 3M ", 3_145_728),
        ("0.1G", 107_374_182),
    ],
)
def test_bytes_count_by_powers_of_1024(text, count):
    assert parse_bytes(text) == count


@pytest.mark.parametrize(
    "text",
    [
        "",
        "G",
        "0",
        "0G",
        "0.0001K",
        "-1G",
        "1X",
        "1GG",
        "1iB",
        "1 2",
        "1e9",
        "nan",
        "inf",
        "1,5G",
        "9" * 400 + "G",
        "\u0661G",
        "1P",
        "1_000",
        ".",
    ],
)
def test_what_is_no_size_is_refused_with_its_option(text):
    with pytest.raises(OptionsError, match=r"^--memory must be .*1\.5G") as caught:
        parse_bytes(text)
    assert str(caught.value).endswith(f"not {shown(text)}")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0),
        ("1.5", 1.5),
        ("90s", 90.0),
        ("2m", 120.0),
        ("1.5h", 5400.0),
        ("1h30m", 5400.0),
        ("1H 30M 10S", 5410.0),
        ("2m5s", 125.0),
        ("1s500ms", 1.5),
        ("500ms", 0.5),
        (" .5s ", 0.5),
    ],
)
def test_seconds_may_have_units(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "0",
        "0s",
        "0h0m",
        "-1",
        "-5s",
        "1d",
        "30m1h",
        "1m1m",
        "1h30",
        "5 5",
        "1e3",
        "nan",
        "inf",
        "9" * 400,
        "9" * 400 + "h",
        "\u0661s",
        "1:30",
    ],
)
def test_what_is_no_time_is_refused_with_its_option(text):
    with pytest.raises(OptionsError, match=r"^--time must be .*1h30m") as caught:
        parse_seconds(text)
    assert str(caught.value).endswith(f"not {shown(text)}")


@pytest.mark.parametrize("text", ["9" * 5000, "9" * 5000 + "x1", "1x" + "9" * 5000])
@pytest.mark.parametrize(
    "parse", [parse_size, parse_iterations, parse_bytes, parse_seconds, parse_trust]
)
def test_thousands_of_digits_are_refused_in_one_short_sentence(parse, text):
    with pytest.raises(OptionsError, match="must be") as caught:
        parse(text)
    assert len(str(caught.value)) < 300
