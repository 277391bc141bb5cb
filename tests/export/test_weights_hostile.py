"""Hostile checkpoints: nothing runs, nothing is allocated beyond the file, one kind of error."""

import os
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from impasto.engine.errors import CorruptModel, IncompatibleModel, ModelError
from impasto.export.weights.convolutions import read_convolutions
from impasto.export.weights.open import FORMATS, open_weights

from .checkpoints import (
    TINY,
    _dump,
    _Fake,
    as_keras,
    as_torchvision,
    torch_pickle,
    weights_of,
    write_h5,
    write_npz,
    write_onnx,
    write_safetensors,
    write_torch_legacy,
    write_torch_zip,
)

SMALL = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(4, np.float32)}
TORCH = {"zip": write_torch_zip, "legacy": write_torch_legacy}
WRITERS = {
    "torch zip": lambda path: write_torch_zip(path, as_torchvision(weights_of())),
    "torch legacy": lambda path: write_torch_legacy(path, as_torchvision(weights_of())),
    "safetensors": lambda path: write_safetensors(path, as_torchvision(weights_of())),
    "npz": lambda path: write_npz(path, weights_of()),
    "npz deflated": lambda path: write_npz(path, weights_of(), compressed=True),
    "h5": lambda path: write_h5(path, as_keras(weights_of(), "{layer}/{layer}/{part}:0")),
    "onnx": lambda path: write_onnx(path, weights_of()),
}


def refuse(path, match=None, kind=CorruptModel):
    with pytest.raises(kind, match=match) as caught, open_weights(path) as source:
        for name in source.tensors:
            source.read(name)
    assert str(path) in str(caught.value)
    assert "weights_only" not in str(caught.value)


@pytest.fixture(params=TORCH)
def write_torch(request, tmp_path):
    return lambda **options: TORCH[request.param](tmp_path / "x.pth", SMALL, **options)


def _command(marker):
    return _Fake(os.system, (f"echo run > '{marker}'",))


def test_pickled_call_is_named_and_never_run(write_torch, tmp_path):
    marker = tmp_path / "marker"
    refuse(write_torch(data=_dump({"a": _command(marker)})), "contains code .*system.* not run")
    assert not marker.exists()


def test_nested_call_is_never_run(write_torch, tmp_path):
    marker = tmp_path / "marker"
    nested = _Fake(print, (_Fake(eval, ("1",)), [{"x": _command(marker)}]))
    refuse(write_torch(extra=nested), "contains code")
    assert not marker.exists()


def test_bare_pickle_is_never_run(tmp_path):
    marker = tmp_path / "marker"
    for protocol in range(2, 6):
        (tmp_path / "x").write_bytes(pickle.dumps(_command(marker), protocol))
        refuse(tmp_path / "x", "contains code")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("body", "match"),
    [
        (b"ccollections\nOrderedDict\n)R}X\x05\0\0\0itemsX\x01\0\0\0xsb.", "no state dict"),
        (b"ccollections\nOrderedDict\n(K\x01K\x02tR.", "malformed"),
        (b"ccollections\nOrderedDict\nK\x01\x85R.", "malformed"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n)R.", "malformed"),
        (b"ctorch\nFloatStorage\n)R.", "malformed"),
        (b"ctorch.utils\nload\n.", "contains code"),
        (b"(ios\nsystem\n.", "instruction"),
        (b"(cos\nsystem\nX\x01\0\0\0xo.", "contains code"),
        (b"\x8c\x02os\x8c\x06system\x93.", "contains code"),
        (b"]r\xff\xff\xff\x7f.", "no state dict"),
        (b"X\xff\xff\xff\x7fabc.", "pickle of more than"),
        (b"T\xff\xff\xff\xffabc.", "pickle of more than"),
        (b"}" + b"(" * 1000 + b"u.", "malformed"),
        (b"}K\x01" + b"\x85" * 200_000 + b"K\x01s.", "malformed"),
        (b"0.", "instruction"),
        (b".", "malformed"),
        (b"h\x07.", "malformed"),
        (b"}q\x00h\x00h\x00s.", "malformed"),
        (b"N" * 250_001 + b".", "instructions"),
        (b"(" + b"K\x01" * 3, "cut off|no state dict"),
        (b"X\x00\x00\x00\x00Q.", "malformed"),
    ],
)
def test_crafted_pickle_is_refused(write_torch, body, match):
    refuse(write_torch(data=b"\x80\x02" + body), match)


@pytest.mark.parametrize(
    "change",
    [
        {"shape": (1 << 40,)},
        {"shape": (1 << 62, 1 << 62)},
        {"shape": (0, 1 << 62), "strides": (1, 1)},
        {"shape": (-2, -3), "strides": (1, 1)},
        {"shape": (True, 2), "strides": (1, 1)},
        {"shape": (10**6, 10**6), "strides": (0, 0)},
        {"shape": (2, 2), "strides": (-1, 1)},
        {"shape": (2, 2), "strides": (1 << 60, 1)},
        {"shape": [2, 2]},
        {"shape": (2,) * 40, "strides": (0,) * 40},
        {"offset": 1},
        {"offset": -1},
        {"offset": 1 << 70},
        {"offset": "0"},
        {"count": 1 << 50},
        {"count": 3},
        {"count": -1},
    ],
)
def test_torch_tensor_outside_its_storage_is_refused(write_torch, change):
    refuse(write_torch(**change))


def test_deflated_storage_in_a_torch_zip_is_refused(tmp_path):
    path = write_torch_zip(tmp_path / "x", SMALL, method=zipfile.ZIP_DEFLATED)
    refuse(path, "compressed")


def test_tar_of_old_torch_is_refused_with_a_sentence(tmp_path):
    import io
    import tarfile

    with tarfile.open(tmp_path / "x.pth", "w") as archive:
        archive.addfile(tarfile.TarInfo("sys_info"), io.BytesIO())
    refuse(tmp_path / "x.pth", "tar checkpoint of torch before 0.1.10")


def test_formats_that_are_named_as_known_are_read(tmp_path):
    (tmp_path / "x").write_bytes(b"no checkpoint")
    with pytest.raises(CorruptModel) as caught:
        open_weights(tmp_path / "x")
    assert "tar" not in str(caught.value)
    assert all(kind.name in str(caught.value) for kind in FORMATS)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b'{"a":1}',
        b"{" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":NaN}',
        b'{"a":\xff}',
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},' * 2 + b'"b":1}',
        {"a": {"dtype": "F32", "shape": [10], "data_offsets": [40, 0]}},
        {"a": {"dtype": "F32", "shape": [10], "data_offsets": [-40, 0]}},
        {"a": {"dtype": "F32", "shape": [11], "data_offsets": [0, 44]}},
        {"a": {"dtype": "F32", "shape": [1 << 32, 1 << 32], "data_offsets": [0, 40]}},
        {"a": {"dtype": "F32", "shape": [0, 1 << 62], "data_offsets": [0, 0]}},
        {"a": {"dtype": "F32", "shape": [-10], "data_offsets": [0, 40]}},
        {"a": {"dtype": "F32", "shape": [10.0], "data_offsets": [0, 40]}},
        {"a": {"dtype": "F32", "shape": {}, "data_offsets": [0, 40]}},
        {"a": {"dtype": "F32", "shape": [10], "data_offsets": [0]}},
        {"a": {"dtype": "F99", "shape": [10], "data_offsets": [0, 40]}},
        {"a": {"dtype": ["F32"], "shape": [10], "data_offsets": [0, 40]}},
        {
            "a": {"dtype": "F32", "shape": [6], "data_offsets": [0, 24]},
            "b": {"dtype": "F32", "shape": [5], "data_offsets": [20, 40]},
        },
        {
            "a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]},
            "b": {"dtype": "F32", "shape": [4], "data_offsets": [24, 40]},
        },
    ],
)
def test_hostile_safetensors_header_is_refused(tmp_path, header):
    refuse(write_safetensors(tmp_path / "x", SMALL, header=header))


@pytest.mark.parametrize("length", [0, 1, 10**6, 2**40 - 1, 2**63, 2**64 - 1])
def test_hostile_safetensors_length_is_refused(tmp_path, length):
    path = write_safetensors(tmp_path / "x", SMALL)
    path.write_bytes(struct.pack("<Q", length) + path.read_bytes()[8:])
    refuse(path)


def test_safetensors_with_bytes_left_over_is_refused(tmp_path):
    refuse(write_safetensors(tmp_path / "x", SMALL, tail=b"\0"), "bytes long")


def _npy(header, data=b""):
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


@pytest.mark.parametrize(
    "member",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x09\x00" + b"\0" * 20,
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
        _npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (10000000000,)}"),
        _npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}"),
        _npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 99999999999999999999)}"),
        _npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': 3}", b"\0" * 12),
        _npy(b"{'descr': '<f4', 'fortran_order': 0, 'shape': (3,)}", b"\0" * 12),
        _npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", b"\0" * 13),
        _npy(b"[]"),
        _npy(b"(" * 5000),
        _npy(b"-" * 9000 + b"1"),
        _npy(b"__import__('os')"),
    ],
)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_hostile_npy_member_is_refused(tmp_path, member, method):
    with zipfile.ZipFile(tmp_path / "x", "w", method) as archive:
        archive.writestr("a.npy", member)
    refuse(tmp_path / "x")


def test_pickled_array_in_npz_is_listed_but_stays_closed(tmp_path):
    marker = tmp_path / "marker"
    path = write_npz(tmp_path / "x", {"a": np.array([_command(marker)], dtype=object)})
    refuse(path, "object", kind=IncompatibleModel)
    assert not marker.exists()


def test_zip_bomb_takes_no_memory(tmp_path):
    """100 MB of zeros behind a header that promises four bytes."""
    member = _npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", bytes(100 << 20))
    with zipfile.ZipFile(tmp_path / "x", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", member)
    del member
    tracemalloc.start()
    try:
        refuse(tmp_path / "x", "its header says")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_zip_with_a_name_twice_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x", "w") as archive, pytest.warns(UserWarning):
        archive.writestr("a.npy", b"1")
        archive.writestr("a.npy", b"2")
    refuse(tmp_path / "x", "twice")


def _onnx(*tensors):
    from onnx import helper

    return helper.make_model(helper.make_graph([], "g", [], [], tensors))


@pytest.mark.parametrize("place", ["../../etc/passwd", "/etc/passwd", "weights.bin"])
def test_external_data_are_refused_unopened(tmp_path, place):
    from onnx import TensorProto

    (tmp_path / "weights.bin").write_bytes(bytes(24))
    tensor = TensorProto(name="a", dims=[2, 3], data_type=1)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", place), ("length", str(2**50)), ("__class__", "x")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    (tmp_path / "x").write_bytes(_onnx(tensor).SerializeToString())
    refuse(tmp_path / "x", "another file, which is never opened", kind=IncompatibleModel)


@pytest.mark.parametrize("dims", [[3, 3], [2**62, 4], [-2, -3], [0, 2**62], [1] * 40])
def test_onnx_shape_must_fit_its_bytes(tmp_path, dims):
    from onnx import TensorProto

    tensor = TensorProto(name="a", dims=dims, data_type=1, raw_data=bytes(24))
    (tmp_path / "x").write_bytes(_onnx(tensor).SerializeToString())
    refuse(tmp_path / "x")


@pytest.mark.parametrize(
    "tail",
    [
        b"",
        b"\x3a",
        b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x3a\xff\xff\xff\xff\x7f",
        b"\x3a\x00\x3a\x00",
        b"\x3a\x02\x2b\x00",
        b"\x3a\x01\x2c",
        b"\x3a\x01\x00",
        b"\x3a\x03\x2a\x05\x00",
        b"\x38\x01",
        b"\x3a\x02\x0a\x00\x3a" + b"\xff" * 12,
        b"\x3a\x06\x0a\x04\x22\x02\xff\xff",
    ],
)
def test_hostile_protobuf_is_refused(tmp_path, tail):
    (tmp_path / "x").write_bytes(b"\x08\x08\x12\x01x" + tail)
    refuse(tmp_path / "x")


def test_protobuf_of_endless_fields_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(b"\x08\x08\x12\x00" + b"\x28\x00" * 1_000_001)
    refuse(tmp_path / "x", "more than 1000000 fields")


def test_h5_links_are_not_followed(tmp_path):
    import h5py

    write_h5(tmp_path / "other", {"a": np.ones(3, np.float32)})
    with h5py.File(tmp_path / "x", "w") as file:
        file["group/b"] = np.ones(2, np.float32)
        file["group/loop"] = file["group"]
        file["outside"] = h5py.ExternalLink("other", "/a")
        file["soft"] = h5py.SoftLink("/group/b")
    with open_weights(tmp_path / "x") as source:
        assert list(source.tensors) == ["group/b"]


@pytest.mark.parametrize("kind", ["virtual", "external", "compressed", "sparse"])
def test_h5_data_that_are_not_plain_are_refused(tmp_path, kind):
    import h5py

    (tmp_path / "raw").write_bytes(bytes(400))
    with h5py.File(tmp_path / "x", "w") as file:
        if kind == "virtual":
            layout = h5py.VirtualLayout(shape=(100,), dtype="f4")
            layout[:] = h5py.VirtualSource("other", "a", shape=(100,))
            file.create_virtual_dataset("a", layout)
        elif kind == "external":
            file.create_dataset("a", (100,), "f4", external=[(str(tmp_path / "raw"), 0, 400)])
        elif kind == "compressed":
            file.create_dataset("a", data=np.zeros(100, np.float32), compression="gzip")
        else:
            file.create_dataset("a", (10**6, 10**4), "f4", chunks=(10, 10))
    refuse(tmp_path / "x", kind=(CorruptModel, IncompatibleModel))


def _try(path):
    with open_weights(path) as source:
        read_convolutions(source, TINY)


@pytest.mark.parametrize("kind", WRITERS)
def test_every_cut_is_refused(tmp_path, kind):
    whole = WRITERS[kind](tmp_path / "x").read_bytes()
    _try(tmp_path / "x")
    size = len(whole)
    for cut in {0, 1, 7, 9, 20, 100, size // 4, size // 2, size * 9 // 10, size - 9, size - 1}:
        (tmp_path / "x").write_bytes(whole[:cut])
        with pytest.raises(ModelError):
            _try(tmp_path / "x")


@pytest.mark.parametrize("kind", WRITERS)
def test_flipped_bytes_give_weights_or_a_model_error(tmp_path, kind):
    whole = WRITERS[kind](tmp_path / "x").read_bytes()
    random = np.random.default_rng(7)
    refused = 0
    for trial in range(120):
        data = bytearray(whole)
        # Headers lie at both ends, where random bytes of a whole file would seldom hit.
        low, high = [(0, 400), (len(data) - 900, len(data)), (0, len(data))][trial % 3]
        for place in random.integers(low, high, size=1 + trial % 4):
            data[place] = random.integers(256)
        (tmp_path / "x").write_bytes(data)
        try:
            _try(tmp_path / "x")
        except ModelError:
            refused += 1
    assert refused > 20


def test_pickle_of_a_state_dict_uses_known_instructions_only():
    import pickletools

    for legacy in (False, True):
        names = {code.name for code, _, _ in pickletools.genops(torch_pickle(SMALL, legacy=legacy))}
        assert {"GLOBAL", "REDUCE", "BINPERSID", "BUILD"} <= names
