"""Damaged files for every reader, from fixed seeds: `python tests/faults/fuzz.py --cases 2000`.

A reader may take the file, or say no with an error of the tree, in one line. Anything else is a
finding, and is told with its kind and the number of its case, which make it again:
`python tests/faults/fuzz.py --only KIND --first NUMBER --cases 1`. So is a crash, and a case that
takes more than ten seconds: the cases run in a child process that says what it is about to do.
"""

# ruff: noqa: T201

import argparse
import atexit
import contextlib
import faulthandler
import hashlib
import io
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
import zlib
from collections import Counter
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image

from impasto.engine.bundle import read_bundle
from impasto.engine.engine import Engine
from impasto.engine.errors import StyleError
from impasto.engine.images import encode_picture, read_header, read_picture, write_picture
from impasto.engine.limits import Limits
from impasto.engine.options import Options
from impasto.engine.provenance import Ingredient, Provenance, read_provenance
from impasto.engine.recipe import read_recipe, recipe_text
from impasto.engine.settings import Checkpoint
from impasto.export.importing import import_network
from impasto.export.network_file import encode_network
from impasto.export.networks import Architecture, Network

__all__ = ["KINDS", "fuzz", "mutated", "read", "sound"]

# Small, so that a bomb would be seen at once.
_LIMITS = Limits(pixels=4_000_000, side=4096)
_ARCHITECTURE = Architecture("tiny", (2, 1), (4, 5))
_INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1)
_ODD_VALUES = (
    None,
    True,
    -1,
    0,
    1,
    2,
    10**9,
    2**70,
    0.5,
    1e308,
    float("nan"),
    "",
    "x",
    [],
    [1],
    {},
)
_SLOW_SECONDS = 10.0

KINDS = {
    "jpeg": "picture",
    "progressive": "picture",
    "png": "picture",
    "deep png": "picture",
    "deep colour png": "picture",
    "deep colour tiff": "picture",
    "webp": "picture",
    "avif": "picture",
    "heic": "picture",
    "tiff": "picture",
    "gif": "picture",
    "bmp": "picture",
    "onnx network": "network",
    "npz": "network",
    "safetensors": "network",
    "torch zip": "network",
    "torch legacy": "network",
    "h5": "network",
    "bundle": "bundle",
    "work": "work",
    "style": "picture",
    "recipe": "recipe",
    "telling png": "telling",
    "telling jpg": "telling",
    "telling webp": "telling",
    "telling tiff": "telling",
    "telling avif": "telling",
}


def _network() -> Network:
    random_ = np.random.default_rng(0)
    weights = {}
    for convolution in _ARCHITECTURE.convolutions():
        shape = (convolution.outputs, convolution.inputs, 3, 3)
        weights[f"{convolution.name}.weight"] = random_.standard_normal(shape, np.float32)
        weights[f"{convolution.name}.bias"] = random_.standard_normal(shape[0], np.float32)
    return Network(_ARCHITECTURE, weights, (0.5,) * 3, (0.2,) * 3)


@cache
def sound(kind: str) -> bytes:
    """A small sound file of that kind."""
    if kind in _MAKERS:
        return _MAKERS[kind]()
    if KINDS[kind] == "picture":
        return _picture(kind)
    if KINDS[kind] == "telling":
        return _telling(kind.partition(" ")[2])
    weights = _network().weights
    places = {"conv1_1": 0, "conv1_2": 2, "conv2_1": 5}
    torch = {
        f"features.{places[name.partition('.')[0]]}.{name.partition('.')[2]}": array
        for name, array in weights.items()
    }
    if kind.startswith("torch"):
        return _torch_zip(torch) if kind == "torch zip" else _torch_legacy(torch)
    stream = io.BytesIO()
    if kind == "npz":
        np.savez(stream, **weights)
        return stream.getvalue()
    if kind == "onnx network":
        return encode_network(_network())
    return _safetensors(weights) if kind == "safetensors" else _h5(weights)


def _picture(kind: str) -> bytes:
    rows, columns = np.mgrid[0:24, 0:32] / 32
    noise = np.random.default_rng(0).random((24, 32, 1))
    pixels = np.stack([rows, columns, 1 - rows * columns], axis=2)
    image = Image.fromarray(np.uint8(255 * (0.8 * pixels + 0.2 * noise)))
    stream = io.BytesIO()
    if kind == "jpeg":
        image.save(stream, "JPEG", exif=_EXIF)
    elif kind == "progressive":
        image.save(stream, "JPEG", progressive=True)
    elif kind == "png":
        image.quantize(16).save(stream, "PNG", transparency=3, exif=_EXIF)
    elif kind.startswith("deep colour"):
        alpha = rows.astype(np.float32) if kind.endswith("png") else None
        return encode_picture(pixels, alpha, kind.split()[-1].upper(), 16)
    elif kind == "deep png":
        Image.fromarray(np.uint16(65535 * rows)).save(stream, "PNG")
    elif kind == "webp":
        image.convert("RGBA").save(stream, "WEBP", lossless=True)
    elif kind == "avif":
        image.convert("RGBA").save(stream, "AVIF", exif=_EXIF)
    elif kind == "heic":
        pillow_heif.from_pillow(image).save(stream, exif=_EXIF)
    elif kind == "tiff":
        image.save(stream, "TIFF", compression="tiff_lzw")
    else:
        image.quantize(16).convert("P" if kind == "gif" else "RGB").save(stream, kind)
    return stream.getvalue()


_EXIF = (
    b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + struct.pack("<HHIHH", 274, 3, 1, 6, 0) + bytes(4)
)


def _safetensors(weights: dict[str, np.ndarray]) -> bytes:
    from safetensors.numpy import save

    return save(weights)


def _pickled(tensors: dict[str, np.ndarray], legacy: bool) -> bytes:
    """The state dict as `torch.save` pickles it, instruction by instruction."""

    def text(value: str) -> bytes:
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    def number(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    function = b"_rebuild_tensor" if legacy else b"_rebuild_tensor_v2"
    out = b"\x80\2ccollections\nOrderedDict\n)R("
    for key, (name, array) in enumerate(tensors.items()):
        strides = [step // array.itemsize for step in array.strides]
        out += text(name) + b"ctorch._utils\n" + function + b"\n(("
        out += text("storage") + b"ctorch\nFloatStorage\n" + text(str(key)) + text("cpu")
        out += number(array.size) + (b"N" if legacy else b"") + b"tQ" + number(0)
        out += b"(" + b"".join(map(number, array.shape)) + b"t"
        out += b"(" + b"".join(map(number, strides)) + b"t"
        out += (b"" if legacy else b"\x89ccollections\nOrderedDict\n)R") + b"tR"
    return out + b"u."


def _torch_zip(tensors: dict[str, np.ndarray]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", _pickled(tensors, legacy=False))
        for key, array in enumerate(tensors.values()):
            archive.writestr(f"archive/data/{key}", array.tobytes())
    return stream.getvalue()


def _torch_legacy(tensors: dict[str, np.ndarray]) -> bytes:
    import pickle

    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    parts = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, system)]
    parts += [
        _pickled(tensors, legacy=True),
        pickle.dumps([str(n) for n in range(len(tensors))], 2),
    ]
    parts += [struct.pack("<q", array.size) + array.tobytes() for array in tensors.values()]
    return b"".join(parts)


def _h5(weights: dict[str, np.ndarray]) -> bytes:
    import h5py

    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for name, array in weights.items():
            layer, _, part = name.partition(".")
            block, number = layer.removeprefix("conv").split("_")
            kernel = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array
            key = f"block{block}_conv{number}/{'kernel' if part == 'weight' else 'bias'}:0"
            file[key] = kernel
    return stream.getvalue()


def _bundle() -> bytes:
    """By the command that makes bundles, of a network with a pooling layer."""
    with tempfile.TemporaryDirectory() as folder:
        network, path = Path(folder) / "net.onnx", Path(folder) / "net.bundle"
        network.write_bytes(encode_network(_network()))
        layers = ["--content-layer", "relu2_1", "--style-layer", "relu1_1"]
        arguments = ["export", "--bundle", "--model", str(network), *layers, "-o", str(path)]
        code = f"from impasto.cli.main import main; main({arguments!r})"
        environment = {"IMPASTO_HOME": folder}
        subprocess.run(
            [sys.executable, "-P", "-c", code],
            check=True,
            capture_output=True,
            env={**os.environ, **environment},
        )
        return path.read_bytes()


@cache
def _place() -> Path:
    """A folder, of this process, with the pictures and the network of a work."""
    place = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, place)
    Image.new("RGB", (20, 16), (9, 99, 199)).save(place / "photo.png")
    (place / "net.onnx").write_bytes(encode_network(_network()))
    return place


@cache
def _engine() -> Engine:
    return Engine(_place() / "net.onnx", threads=1, device="cpu", limits=_LIMITS)


def _work() -> bytes:
    """A work that was stopped in its middle."""
    kept, photo = _place() / "kept", _place() / "photo.png"
    layers = {"content_layers": {"relu2_1": 1.0}, "style_layers": {"relu1_1": 1.0}}
    options = Options(size=20, levels=2, iterations=3, optimizer="adam", **layers)
    _engine().stylize(
        photo,
        photo,
        options,
        checkpoint=Checkpoint(kept, every=0),
        progress=lambda record: (record.level, record.iteration) < (2, 2),
    )
    return (kept / "work.impasto").read_bytes()


def _style() -> bytes:
    """A painting with its targets at two sizes."""
    path = _place() / "painting.style"
    options = Options(content_layers={}, style_layers={"relu1_1": 1.0}, init="noise", levels=1)
    _engine().save_style(_place() / "photo.png", path, options, sizes=[12, 20])
    return path.read_bytes()


def _recipe() -> bytes:
    return recipe_text(asdict(Options(size=(64, 48), iterations=(3, 2), init="noise"))).encode()


def _telling(suffix: str) -> bytes:
    """A picture that tells how it was made."""
    photo = Ingredient.of("content", _place() / "photo.png")
    machine = {"model": None, "bundle": None, "device": "cpu", "precision": "float32"}
    machine |= {"threads": 1, "lowering": "auto"}
    options = Options(style_layers={})
    made = Provenance("1", "reconstruct", options, "tiny", "0" * 64, machine, (photo,))
    path = _place() / f"telling.{suffix}"
    write_picture(path, np.full((8, 9, 3), 0.5), metadata=made.record())
    return path.read_bytes()


_MAKERS = {"bundle": _bundle, "work": _work, "recipe": _recipe, "style": _style}


def mutated(kind: str, data: bytes, number: int) -> bytes:
    """Case `number`: some bytes changed, cut, doubled or moved; then what guards them is mended.

    Checksums and hashes would else be all that most cases reach.
    """
    choose = random.Random(f"{kind} {number}")
    if kind == "work" and choose.random() < 0.5:
        return _mended(kind, _with_another_value(data, choose))
    out = bytearray(data)
    for _ in range(choose.choice((1, 1, 1, 2, 3, 8))):
        # The beginnings of files say what the rest is.
        at = choose.randrange(min(len(out), 400) if choose.random() < 0.5 else len(out))
        action = choose.randrange(8)
        if action == 0:
            out[at] ^= 1 << choose.randrange(8)
        elif action == 1:
            out[at] = choose.randrange(256)
        elif action in (2, 3):
            width, order = choose.choice((1, 2, 4, 8)), choose.choice(("little", "big"))
            value = choose.choice(_INTERESTING) & (256**width - 1)
            out[at : at + width] = value.to_bytes(width, order)
        elif action == 4:
            del out[at : at + choose.choice((1, 2, 4, 16, 64))]
        elif action == 5:
            out[at:at] = out[at : at + choose.choice((1, 4, 16, 256))]
        elif action == 6:
            other = choose.randrange(len(out))
            count = choose.choice((1, 4, 16))
            out[at : at + count] = out[other : other + count]
        elif choose.random() < 0.3:
            del out[at:]
        if len(out) < 2:
            break
    return _mended(kind, bytes(out))


def _with_another_value(data: bytes, choose: random.Random) -> bytes:
    """A work whose header is sound JSON, but for one value of another kind or size."""
    length = int.from_bytes(data[8:16], "little")
    header = json.loads(data[16 : 16 + length])
    place = header
    while True:
        key = choose.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if isinstance(place[key], dict | list) and place[key] and choose.random() < 0.9:
            place = place[key]
            continue
        place[key] = choose.choice(_ODD_VALUES)
        text = json.dumps(header).encode()
        return data[:8] + len(text).to_bytes(8, "little") + text + data[16 + length :]


def _mended(kind: str, data: bytes) -> bytes:
    if kind == "work" and len(data) > 32:
        return data[:-32] + hashlib.sha256(data[:-32]).digest()
    if kind.endswith("png"):
        return _mended_png(data)
    return _mended_zip(data) if kind == "style" else data


def _mended_png(data: bytes) -> bytes:
    out, at = bytearray(data), 8
    while at + 12 <= len(out):
        size = int.from_bytes(out[at : at + 4], "big")
        end = at + 12 + size
        if end > len(out):
            break
        out[end - 4 : end] = zlib.crc32(out[at + 4 : end - 4]).to_bytes(4, "big")
        at = end
    return bytes(out)


def _mended_zip(data: bytes) -> bytes:
    """With the checksum of each member that is stored as it stands, where the directory has it."""
    out, at = bytearray(data), data.find(b"PK\1\2")
    while at >= 0 and at + 46 <= len(out):
        size, place = (int.from_bytes(out[at + n : at + n + 4], "little") for n in (24, 42))
        name, extra = (int.from_bytes(out[place + n : place + n + 2], "little") for n in (26, 28))
        begin = place + 30 + name + extra
        if begin + size <= len(out):
            out[at + 16 : at + 20] = zlib.crc32(out[begin : begin + size]).to_bytes(4, "little")
        at = out.find(b"PK\1\2", at + 4)
    return bytes(out)


def read(kind: str, data: bytes, folder: Path) -> str:
    """What a reader says of it: "taken", or the class of its error."""
    try:
        if KINDS[kind] == "picture":
            with contextlib.suppress(StyleError):
                read_header(data, _LIMITS)
            assert read_picture(data, _LIMITS).rgb.dtype == np.float32
        elif KINDS[kind] == "network":
            path = folder / "net"
            path.write_bytes(data)
            own = None if kind == "onnx network" else _ARCHITECTURE
            assert import_network(path, own).weights
        elif KINDS[kind] == "bundle":
            path = folder / "net.bundle"
            path.write_bytes(data)
            assert read_bundle(path, True).weights
        elif KINDS[kind] == "recipe":
            path = folder / "recipe.toml"
            path.write_bytes(data)
            assert Options(**read_recipe(path))
        elif KINDS[kind] == "telling":
            path = folder / "picture"
            path.write_bytes(data)
            assert read_provenance(path).pictures
        else:
            (folder / "work.impasto").write_bytes(data)
            _engine().resume(folder, progress=lambda record: False)
    except StyleError as error:
        assert str(error) and "\n" not in str(error), repr(str(error))
        return type(error).__name__
    return "taken"


def _child(kind: str, first: int, cases: int) -> None:
    """Tell of each case before it is read, and what came of all."""
    faulthandler.enable()
    said: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        assert read(kind, sound(kind), Path(folder)) == "taken", f"the sound {kind} is not taken"
        for number in range(first, first + cases):
            print(f"case {number}", flush=True)
            faulthandler.dump_traceback_later(_SLOW_SECONDS, exit=True)
            try:
                said[read(kind, mutated(kind, sound(kind), number), Path(folder))] += 1
            except Exception as error:
                at = traceback.extract_tb(error.__traceback__)[-1]
                what = f"{type(error).__name__}: {error} ({at.filename}:{at.lineno})"
                print(f"found {number}: {what}", flush=True)
            faulthandler.cancel_dump_traceback_later()
    print("said", *(f"{name}={count}" for name, count in sorted(said.items())))


def fuzz(kind: str, first: int, cases: int) -> tuple[str, list[str]]:
    """Read so many cases in a child process; what was said of them, and the findings."""
    command = [sys.executable, "-P", __file__, "--child", "--only", kind]
    command += ["--first", str(first), "--cases", str(cases)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = told.stdout.splitlines()
    findings = [line for line in lines if line.startswith("found ")]
    if told.returncode:
        last = [line for line in lines if line.startswith("case ")][-1:] or ["before any case"]
        said = " | ".join(told.stderr.strip().splitlines()[-6:])
        findings.append(f"{last[0]} ended the process with {told.returncode}: {said}")
    return lines[-1] if lines else "", findings


def main() -> int:
    """Fuzz all kinds; the exit code is 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000, help="of each kind")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--only", choices=KINDS, help="one kind")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        _child(given.only, given.first, given.cases)
        return 0
    kinds = [given.only] if given.only else list(KINDS)
    found = 0
    for kind in kinds:
        began = time.perf_counter()
        said, findings = fuzz(kind, given.first, given.cases)
        found += len(findings)
        seconds = time.perf_counter() - began
        print(f"{kind}: {given.cases} cases in {seconds:.0f} s, {said}", flush=True)
        for finding in findings:
            print(f"  {finding}", flush=True)
    print(f"{len(kinds) * given.cases} cases, {found} findings")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
