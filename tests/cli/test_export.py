import hashlib
import json
import shlex
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import numpy as np
import pytest

from impasto.engine import options, selection
from impasto.engine.bundle import remember_bundle
from impasto.engine.images import read_picture
from impasto.export.choices import Family
from impasto.export.network_file import read_network
from impasto.export.networks import FAMILIES

BLOCKED = "import sys\nsys.modules['onnx'] = sys.modules['torch'] = None"
HEAVY = {"numpy", "onnx", "onnxruntime", "scipy", "PIL"}
LAYERS = ["--content-layer", "relu3_1", "--style-layer", "relu1_1", "--style-layer", "relu2_1"]


@pytest.fixture
def bundle(run, network_path, tmp_path):
    """A bundle of the toy network, and its SHA-256."""
    ended = run(
        "export", "--bundle", "--model", network_path, *LAYERS, "-o", "toy.bundle", "--json"
    )
    assert ended.code == 0, ended.err
    return tmp_path / "toy.bundle", json.loads(ended.out)["sha256"]


def test_network_file_is_exported_up_to_a_layer(run, network_path, toy, tmp_path):
    out = ["--up-to", "relu2_1", "--origin", "a test", "-o", "small.onnx"]
    ended = run("export", network_path, *out, "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    data = (tmp_path / "small.onnx").read_bytes()
    network = read_network(tmp_path / "small.onnx")
    assert told["layers"] == ["relu1_1", "relu1_2", "pool1", "relu2_1"]
    assert told["layers"] == list(network.architecture.layers())
    assert told["bytes"] == len(data)
    assert told["sha256"] == hashlib.sha256(data).hexdigest()
    assert told["fingerprint"] == network.fingerprint
    assert network.origin == "a test"
    assert np.array_equal(network.weights["conv2_1.weight"], toy.weights["conv2_1.weight"])


def test_export_prints_one_line(run, network_path):
    ended = run("export", network_path, "-o", "copy.onnx", "--half")
    assert ended.code == 0
    assert ended.out.startswith("copy.onnx: 10 layers, ") and ended.out.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "either a checkpoint file or --from torchvision"),
        (["net", "--from", "torchvision"], 2, "either a checkpoint file or --from torchvision"),
        (["net", "--pool", "max"], 2, "--pool has no meaning without --bundle"),
        (["net", "--bundle"], 2, "SOURCE has no meaning with --bundle"),
        (["--bundle", "--half"], 2, "--half has no meaning with --bundle"),
        (["--from", "torchvision", "--preprocessing", "caffe"], 2, "--preprocessing"),
        (["missing.pth", "--family", "vgg16"], 4, "missing.pth"),
    ],
)
def test_wrong_export_is_one_sentence(run, tmp_path, arguments, code, words):
    ended = run("export", *arguments, "-o", "out.onnx")
    assert ended.code == code
    assert words in ended.err and ended.err.count("\n") == 1
    assert not (tmp_path / "out.onnx").exists()


def test_bundle_with_unknown_layer_is_refused(run, network_path):
    ended = run("export", "--bundle", "--model", network_path, "--content-layer", "x", "-o", "b")
    assert ended.code == 2
    assert "no layer 'x'" in ended.err


def test_bundle_runs_without_onnx_and_torch(spawn, run, tiny, bundle, tmp_path):
    assert run(*tiny, "--quiet").code == 0
    expected = read_picture(tmp_path / "art.png").rgb
    at = tiny.index("--model")
    tiny[at : at + 2] = ["--bundle", bundle[0]]
    process = spawn(*tiny, before=BLOCKED)
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert np.abs(read_picture(tmp_path / "art.png").rgb - expected).max() <= 1 / 255 + 1e-6


def test_bundle_runs_direct_and_refuses_another_lowering(run, tiny, bundle):
    at = tiny.index("--model")
    tiny[at : at + 2] = ["--bundle", bundle[0]]
    assert json.loads(run(*tiny, "--json").out)["lowering"] == "direct"
    refused = run(*tiny, "--lowering", "winograd")
    assert refused.code == 2
    assert refused.err.startswith("impasto: --lowering must be direct where a bundle runs")
    assert refused.err.count("\n") == 1


def test_bundle_from_elsewhere_needs_trust(run, tiny, bundle, monkeypatch):
    path, digest = bundle
    monkeypatch.setenv("IMPASTO_HOME", "another-machine")
    at = tiny.index("--model")
    tiny[at : at + 2] = ["--bundle", path]
    refused = run(*tiny)
    assert refused.code == 4
    assert digest in refused.err
    assert run(*tiny, "--trust", "0" * 64).code == 4
    assert run(*tiny, "--trust", digest).code == 0
    assert run(*tiny, "--trust", "any").code == 0


def test_bundle_is_good_where_it_cannot_be_remembered(run, tiny, network_path, tmp_path):
    (tmp_path / "home").write_bytes(b"a file where the folder should be")
    ended = run("export", "--bundle", "--model", network_path, *LAYERS, "-o", "toy.bundle")
    assert ended.code == 0
    digest = hashlib.sha256((tmp_path / "toy.bundle").read_bytes()).hexdigest()
    assert f"run it with --trust {digest}" in ended.err and ended.err.count("\n") == 1
    at = tiny.index("--model")
    tiny[at : at + 2] = ["--bundle", "toy.bundle"]
    assert run(*tiny).code == 4
    assert run(*tiny, "--trust", digest).code == 0


def test_exports_at_the_same_time_are_all_remembered(tmp_path):
    bundles = [f"bundle {number}".encode() for number in range(6)]
    with ThreadPoolExecutor(len(bundles)) as pool:
        digests = set(pool.map(remember_bundle, bundles))
    assert len(digests) == len(bundles)
    assert set((tmp_path / "home" / "trusted-bundles.txt").read_text().split()) == digests


def test_bundle_prints_how_to_run_it(run, network_path):
    chosen = [*LAYERS, "--border", "zeros"]
    ended = run("export", "--bundle", "--model", network_path, *chosen, "-o", "my toy.bundle")
    first, second = ended.out.splitlines()
    start = "impasto stylize CONTENT STYLE --bundle 'my toy.bundle' --trust "
    digest = first.rpartition(" ")[2]
    assert second == start + digest


def test_bundle_is_asked_for_what_it_was_made_for(run, network_path, content, style, tmp_path):
    chosen = [*LAYERS, "--pool", "average", "--border", "zeros"]
    assert run("export", "--bundle", "--model", network_path, *chosen, "-o", "b").code == 0
    work = ["stylize", content, style, "--size", "32", "--iterations", "2", "--quiet"]
    for made in (["--bundle", "b"], ["--model", network_path, *chosen, "--lowering", "direct"]):
        ended = run(*work, *made, "-o", f"{made[0][2:]}.png")
        assert ended.code == 0, ended.err
    bundled, direct = (read_picture(tmp_path / f"{kind}.png").rgb for kind in ("bundle", "model"))
    assert np.array_equal(bundled, direct)
    refused = run(*work, "--bundle", "b", "--pool", "max")
    assert refused.code == 4
    assert "exported for" in refused.err


def test_command_that_is_printed_runs_the_bundle(run, network_path, content, style):
    chosen = [*LAYERS, "--pool", "average"]
    ended = run("export", "--bundle", "--model", network_path, *chosen, "-o", "toy.bundle")
    command = shlex.split(ended.out.splitlines()[1])[1:]
    pictures = {"CONTENT": str(content), "STYLE": str(style)}
    words = [pictures.get(word, word) for word in command]
    ended = run(*words, "--size", "32", "--iterations", "1")
    assert ended.code == 0, ended.err


def test_choices_are_those_of_the_library():
    """Written down twice: --help is there without NumPy, and some borders are not the network's."""
    assert set(get_args(Family)) == set(FAMILIES)
    # What wraps is made outside of the network.
    assert set(get_args(options.Border)) == {*get_args(selection.NetworkBorder), "wrap"}


def test_help_loads_nothing_heavy(spawn):
    seen = "import atexit, sys\natexit.register(lambda: print(heavy & set(sys.modules)))\n"
    process = spawn("export", "--help", before=f"heavy = {HEAVY!r}\n{seen}")
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert out.splitlines()[-1] == "set()"


@pytest.mark.parametrize("form", [["--bundle", *LAYERS, "--model"], []])
def test_export_never_replaces_its_own_source(run, network_path, tmp_path, form):
    data = network_path.read_bytes()
    (tmp_path / "net.onnx").write_bytes(data)
    ended = run("export", *form, "net.onnx", "-o", "./net.onnx")
    assert ended.code == 2
    assert "would replace its own source 'net.onnx'" in ended.err
    assert (tmp_path / "net.onnx").read_bytes() == data


def test_missing_onnx_is_one_sentence(run, tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    ended = run(*tiny)
    assert ended.code == 4
    assert "pip install onnx" in ended.err and ended.err.count("\n") == 1


def test_bundle_given_as_a_model_is_called_one(run, tiny, bundle):
    ended = run(*tiny, "--model", bundle[0])
    assert ended.code == 4
    assert "give it as --bundle" in ended.err and ended.err.count("\n") == 1


def test_what_is_no_bundle_asks_for_no_trust(run, tiny, content):
    at = tiny.index("--model")
    tiny[at : at + 2] = ["--bundle", content]
    ended = run(*tiny)
    assert ended.code == 4
    assert "is no bundle" in ended.err and "--trust" not in ended.err
