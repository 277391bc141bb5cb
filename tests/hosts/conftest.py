"""The hosts of `examples/hosts`, each in a process of its own, on the embedded network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from impasto.engine.images import encode_picture

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "hosts"

# The places that stay writable are mounted once more before all others become read-only.
_READ_ONLY = """
while [ "$1" != -- ]; do mount --bind "$1" "$1" || exit 1; shift; done
shift
for place in / /tmp /var/tmp /dev/shm; do
    if mountpoint -q "$place"; then mount -o remount,bind,ro "$place" || exit 1; fi
done
exec "$@"
"""


def read_only(*but):
    """What a command is put behind to see every file system read-only but for these folders.

    In a namespace of its own, whose root stands for nothing outside.
    """
    spaces = ["unshare", "--user", "--map-root-user", "--mount"]
    return [*spaces, "sh", "-c", _READ_ONLY, "sh", *map(str, but), "--"]


def _has_namespaces():
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    return subprocess.run([*read_only(), "true"], capture_output=True, check=False).returncode == 0


needs_namespaces = pytest.mark.skipif(
    not _has_namespaces(), reason="no namespaces of mounts are granted here"
)


@pytest.fixture
def png():
    """`png(seed=0)`: the bytes of a picture of 32 x 32 pixels."""

    def make(seed=0):
        rgb = np.random.default_rng(seed).random((32, 32, 3)).astype(np.float32)
        return encode_picture(rgb, None, "PNG")

    return make


@pytest.fixture
def environment():
    """What the examples ask for, and nothing of whoever runs the tests."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return kept | {"OPENBLAS_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}


@pytest.fixture
def python():
    """A command of the Python that runs the tests."""
    return [sys.executable, "-P", "-W", "error"]
