import hashlib
import io
import json
import zipfile

import numpy as np
import pytest

from impasto.engine.bundle import read_bundle, remember_bundle
from impasto.engine.engine import Engine
from impasto.engine.errors import (
    CorruptModel,
    IncompatibleModel,
    ModelError,
    ModelNotFound,
    OptionsError,
    OutputError,
    UntrustedModel,
)
from impasto.engine.programs import Selection
from impasto.export.bundle import BUNDLE_VERSION, build_bundle


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The list of trusted bundles is that of the test."""
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def data(toy, asked):
    options = asked()
    return build_bundle(toy, "toy", Selection.of(options, toy.architecture.layers()))


@pytest.fixture
def path(tmp_path, data):
    file = tmp_path / "toy.impasto"
    file.write_bytes(data)
    return file


@pytest.fixture(scope="module")
def direct(toy_file):
    """The network in the lowering that bundles have."""
    return Engine(toy_file, threads=1, device="cpu", lowering="direct")


@pytest.fixture
def pair(scene):
    return scene(40, 48), scene(50, 30, 1)


def rebuilt(data, **changed):
    """The bundle with other members; None leaves one out."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            content = changed.get(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return stream.getvalue()


def with_manifest(data, **changed):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    return rebuilt(data, **{"manifest.json": json.dumps(manifest | changed)})


def test_a_bundle_computes_the_same_bytes_as_its_network(direct, path, asked, pair):
    bundled = Engine(bundle=path, trust=True, threads=1, device="cpu")
    assert bundled.model == "toy"
    assert bundled.fingerprint == direct.fingerprint
    assert bundled.layers == direct.layers
    assert bundled.lowering == direct.lowering == "direct"
    for options in (asked(), asked(size=32, objective="gatys", tv_weight=1.0, style_weight=3.0)):
        objectives = [one.objective(*pair, options) for one in (direct, bundled)]
        canvas = np.random.default_rng(0).random((*objectives[0].shape, 3), np.float32)
        (loss, gradient), (other_loss, other_gradient) = (o.evaluate(canvas) for o in objectives)
        assert loss == other_loss
        assert gradient.tobytes() == other_gradient.tobytes()
        results = [one.stylize(*pair, options) for one in (direct, bundled)]
        assert results[0].canvas.tobytes() == results[1].canvas.tobytes()


def test_the_same_network_gives_the_same_bundle(data, toy, asked):
    options = asked(style_layers=dict(reversed(asked().style_layers.items())))
    selection = Selection.of(options, toy.architecture.layers())
    assert build_bundle(toy, "toy", selection) == data


def test_a_bundle_runs_where_neither_onnx_nor_the_export_code_is(run_alone, path, direct, asked):
    code = """
import sys
sys.modules["onnx"] = sys.modules["impasto.export"] = None
import numpy as np
import impasto

layers = dict(
    content_layers={"relu3_1": 1}, style_layers={"relu1_1": 1, "relu2_1": 1, "relu3_1": 2}
)
options = impasto.Options(size=24, levels=1, iterations=4, **layers)
content, style = (np.random.default_rng(seed).random((24, 24, 3), np.float32) for seed in (0, 1))
engine = impasto.Engine(bundle=sys.argv[1], trust=True, threads=1, device="cpu")
print(engine.stylize(content, style, options).loss)
"""
    content, style = (np.random.default_rng(i).random((24, 24, 3), np.float32) for i in (0, 1))
    expected = direct.stylize(content, style, asked()).loss
    assert float(run_alone(code, path)) == expected


def test_an_unknown_bundle_is_refused_with_its_hash(path, data):
    digest = hashlib.sha256(data).hexdigest()
    for trust in (False, "", "0" * 64, digest[:-1], None):
        with pytest.raises(UntrustedModel, match=f"unknown SHA-256 {digest}.*--trust"):
            Engine(bundle=path, trust=trust)


def test_a_bundle_is_trusted_by_its_hash(path, data):
    digest = hashlib.sha256(data).hexdigest()
    for trust in (digest, digest.upper(), True):
        assert read_bundle(path, trust).name == "toy"


def test_a_bundle_made_here_is_trusted_and_another_is_not(path, data, home):
    assert remember_bundle(data) == hashlib.sha256(data).hexdigest()
    remember_bundle(b"another")
    remember_bundle(data)
    assert len((home / "trusted-bundles.txt").read_text().splitlines()) == 2
    assert read_bundle(path, False).name == "toy"
    path.write_bytes(data + b" ")
    with pytest.raises(UntrustedModel):
        read_bundle(path, False)
    with pytest.raises(UntrustedModel):
        read_bundle(path, "0" * 64)


@pytest.mark.parametrize("listed", [b"\xff\xfe\x00", b"", b"nonsense\n" * 3])
def test_a_damaged_list_trusts_nothing_and_can_be_added_to(path, data, home, listed):
    home.mkdir()
    (home / "trusted-bundles.txt").write_bytes(listed)
    with pytest.raises(UntrustedModel):
        read_bundle(path, False)
    remember_bundle(data)
    assert read_bundle(path, False).name == "toy"


def test_a_list_that_cannot_be_written_is_an_output_error(data, home):
    home.write_bytes(b"a file where the folder should be")
    with pytest.raises(OutputError, match="cannot write"):
        remember_bundle(data)


def test_no_file_is_no_bundle(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(ModelNotFound, match="there is no bundle at"):
            read_bundle(path, True)


def test_a_bundle_cut_off_anywhere_is_a_model_error(path, data):
    for cut in np.linspace(0, len(data) - 1, 60).astype(int):
        path.write_bytes(data[:cut])
        with pytest.raises(CorruptModel, match=r"toy\.impasto' is damaged: \S"):
            read_bundle(path, True)


def test_damage_anywhere_is_a_model_error_or_none(path, data, asked, pair):
    """A changed byte that no checksum covers, such as a date, does no harm."""
    random = np.random.default_rng(0)
    # The directory at the end and the headers are where zipfile can be confused most.
    places = [*random.integers(0, len(data), 100), *range(len(data) - 700, len(data))]
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= int(random.integers(1, 256))
        path.write_bytes(damaged)
        try:
            read_bundle(path, True)
        except ModelError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    "changed",
    [
        {"bundle": None},
        {"strides": []},
        {"strides": {"relu1_1": 0}},
        {"strides": {"relu1_1": [4]}},
        {"strides": {"relu1_1": 1e400}},
        {"strides": {"relu1_1": "7"}},
        {"programs": {"content": [], "style": []}},
        {"programs": {"content": ["none"], "style": [], "objective": []}},
        {"programs": {"content": [["conv1_1.weight"]], "style": [], "objective": []}},
        {"programs": {"content": 3, "style": 3, "objective": 3}},
        {"programs": 3},
        {"weights_are_inputs": 3},
        {"weights_are_inputs": None},
        {"content_layers": 3},
    ],
    ids=str,
)
def test_a_manifest_that_cannot_be_is_a_model_error(path, data, changed):
    path.write_bytes(with_manifest(data, **changed))
    with pytest.raises(CorruptModel if "bundle" not in changed else IncompatibleModel):
        read_bundle(path, True)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "[" * 100_000, "\udcff", "{}"])
def test_a_manifest_that_is_none_is_a_model_error(path, data, text):
    content = text.encode("utf-8", "surrogateescape")
    path.write_bytes(rebuilt(data, **{"manifest.json": content}))
    with pytest.raises(CorruptModel):
        read_bundle(path, True)


@pytest.mark.parametrize("missing", ["manifest.json", "style.onnx", "weights/conv1_1.bias.npy"])
def test_a_missing_member_is_named(path, data, missing):
    path.write_bytes(rebuilt(data, **{missing: None}))
    with pytest.raises(CorruptModel, match=missing):
        read_bundle(path, True)


@pytest.mark.parametrize("other", [BUNDLE_VERSION - 1, BUNDLE_VERSION + 1])
def test_another_version_is_told(path, data, other):
    path.write_bytes(with_manifest(data, bundle=other))
    with pytest.raises(IncompatibleModel, match=f"has version {other}, not {BUNDLE_VERSION}"):
        read_bundle(path, True)


def test_a_bundle_has_no_tiled_program(path):
    bundled = read_bundle(path, True)
    with pytest.raises(IncompatibleModel, match="no programs in the winograd lowering"):
        bundled.tiled("style", bundled.selection, (16, 16))


@pytest.mark.parametrize("kind", ["content", "style"])
def test_a_bundle_has_no_program_for_layers_that_it_lacks(tmp_path, toy, asked, pair, kind):
    options = asked(**{f"{kind}_layers": {}})
    file = tmp_path / "half.impasto"
    file.write_bytes(build_bundle(toy, "toy", Selection.of(options, toy.architecture.layers())))
    with zipfile.ZipFile(file) as archive:
        assert f"{kind}.onnx" not in archive.namelist()
    Engine(bundle=file, trust=True, threads=1).stylize(*pair, options)


def npy(array):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=array.dtype == object)
    return stream.getvalue()


@pytest.mark.parametrize(
    "array",
    [
        np.array(["text"]),
        np.zeros(4, np.float64),
        np.array([{}], dtype=object),
        np.zeros(4, [("a", np.float32)]),
    ],
    ids=lambda array: str(array.dtype),
)
def test_weights_of_another_type_are_a_model_error(path, data, array):
    path.write_bytes(rebuilt(data, **{"weights/conv1_1.bias.npy": npy(array)}))
    with pytest.raises(CorruptModel):
        read_bundle(path, True)


def test_a_weight_that_announces_more_than_it_has_is_a_model_error(path, data):
    header = npy(np.zeros(4, np.float32)).replace(b"(4,)", b"(4000000000000,)")[:128]
    path.write_bytes(rebuilt(data, **{"weights/conv1_1.bias.npy": header}))
    with pytest.raises(CorruptModel):
        read_bundle(path, True)


def test_compression_is_refused(path, data):
    """It is no bundle of ours then, and could be a bomb."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    path.write_bytes(stream.getvalue())
    with pytest.raises(CorruptModel, match="compressed"):
        read_bundle(path, True)


def test_programs_that_do_not_load_are_a_model_error(path, data, asked, pair):
    for name in ("content.onnx", "style.onnx", "objective.onnx"):
        path.write_bytes(rebuilt(data, **{name: b"junk"}))
        with pytest.raises(CorruptModel):
            Engine(bundle=path, trust=True).stylize(*pair, asked())
    wrong = npy(np.zeros(7, np.float32))
    path.write_bytes(rebuilt(data, **{"weights/conv1_1.bias.npy": wrong}))
    with pytest.raises(CorruptModel):
        Engine(bundle=path, trust=True).stylize(*pair, asked())


@pytest.mark.parametrize(
    "other",
    [
        {"content_layers": {"relu2_1": 1.0}},
        {"content_layers": {"pool4": 1.0}},
        {"style_layers": {"relu1_1": 1.0}},
        {"content_layers": {}},
        {"pool": "average"},
        {"border": "zeros"},
    ],
    ids=str,
)
def test_what_a_bundle_was_not_exported_for_is_told(path, asked, pair, other):
    engine = Engine(bundle=path, trust=True, threads=1)
    expected = r"exported for content relu3_1, style relu1_1\+relu2_1\+relu3_1 by gram, max pooling"
    with pytest.raises(IncompatibleModel, match=expected):
        engine.stylize(*pair, asked(size=40, **other))


def test_a_layer_that_no_such_network_has_is_an_option_error(path, asked, pair):
    with pytest.raises(OptionsError, match="no layer 'relu9_1'"):
        Engine(bundle=path, trust=True).stylize(*pair, asked(content_layers={"relu9_1": 1.0}))
