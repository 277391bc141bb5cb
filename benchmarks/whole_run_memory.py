"""Peak memory of a whole picture, beside that of a descent with torch at the same size.

    .venv-oracle/bin/python benchmarks/whole_run_memory.py PHOTOGRAPH PAINTING --size 512

Each in a process of its own, by the operating system's account (POSIX). An optimiser has all its
memory after as many steps as it keeps pairs, so that 12 steps at each scale are enough;
`--iterations default` takes as many as a picture usually has.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

COMMAND_LINE = "from impasto.cli.main import main; main()"


def main() -> None:
    """Print one line for each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photograph", type=Path)
    parser.add_argument("painting", type=Path)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--iterations", default="12")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--without-torch", action="store_true")
    arguments = parser.parse_args()
    pictures = [str(path.resolve()) for path in (arguments.photograph, arguments.painting)]
    shared = [*pictures, "--size", str(arguments.size), "--threads", str(arguments.threads)]
    with tempfile.TemporaryDirectory() as folder:
        steps = ["--iterations", arguments.iterations] if arguments.iterations != "default" else []
        output = ["--quiet", "--output", str(Path(folder) / "picture.png")]
        ours = ["-P", "-c", COMMAND_LINE, "stylize", *shared, *steps, *output]
        print(f"impasto: {peak_mb(ours):.0f} MB", flush=True)
        if not arguments.without_torch:
            script = str(Path(__file__).with_name("time_to_objective.py"))
            for optimiser in ("lbfgs", "scipy"):
                part = ["--part", optimiser, "--evaluations", "15", "--folder", folder]
                print(f"torch, {optimiser}: {peak_mb([script, *shared, *part]):.0f} MB", flush=True)


def peak_mb(arguments: list[str]) -> float:
    """Of a process of this Python, in megabytes of 10^6 bytes."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.DEVNULL,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"a process ended with {process.returncode}")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


if __name__ == "__main__":
    main()
