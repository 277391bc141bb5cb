"""Rows M01 to M16: networks and checkpoints that are none, are damaged, or want to do something."""

import hashlib
import os
import pickle
import shutil
import struct
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from impasto.engine.engine import Engine
from impasto.engine.errors import (
    CorruptModel,
    IncompatibleModel,
    ModelError,
    ModelNotFound,
    NumericalError,
    OutputError,
    UntrustedModel,
)
from impasto.engine.files import write_atomic
from impasto.export.importing import import_network
from impasto.export.network_file import encode_network, read_network
from impasto.export.weights.open import open_weights

from .rows import row
from .samples import PEAK


@row("M01")
@pytest.mark.parametrize("kind", ["missing", "empty", "folder", "pipe", "random", 0.01, 0.5, 0.99])
def test_network_file_that_is_none_or_cut_is_one_sentence(
    tmp_path, network_path, run, content, style, refused, kind
):
    path = tmp_path / "net.onnx"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "random":
        path.write_bytes(np.random.default_rng(0).bytes(3000))
    elif isinstance(kind, float):
        path.write_bytes(network_path.read_bytes()[: int(kind * network_path.stat().st_size)])
    ended = run("stylize", content, style, "--model", path, "-o", "art.png")
    refused(ended, 4, "net.onnx")
    assert "onnxruntime" not in ended.err.lower()
    not_there = kind in ("missing", "folder", "pipe")
    with pytest.raises(ModelNotFound if not_there else CorruptModel):
        import_network(path, None if not_there else "vgg16")


@pytest.fixture
def bundle(run, network_path, tmp_path):
    layers = ["--content-layer", "relu3_1", "--style-layer", "relu1_1", "--style-layer", "relu2_1"]
    ended = run("export", "--bundle", "--model", network_path, *layers, "-o", "toy.bundle")
    assert ended.code == 0, ended.err
    return tmp_path / "toy.bundle"


def _flipped(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@row("M02")
def test_bundle_with_one_byte_changed_is_refused_unread(bundle, monkeypatch):
    def parsed(*arguments, **rest):
        raise AssertionError("ONNX Runtime was given it")

    monkeypatch.setattr("impasto.engine.session.open_session", parsed)
    _flipped(bundle, bundle.stat().st_size // 2)
    with pytest.raises(UntrustedModel):
        Engine(bundle=bundle, device="cpu")


@row("M02")
def test_pulled_network_with_one_byte_changed_is_refused_unread(tmp_path, toy, monkeypatch):
    from impasto.models import catalogue, store
    from impasto.models.catalogue import Downloadable
    from impasto.models.records import Record, write_record

    data = encode_network(toy)
    entry = Downloadable(
        "toy", toy.architecture, "", "", "toy.pth", 1, "0" * 8, "https://x.invalid/"
    )
    monkeypatch.setattr(catalogue, "DOWNLOADABLE", (entry,))
    path = tmp_path / "home" / "models" / "toy.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    write_record("toy", Record(hashlib.sha256(data).hexdigest(), len(data), "", ""))
    assert store.load("toy").fingerprint == toy.fingerprint
    _flipped(path, 2000)
    with pytest.raises(UntrustedModel):
        Engine("toy", device="cpu")


@row("M03")
def test_trust_is_for_the_hash_alone(bundle, scene, asked):
    """Of a bundle that was changed, what it says of itself is checked all the same."""
    engine = Engine(bundle=bundle, trust=True, device="cpu", threads=1)
    assert engine.stylize(scene(24, 24), scene(20, 20), asked()).loss > 0
    data = bundle.read_bytes()
    bundle.write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError) as caught:
        Engine(bundle=bundle, trust=True, device="cpu")
    assert not isinstance(caught.value, UntrustedModel)


def _onnx(path, nodes, initializers=(), props=None, opset=17):
    from onnx import TensorProto, helper

    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [image], [out], list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    helper.set_model_props(model, props or {})
    path.write_bytes(model.SerializeToString())
    return path


@row("M04")
@pytest.mark.parametrize("kind", ["no convolution", "another network"])
def test_other_networks_are_incompatible(tmp_path, run, content, style, refused, kind):
    from onnx import helper, numpy_helper

    path = tmp_path / "net.onnx"
    if kind == "no convolution":
        _onnx(path, [helper.make_node("Relu", ["image"], ["out"])])
    else:
        kernel = numpy_helper.from_array(np.zeros((4, 3, 7, 7), np.float32), "w")
        _onnx(path, [helper.make_node("Conv", ["image", "w"], ["out"])], [kernel])
    with pytest.raises(IncompatibleModel):
        import_network(path, "vgg16")
    refused(run("stylize", content, style, "--model", path, "-o", "art.png"), 4, "net.onnx")


@row("M05")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("impasto.network", "2"),
        ("blocks", "[2, 2, 2, 2]"),
        ("widths", "[4, 6, 8, 9]"),
        ("mean", "[1e9, 0, 0]"),
        ("std", "[0, 0, 0]"),
        ("family", "\x1b[2J"),
        ("pooled", "2"),
        (None, None),
    ],
)
def test_network_that_says_of_itself_what_is_not_so_is_refused(tmp_path, network_path, key, value):
    import onnx

    model = onnx.load(network_path)
    for prop in model.metadata_props:
        if prop.key == key:
            prop.value = value
    if key is None:
        del model.metadata_props[:]
    path = tmp_path / "net.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises((CorruptModel, IncompatibleModel)):
        read_network(path)


@row("M06")
@pytest.mark.parametrize(
    "place",
    [
        {"location": "../../etc/passwd"},
        {"location": "/etc/passwd"},
        {"location": "link"},
        {"location": "twin"},
        {"location": "data", "length": str(2**50)},
        {"location": "data", "unknown": "key"},
        {},
    ],
)
def test_data_in_other_files_are_refused_and_never_opened(tmp_path, monkeypatch, place):
    from onnx import TensorProto, helper

    (tmp_path / "data").write_bytes(bytes(1000))
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.link(tmp_path / "data", tmp_path / "twin")
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [4, 3, 3, 3], bytes(432), raw=True)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in place.items():
        tensor.external_data.add(key=key, value=value)
    path = _onnx(
        tmp_path / "net.onnx", [helper.make_node("Conv", ["image", "w"], ["out"])], [tensor]
    )
    opened, os_open = [], os.open
    monkeypatch.setattr(os, "open", lambda name, *rest: opened.append(name) or os_open(name, *rest))
    with pytest.raises(IncompatibleModel, match="another file, which is never opened"):
        import_network(path, "vgg16")
    assert opened == [path]


def _hostile_graphs():
    from onnx import helper

    relu = helper.make_node("Relu", ["image"], ["out"])
    inner = helper.make_graph([relu], "inner", [], [])
    yield "custom domain", [helper.make_node("Bomb", ["image"], ["out"], domain="evil")]
    yield "loop", [helper.make_node("Loop", ["a", "b"], ["out"], body=inner)]
    yield "if", [helper.make_node("If", ["a"], ["out"], then_branch=inner, else_branch=inner)]
    yield "many nodes", [helper.make_node("Relu", [f"{n}"], [f"{n + 1}"]) for n in range(20_000)]
    nested = inner
    for _ in range(20):
        nested = helper.make_graph(
            [helper.make_node("If", ["a"], ["b"], then_branch=nested, else_branch=inner)],
            "n",
            [],
            [],
        )
    yield "nested", [helper.make_node("Loop", ["a", "b"], ["out"], body=nested)]
    cycle = [helper.make_node("Relu", ["a"], ["b"]), helper.make_node("Relu", ["b"], ["a"])]
    yield "cycle", cycle


@row("M07")
def test_graphs_of_strangers_are_never_handed_to_the_runtime(tmp_path, monkeypatch):
    def parsed(*arguments, **rest):
        raise AssertionError("ONNX Runtime was given it")

    monkeypatch.setattr("impasto.engine.runtime.open_session", parsed)
    for name, nodes in _hostile_graphs():
        path = _onnx(tmp_path / "net.onnx", nodes)
        with pytest.raises(ModelError):
            import_network(path, "vgg16")
        with pytest.raises(ModelError):
            Engine(path, device="cpu")
        assert name


@row("M07")
def test_graph_of_a_sound_network_is_rebuilt_and_never_run(tmp_path, network_path, scene, asked):
    """Whatever a network file has for a graph: only its weights are taken."""
    import onnx

    model = onnx.load(network_path)
    expected = Engine(network_path, threads=1, device="cpu")
    model.graph.node.append(onnx.helper.make_node("Bomb", ["image"], ["x"], domain="evil"))
    path = tmp_path / "net.onnx"
    path.write_bytes(model.SerializeToString())
    try:
        engine = Engine(path, threads=1, device="cpu")
    except ModelError:
        return
    pair = scene(24, 24), scene(20, 20)
    assert engine.stylize(*pair, asked()).loss == expected.stylize(*pair, asked()).loss


_OPTIONS_SEEN = """
import sys
import impasto
from impasto.engine import session

seen = []
open_session = session.open_session

def telling(program, options, *rest):
    opened = open_session(program, options, *rest)
    told = opened.get_session_options()
    seen.append((told.intra_op_num_threads, told.enable_mem_pattern, told.enable_profiling))
    return opened

session.open_session = telling
import numpy as np
picture = np.full((24, 24, 3), 0.5, np.float32)
layers = dict(content_layers={"relu3_1": 1}, style_layers={"relu1_1": 1})
options = impasto.Options(size=24, levels=1, iterations=1, **layers)
impasto.Engine(sys.argv[1], threads=1, device="cpu").stylize(picture, picture, options)
print(set(seen))
"""


@row("M08")
def test_models_and_environment_have_no_say_in_session_options(
    tmp_path, network_path, run_alone, monkeypatch, engine, scene, asked
):
    import onnx

    model = onnx.load(network_path)
    wanted = '{"session_options": {"intra_op_num_threads": 7, "enable_profiling": 1}}'
    model.metadata_props.add(key="ort_config", value=wanted)
    path = tmp_path / "net.onnx"
    path.write_bytes(model.SerializeToString())
    assert run_alone(_OPTIONS_SEEN, path) == "{(1, False, False)}\n"
    monkeypatch.setenv("ORT_LOAD_CONFIG_FROM_MODEL", "1")
    with pytest.raises(ModelError, match="ORT_LOAD_CONFIG_FROM_MODEL=1"):
        engine.stylize(scene(24, 24), scene(20, 20), asked(pool="average"))


@row("M08")
def test_command_line_ignores_that_variable(work, content, style, spawn):
    process = spawn(
        *("stylize", content, style, *work, "-o", "art.png"),
        environment={"ORT_LOAD_CONFIG_FROM_MODEL": "1"},
    )
    _, err = process.communicate()
    assert process.returncode == 0, err


def _with_weights(toy, value):
    weights = {name: np.full_like(array, value) for name, array in toy.weights.items()}
    return encode_network(replace(toy, weights=weights))


@row("M09")
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused_when_they_are_read(tmp_path, toy, value):
    path = tmp_path / "net.onnx"
    path.write_bytes(_with_weights(toy, value))
    with pytest.raises(CorruptModel):
        Engine(path, device="cpu")


@row("M09")
def test_weights_of_zero_give_no_black_picture(tmp_path, toy, scene, asked):
    """Every feature is nothing, so that nothing can be improved: the picture stays as it was."""
    path = tmp_path / "net.onnx"
    path.write_bytes(_with_weights(toy, 0))
    content = scene(24, 24)
    result = Engine(path, threads=1, device="cpu").stylize(content, scene(20, 20, 1), asked())
    np.testing.assert_array_equal(result.canvas, content)
    assert np.isfinite(result.loss)


@row("M09")
def test_weights_that_overflow_are_a_numerical_error(tmp_path, toy, scene, asked):
    path = tmp_path / "net.onnx"
    path.write_bytes(_with_weights(toy, 1e30))
    engine = Engine(path, threads=1, device="cpu")
    with pytest.raises(NumericalError):
        engine.stylize(scene(24, 24), scene(20, 20, 1), asked(content_layers={"relu3_1": 1}))


class _Calling:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch '{self.marker}'",)


@row("M10")
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("nested", [False, True])
def test_pickled_calls_are_named_and_never_made(tmp_path, protocol, nested):
    marker, path = tmp_path / "marker", tmp_path / "net.pth"
    call = _Calling(marker)
    data = pickle.dumps({"a": [call]} if nested else call, protocol)
    zipped = tmp_path / "zipped.pth"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("archive/data.pkl", data)
    path.write_bytes(data)
    for file in (path, zipped):
        with pytest.raises(CorruptModel, match="contains code") as caught:
            import_network(file, "vgg19")
        assert "weights_only" not in str(caught.value)
    assert not marker.exists()


@row("M10")
def test_tar_of_old_torch_is_refused(tmp_path):
    import io
    import tarfile

    with tarfile.open(tmp_path / "net.pth", "w") as archive:
        archive.addfile(tarfile.TarInfo("pickle"), io.BytesIO())
    with pytest.raises(CorruptModel, match="tar checkpoint"):
        import_network(tmp_path / "net.pth", "vgg19")


_BOMB = """
import sys
from impasto.engine.errors import ModelError
from impasto.export.importing import import_network

before = peak()
for path in sys.argv[1:]:
    try:
        import_network(path, "vgg19")
    except ModelError as error:
        print(type(error).__name__)
grown = peak() - before
assert grown < 30 * 2**20, grown
"""


@row("M11")
def test_zip_bombs_take_no_memory(tmp_path, run_alone):
    zeros = bytes(1 << 22)
    paths = [tmp_path / "bomb.pth", tmp_path / "bomb.npz", tmp_path / "bomb2.npz"]
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (16777216,), }"
    npy = b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header
    for path, name in zip(paths, ["archive/data.pkl", "conv1_1.weight.npy", "x.npy"], strict=True):
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open(name, "w", force_zip64=True) as stream,
        ):
            stream.write(npy if name.endswith("npy") else b"\x80\2")
            for _ in range(32):
                stream.write(zeros)
    said = run_alone(PEAK + _BOMB, *paths)
    assert said.splitlines()[0] == "CorruptModel"
    assert len(said.splitlines()) == 3


def _text(text):
    return b"X" + struct.pack("<I", len(text.encode())) + text.encode()


PICKLES = {
    "a list of pairs copied by every call": b"".join(
        [
            b"ccollections\nOrderedDict\nq\0](",
            *(_text(f"{number}") + b"N\x86" for number in range(20_000)),
            b"e\x85q\1",
            b"h\0h\1R" * 50_000,
        ]
    ),
    "dicts": b"}" * 1_000_000,
    "storages": b"(X\7\0\0\0storagectorch\nFloatStorage\nX\0\0\0\0NK\1tq\1Q" + b"h\1Q" * 400_000,
    "memos": b"N\x94" * 400_000,
    "wide text": _text("\U0001f5bc" + "a" * (3 << 20)) + b"q\0",
    "wider text": _text("\U0001f5bc" + "a" * (12 << 20)) + b"q\0",
}


@row("M11")
def test_pickles_take_no_memory(tmp_path, run_alone):
    for kind, body in PICKLES.items():
        with zipfile.ZipFile(tmp_path / f"{kind}.pth", "w") as archive:
            archive.writestr("archive/data.pkl", b"\x80\2" + body + b".")
    said = run_alone(PEAK + _BOMB, *(tmp_path / f"{kind}.pth" for kind in PICKLES))
    assert said.split() == ["CorruptModel"] * len(PICKLES)


@row("M11")
@pytest.mark.parametrize("data", [b"", b"PK\3\4", b"PK\5\6" + bytes(18), b"\x80\2", b"\x80\2."])
def test_checkpoint_that_is_none_is_corrupt(tmp_path, data):
    (tmp_path / "net.pth").write_bytes(data)
    with pytest.raises(CorruptModel, match=r"net\.pth"):
        import_network(tmp_path / "net.pth", "vgg19")


def _npz(path, weights):
    with path.open("wb") as stream:
        np.savez(stream, **weights)
    return path


@row("M12")
@pytest.mark.parametrize("change", ["missing", "transposed", "extra", "normalised"])
def test_weights_of_another_network_are_named(tmp_path, toy, change):
    weights = dict(toy.weights)
    if change == "missing":
        del weights["conv2_1.bias"]
    elif change == "transposed":
        weights["conv2_1.weight"] = weights["conv2_1.weight"].transpose(1, 0, 2, 3)
    elif change == "extra":
        weights["conv2_3.weight"] = weights["conv2_2.weight"]
        weights["conv2_3.bias"] = weights["conv2_2.bias"]
    else:
        weights = {f"features.{n}.weight": array for n, array in enumerate(weights.values())}
        weights["features.1.running_mean"] = np.zeros(4, np.float32)
    path = _npz(tmp_path / "net.npz", weights)
    with pytest.raises(IncompatibleModel, match=r"conv|normalis"):
        import_network(path, toy.architecture)


def _safetensors(header, data=bytes(40)):
    text = header if isinstance(header, bytes) else repr(header).replace("'", '"').encode()
    return struct.pack("<Q", len(text)) + text + data


def _tensor(shape=(10,), begin=0, end=40, dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


HOSTILE = {
    "length beyond the file": struct.pack("<Q", 1000) + b'{"a":1}',
    "length beyond reason": struct.pack("<Q", 2**63) + b"{}",
    "no length": struct.pack("<Q", 0) + b"{}",
    "no JSON": _safetensors(b"{nothing"),
    "deep": _safetensors(b'{"a":' * 100_000),
    "twice": _safetensors(b'{"a":{"dtype":"F32","shape":[10],"data_offsets":[0,40]},"a":{}}'),
    "negative": _safetensors({"a": _tensor(begin=-40, end=0)}),
    "reversed": _safetensors({"a": _tensor(begin=40, end=0)}),
    "overlap": _safetensors({"a": _tensor((6,), 0, 24), "b": _tensor((5,), 20, 40)}),
    "past the end": _safetensors({"a": _tensor((20,), 0, 80)}),
    "overflow": _safetensors({"a": _tensor((2**32, 2**32), 0, 40)}),
    "wrong type": _safetensors({"a": _tensor(dtype="F99")}),
}


@row("M13")
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_safetensors_are_corrupt(tmp_path, kind):
    path = tmp_path / "net.safetensors"
    path.write_bytes(HOSTILE[kind])
    with pytest.raises(CorruptModel, match=r"net\.safetensors"), open_weights(path):
        raise AssertionError


@row("M14")
@pytest.mark.parametrize("exists", [True, False])
def test_export_that_fails_leaves_the_old_file_or_none(
    tmp_path, run, network_path, monkeypatch, exists
):
    path = tmp_path / "out.onnx"
    if exists:
        path.write_bytes(b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("impasto.engine.files.os.fsync", full)
        with pytest.raises(OutputError, match="No space"):
            write_atomic(path, network_path.read_bytes())
        ended = run("export", network_path, "-o", path)
    assert ended.code == 5, ended.err
    assert path.read_bytes() == b"old" if exists else not path.exists()


@row("M15")
@pytest.mark.parametrize("size", [24, 23, 17])
def test_gradient_is_that_of_the_loss(engine, asked, scene, size):
    """By central differences in a random direction; `make oracle` compares with torch."""
    objective = engine.objective(scene(size, size), scene(20, 20, 1), asked(size=size))
    noise = np.random.default_rng(0)
    canvas = noise.random((size, size, 3), np.float32)
    _, gradient = objective.evaluate(canvas)
    # Along it the slope is far above the rounding of a float32 loss.
    direction = (gradient / np.linalg.norm(gradient)).astype(np.float64)
    ahead, behind = (objective.evaluate(canvas + step * direction)[0] for step in (3e-4, -3e-4))
    assert (ahead - behind) / 6e-4 == pytest.approx(np.sum(gradient * direction), rel=5e-3)


@row("M16")
def test_network_that_is_replaced_on_disk_stays_what_it_was_for_a_work(
    tmp_path, network_path, toy_network, scene, asked
):
    path = tmp_path / "net.onnx"
    shutil.copy(network_path, path)
    pair = scene(24, 24), scene(20, 20, 1)
    engine = Engine(path, threads=1, device="cpu")
    before, known = engine.stylize(*pair, asked()), engine.fingerprint
    path.write_bytes(encode_network(toy_network(1)))
    assert engine.stylize(*pair, asked()).canvas.tobytes() == before.canvas.tobytes()
    assert engine.fingerprint == known != Engine(path, device="cpu").fingerprint
