"""Style files on the command line: a painting by any other name."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from impasto.engine.images import read_picture
from impasto.export.network_file import encode_network

LAYERS = ["--style-layer", "relu1_1", "--style-layer", "relu2_1=2"]


@pytest.fixture
def save(run, style, network_path):
    def save(*more):
        return run("style", "save", style, *LAYERS, "--model", network_path, *more)

    return save


def swapped(arguments, old, new):
    return [new if argument == old else argument for argument in arguments]


def test_a_style_file_stands_beside_the_command_that_asks_for_it(save, style):
    ended = save("--size", "24", "--size", "32")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.startswith("paint.style: at 24, 32 pixels, of relu1_1, relu2_1 in toy, ")
    np.testing.assert_array_equal(read_picture("paint.style").samples, read_picture(style).samples)


@pytest.mark.parametrize("size", ["32", "24"])
def test_the_same_picture_is_made_with_it_at_known_sizes_and_others(run, save, tiny, style, size):
    save("--size", "32", "-o", "kept.style", "-q")
    tiny = swapped(tiny, "32", size)
    assert run(*tiny).code == 0
    ended = run(*swapped(swapped(tiny, style, "kept.style"), "art.png", "other.png"))
    assert ended.code == 0
    assert "anew" not in ended.err
    np.testing.assert_array_equal(
        read_picture("art.png").samples, read_picture("other.png").samples
    )


@pytest.mark.parametrize("command", ["texture", "batch", "plan"])
def test_it_serves_wherever_a_painting_does(run, save, content, network_path, command):
    save("--size", "32", "-q")
    work = [*LAYERS, "--model", network_path, "--size", "32", "--iterations", "2"]
    if command == "plan":
        arguments = [content, "paint.style", "--content-layer", "relu3_1", *work]
    elif command == "texture":
        arguments = ["paint.style", *work]
    else:
        folder = content.parent / "photos"
        folder.mkdir()
        shutil.copy(content, folder)
        arguments = [folder, "--style", "paint.style", "--content-layer", "relu3_1", *work]
        arguments += ["-o", "painted"]
    ended = run(command, *arguments)
    assert ended.code == 0, ended.err


def test_targets_of_another_network_are_told_of_and_made_anew(
    run, save, tiny, style, toy, tmp_path
):
    other = dataclasses.replace(
        toy, weights={name: 2 * array for name, array in toy.weights.items()}
    )
    (tmp_path / "other.onnx").write_bytes(encode_network(other))
    save("--size", "32", "-q")
    tiny = [*tiny, "--model", "other.onnx"]
    assert run(*tiny).code == 0
    ended = run(*swapped(swapped(tiny, style, "paint.style"), "art.png", "other.png"))
    assert ended.code == 0
    assert (
        "the style file 'paint.style' was made with the network toy, which is another than other: "
        "its targets are computed anew"
    ) in ended.err.splitlines()
    np.testing.assert_array_equal(
        read_picture("art.png").samples, read_picture("other.png").samples
    )


def test_show_tells_people_and_programs_what_a_file_holds(run, save):
    save("--size", "24", "--style-scale", "0.5", "-q")
    ended = run("style", "show", "paint.style")
    assert ended.code == 0
    assert "20 x 20" in ended.out and "at 12 pixels" in ended.out and "toy" in ended.out
    told = json.loads(run("style", "show", "paint.style", "--json").out)
    assert (told["width"], told["height"], told["style_scale"]) == (20, 20, 0.5)
    (look,) = told["looks"]
    assert look["statistics"] == ["relu1_1", "relu2_1"]
    assert (look["height"], look["width"], look["pool"], look["border"]) == (
        12,
        12,
        "max",
        "replicate",
    )


def test_json_of_save_names_the_file(save):
    told = json.loads(save("--size", "24", "--json").out)
    assert told["output"] == "paint.style" and told["model"] == "toy"


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["-o", "other.png"], 2, "must have the suffix .style"),
        (["-o", "none/paint.style"], 5, "none"),
        (["--style-layer", "relu9_9"], 2, "relu9_9"),
        (["--size", "1"], 3, "pixel"),
        (["--memory", "1M"], 6, "memory"),
    ],
)
def test_what_cannot_be_saved_is_refused_in_a_sentence(save, tmp_path, more, code, words):
    before = sorted(tmp_path.iterdir())
    ended = save(*more)
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.count("\n") == 1 and words in ended.err
    assert sorted(tmp_path.iterdir()) == before


def test_a_painting_is_no_style_file(run, style):
    ended = run("style", "show", style)
    assert ended.code == 3
    assert ended.err == f"impasto: {str(style)!r} is a picture, and no style file\n"
