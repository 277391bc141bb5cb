"""Peak memory and time of `impasto models pull vgg19`, on a full-size checkpoint of random weights.

The checkpoint has torchvision's layout, 575 MB, in both formats that torch ever wrote, and comes
from a server on this machine; the pull runs in a process of its own, whose peak is read from
/proc (Linux).

    python benchmarks/pull_memory.py [folder for 1.3 GB]
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

# The writers of checkpoints are those of the tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "export"))

from checkpoints import write_torch_legacy, write_torch_zip

from impasto.export.networks import FAMILIES

LIMIT_MB = 400
CLASSIFIER = {0: (4096, 25088), 3: (4096, 4096), 6: (1000, 4096)}
CHILD = """
import json, sys, time
from dataclasses import replace
from impasto.models import catalogue, download
entry = next(entry for entry in catalogue.DOWNLOADABLE if entry.name == "vgg19")
catalogue.DOWNLOADABLE = (replace(entry, sha256=sys.argv[2]),)
begun = time.perf_counter()
path = download.pull("vgg19", base_url=sys.argv[1])
seconds = time.perf_counter() - begun
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"seconds": seconds, "peak_mb": int(peak.split()[1]) * 1024 / 1e6,
                  "bytes": path.stat().st_size}))
"""


def main() -> None:
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        folder = Path(name)
        for kind, write in (("legacy", write_torch_legacy), ("zip", write_torch_zip)):
            checkpoint = folder / "vgg19-dcbb9e9d.pth"
            write(checkpoint, full_size_weights())
            report = pull(folder, checkpoint)
            fits = report["peak_mb"] < LIMIT_MB
            print(
                f"{kind:6} {checkpoint.stat().st_size / 1e6:.0f} MB: "
                f"peak {report['peak_mb']:.0f} MB ({'below' if fits else 'ABOVE'} {LIMIT_MB}), "
                f"{report['seconds']:.1f} s, network of {report['bytes'] / 1e6:.0f} MB"
            )


def full_size_weights() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    weights = {}
    index = 0
    for convolution in FAMILIES["vgg19"].convolutions():
        shape = (convolution.outputs, convolution.inputs, 3, 3)
        weights[f"features.{index}.weight"] = random.random(shape, np.float32)
        weights[f"features.{index}.bias"] = random.random(convolution.outputs, np.float32)
        last = convolution.name in ("conv1_2", "conv2_2", "conv3_4", "conv4_4", "conv5_4")
        index += 3 if last else 2
    for index, shape in CLASSIFIER.items():
        weights[f"classifier.{index}.weight"] = random.random(shape, np.float32)
        weights[f"classifier.{index}.bias"] = random.random(shape[0], np.float32)
    return weights


def pull(folder: Path, checkpoint: Path) -> dict[str, float]:
    with checkpoint.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        with tempfile.TemporaryDirectory(dir=folder) as home:
            found = subprocess.run(
                [sys.executable, "-P", "-c", CHILD, url, digest[:8]],
                env={**os.environ, "IMPASTO_HOME": home},
                stdout=subprocess.PIPE,
                check=True,
            )
        server.shutdown()
    return json.loads(found.stdout)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    main()
