"""What callers of the Python interface give of another kind: an `OptionsError` names it."""

import pytest

from impasto import Checkpoint, Engine
from impasto.engine.errors import OptionsError

KINDS = (3, ["x"], object())


@pytest.fixture
def pair(scene):
    return scene(24, 32), scene(24, 24, 1)


@pytest.mark.parametrize("wrong", [*KINDS, "x"])
@pytest.mark.parametrize("way", ["stylize", "plan", "objective", "reconstruct", "texture"])
def test_options_are_of_their_class(engine, pair, way, wrong):
    pictures = pair[:1] if way in ("reconstruct", "texture") else pair
    with pytest.raises(OptionsError, match="options must be of the class Options, not"):
        getattr(engine, way)(*pictures, wrong)


@pytest.mark.parametrize("wrong", [*KINDS, "x"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("stop", "stop must be of the class Stop"),
        ("progress", "progress must be something to call"),
        ("memory", "memory must be a whole number"),
        ("time", "time must be a number"),
    ],
)
def test_what_goes_with_a_work_is_of_its_kind(engine, asked, pair, name, message, wrong):
    with pytest.raises(OptionsError, match=f"{message}.*, not "):
        engine.stylize(*pair, asked(), **{name: 0 if wrong == 3 else wrong})


@pytest.mark.parametrize("wrong", KINDS)
def test_paths_are_paths(engine, asked, pair, wrong):
    result = engine.stylize(*pair, asked(iterations=0))
    for name, use in {
        "the folder": lambda: engine.resume(wrong),
        "the folder of the checkpoint": lambda: engine.stylize(*pair, asked(), checkpoint=wrong),
        "the output of the checkpoint": lambda: Checkpoint("folder", output=wrong),
        "the model": lambda: Engine(wrong),
        "the bundle": lambda: Engine(bundle=wrong),
        "the name of the file": lambda: result.save(wrong),
    }.items():
        with pytest.raises(OptionsError, match=f"{name} must be a path, not "):
            use()
    with pytest.raises(OptionsError, match="the name of the file must be a path, not "):
        engine.save_style(pair[1], wrong)


@pytest.mark.parametrize("wrong", [*KINDS, "x"])
def test_the_rest_is_of_its_kind_too(engine, asked, pair, toy_file, tmp_path, wrong):
    path = tmp_path / "a.style"
    for message, use in {
        "limits must be of the class Limits": lambda: Engine(toy_file, limits=wrong),
        "workers must be those of a cluster": lambda: Engine(toy_file, workers=wrong),
        "the record must be a mapping": lambda: Checkpoint("folder", record=wrong),
        "stop must be of the class Stop": lambda: engine.save_style(
            pair[1], path, asked(), sizes=(), stop=wrong
        ),
        "coefficients must be those of": lambda: engine.objective(*pair, asked()).weighed(wrong),
    }.items():
        with pytest.raises(OptionsError, match=message):
            use()
    if not isinstance(wrong, list):
        with pytest.raises(OptionsError, match="sizes must be a list of whole numbers, not "):
            engine.save_style(pair[1], path, asked(), sizes=wrong)
    assert not path.exists()


@pytest.mark.parametrize("suffix", ["png", ".xyz", "", None, 3])
def test_a_suffix_that_is_none_is_told_as_it_was_given(engine, asked, pair, suffix):
    result = engine.stylize(*pair, asked(iterations=0))
    with pytest.raises(OptionsError) as caught:
        result.encode(suffix)
    assert str(caught.value).startswith(f"{suffix!r} is no suffix of a picture format; known")
