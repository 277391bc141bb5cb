import os
import zipfile

import numpy as np
import pytest

from impasto.engine.errors import CorruptModel, IncompatibleModel, ModelNotFound
from impasto.export.weights.open import FORMATS, open_weights
from impasto.export.weights.source import TensorInfo

from .checkpoints import (
    as_torchvision,
    weights_of,
    write_h5,
    write_npz,
    write_onnx,
    write_safetensors,
    write_torch_legacy,
    write_torch_zip,
)

WRITERS = {
    "torch zip": write_torch_zip,
    "torch legacy": write_torch_legacy,
    "safetensors": write_safetensors,
    "npz": write_npz,
    "npz deflated": lambda path, tensors: write_npz(path, tensors, compressed=True),
    "h5": write_h5,
}
MIXED = {
    "half": np.linspace(-1, 1, 6, dtype=np.float16).reshape(2, 3),
    "single": np.linspace(-2, 2, 24, dtype=np.float32).reshape(2, 3, 4),
    "double": np.linspace(-3, 3, 5),
    "scalar": np.array(7.5, np.float32),
    "count": np.array([1, 2], np.int64),
}


@pytest.fixture(params=WRITERS)
def mixed_file(request, tmp_path):
    return WRITERS[request.param](tmp_path / "weights.bin", MIXED)


def test_every_format_gives_each_tensor_exactly(mixed_file):
    with open_weights(mixed_file) as source:
        expected = {
            name: TensorInfo(value.shape, value.dtype.name) for name, value in MIXED.items()
        }
        assert dict(source.tensors) == expected
        for name, value in list(MIXED.items())[:4]:
            read = source.read(name)
            assert read.dtype == value.dtype and read.flags.c_contiguous and read.flags.writeable
            np.testing.assert_array_equal(read, value)


def test_tensors_are_fresh_and_in_any_order(mixed_file):
    with open_weights(mixed_file) as source:
        source.read("double")[:] = 0
        np.testing.assert_array_equal(source.read("single"), MIXED["single"])
        np.testing.assert_array_equal(source.read("double"), MIXED["double"])


def test_integers_are_listed_but_not_read(mixed_file):
    with open_weights(mixed_file) as source, pytest.raises(IncompatibleModel, match="int64"):
        source.read("count")


def test_unknown_tensor_is_refused_by_name(mixed_file):
    with open_weights(mixed_file) as source, pytest.raises(IncompatibleModel, match="no_such"):
        source.read("no_such")


def test_file_order_is_kept(tmp_path):
    tensors = dict.fromkeys(("z", "a", "m"), MIXED["double"])
    for write in (write_torch_zip, write_torch_legacy, write_safetensors, write_npz):
        with open_weights(write(tmp_path / "x", tensors)) as source:
            assert list(source.tensors) == ["z", "a", "m"]


def test_column_order_and_big_endian_arrays_keep_their_values(tmp_path):
    value = np.asfortranarray(np.arange(12.0).reshape(3, 4)).astype(">f4")
    with open_weights(write_npz(tmp_path / "x.npz", {"a": value})) as source:
        read = source.read("a")
    assert read.dtype == np.float32 and read.flags.c_contiguous
    np.testing.assert_array_equal(read, np.arange(12).reshape(3, 4))


def test_transposed_torch_tensor_keeps_its_values(tmp_path):
    value = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 1, 0)
    with open_weights(write_torch_zip(tmp_path / "x.pth", {"a": value.copy("K")})) as source:
        np.testing.assert_array_equal(source.read("a"), value)


def test_bfloat16_becomes_float32_without_loss(tmp_path):
    import json

    header = {"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}
    path = tmp_path / "x"
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes.fromhex("803f20c1"))
    with open_weights(path) as source:
        np.testing.assert_array_equal(source.read("a"), np.array([1, -10], np.float32))


def test_safetensors_agrees_with_the_official_writer(tmp_path):
    from safetensors.numpy import save_file

    tensors = {name: value for name, value in MIXED.items() if name != "scalar"}
    save_file(tensors, tmp_path / "x", metadata={"format": "np"})
    with open_weights(tmp_path / "x") as source:
        for name in ("half", "single", "double"):
            np.testing.assert_array_equal(source.read(name), tensors[name])


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
def test_wrapped_state_dict_is_found(tmp_path, wrapper):
    from .checkpoints import FakeTorch, _dump

    value = {"a": MIXED["single"]}
    with FakeTorch() as torch:
        tensor = torch.tensor(value["a"], "0", legacy=False)
        data = _dump({"epoch": 3, wrapper: {"a": tensor}, "note": "x"})
    with open_weights(write_torch_zip(tmp_path / "x", value, data=data)) as source:
        assert list(source.tensors) == ["a"]


def test_onnx_gives_nodes_metadata_and_tensors(tmp_path):
    weights = weights_of()
    with open_weights(write_onnx(tmp_path / "x", weights)) as source:
        assert source.metadata == {"licence": "none"}
        assert [node.weight for node in source.convolutions] == [f"w{i}" for i in range(5)]
        assert {node.pads for node in source.convolutions} == {(1, 1, 1, 1)}
        assert source.operators == ("Conv", "Relu") * 5
        np.testing.assert_array_equal(source.read("w2"), weights["conv2_1.weight"])


def test_onnx_reads_typed_lists_and_constants(tmp_path):
    from onnx import TensorProto, helper, numpy_helper

    listed = helper.make_tensor("listed", TensorProto.FLOAT, [3], [1.0, 2.0, 3.0])
    double = helper.make_tensor("double", TensorProto.DOUBLE, [1, 2], [4.0, 5.0])
    constant = helper.make_node(
        "Constant", [], ["made"], value=numpy_helper.from_array(MIXED["single"], "inner")
    )
    graph = helper.make_graph([constant], "g", [], [], [listed, double])
    (tmp_path / "x").write_bytes(helper.make_model(graph).SerializeToString())
    with open_weights(tmp_path / "x") as source:
        np.testing.assert_array_equal(source.read("listed"), np.float32([1, 2, 3]))
        np.testing.assert_array_equal(source.read("double"), [[4.0, 5.0]])
        np.testing.assert_array_equal(source.read("made"), MIXED["single"])


def test_reading_one_tensor_does_not_touch_the_others(tmp_path):
    """The bytes of another tensor are destroyed; only its own checksum may notice."""
    path = write_torch_legacy(tmp_path / "x", {"a": MIXED["single"], "b": np.full(50, 9.0)})
    data = path.read_bytes()
    path.write_bytes(data.replace(np.full(50, 9.0).tobytes(), b"\xff" * 400))
    with open_weights(path) as source:
        np.testing.assert_array_equal(source.read("a"), MIXED["single"])


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo", "nul"])
def test_what_is_no_regular_file_is_not_found(tmp_path, kind):
    path = tmp_path / ("a\0b" if kind == "nul" else "x")
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        if not hasattr(os, "mkfifo"):
            pytest.skip("no FIFOs here")
        os.mkfifo(path)
    with pytest.raises(ModelNotFound):
        open_weights(path)


@pytest.mark.parametrize("data", [b"", b"\0", b"<html>", bytes(range(256)), b"%PDF-1.7", b"\x08"])
def test_unknown_content_lists_every_known_format(tmp_path, data):
    path = tmp_path / "x.pth"
    path.write_bytes(data)
    with pytest.raises(CorruptModel) as caught:
        open_weights(path)
    for kind in FORMATS:
        assert kind.name in str(caught.value)
    assert str(path) in str(caught.value)


def test_the_suffix_does_not_matter(tmp_path):
    path = write_safetensors(tmp_path / "lies.onnx", as_torchvision(weights_of()))
    with open_weights(path) as source:
        assert "features.0.weight" in source.tensors


def test_a_zip_of_other_things_is_unknown(tmp_path):
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(CorruptModel, match="no known format"):
        open_weights(tmp_path / "x")


def test_missing_h5py_is_said_in_one_sentence(tmp_path, monkeypatch):
    from impasto.engine.errors import RuntimeMissing

    path = write_h5(tmp_path / "x", {"a": MIXED["single"]})
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(RuntimeMissing) as caught:
        open_weights(path)
    assert str(caught.value) == 'reading .h5 files needs h5py: pip install "impasto[h5]"'


@pytest.mark.parametrize("form", ["state", "argument"])
def test_parameters_of_the_first_torch_are_read(tmp_path, form):
    """Written by hand as in 2017: a Parameter, made empty or not, then given its state."""
    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0" + b"0X\x03\0\0\0cpuK\x18NtQ"
    tensor = (
        b"ctorch._utils\n_rebuild_tensor\n(" + storage + b"K\0(K\x02K\x03K\x04t(K\x0cK\x04K\x01ttR"
    )
    parameter = b"ctorch.nn.parameter\nParameter\n"
    if form == "state":
        entry = parameter + b")\x81q\x01(" + tensor + b"NN\x88\x89tb"
    else:
        entry = parameter + tensor + b"\x85\x81q\x01(\x88\x89Ntb"
    # Python 2 gave an OrderedDict its items as a list of pairs, and names as byte strings.
    data = b"\x80\x02ccollections\nOrderedDict\n(](U\x01a" + entry + b"\x86etR."
    path = write_torch_legacy(tmp_path / "x", {"a": MIXED["single"]}, data=data)
    with open_weights(path) as source:
        np.testing.assert_array_equal(source.read("a"), MIXED["single"])
