"""The plan's estimate of the peak beside the operating system's account, a process for each.

    .venv/bin/python benchmarks/memory_plan.py PHOTOGRAPH PAINTING
    .venv/bin/python benchmarks/memory_plan.py PHOTOGRAPH PAINTING --cases 2048:1G:5,4096:2G:2

A case is the longer side, the budget (`-` for the usual one), the steps, and, where they are not 1
and auto, the number of levels (`-` for the usual one) and the lowering. An optimiser has all its
memory after as many steps as it keeps pairs. POSIX.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

COMMAND_LINE = "from impasto.cli.main import main; main()"
CASES = (
    "128:-:22,256:-:22,512:-:22,512:600M:22,1024:-:22,1024:1G:8,2048:1G:5,2048:2G:5,4096:2G:2,"
    "512:-:22:-,512:-:22:-:direct,1024:-:22:-,1024:900M:8:-"
)


def main() -> None:
    """Print one line for each case."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photograph", type=Path)
    parser.add_argument("painting", type=Path)
    parser.add_argument("--cases", default=CASES)
    arguments = parser.parse_args()
    print(f"{'size':13}levels  budget  {'computed':38}{'optimiser':13}  plan   peak  ratio  s/eval")
    for case in arguments.cases.split(","):
        print_case(arguments.photograph, arguments.painting, *case.split(":"))


def print_case(
    photograph: Path,
    painting: Path,
    size: str,
    memory: str,
    steps: str,
    levels: str = "1",
    lowering: str = "auto",
) -> None:
    """Paint, and compare what was planned with what it took; megabytes of 10^6 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["stylize", str(photograph), str(painting), "--json", "--quiet", "--size", size]
        command += ["--iterations", steps, "--lowering", lowering]
        command += [] if levels == "-" else ["--levels", levels]
        command += ["--output", str(Path(folder) / "picture.png")]
        command += [] if memory == "-" else ["--memory", memory]
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", COMMAND_LINE, *command],
            stdout=subprocess.PIPE,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )
        assert process.stdout is not None
        told = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"a process ended with {os.waitstatus_to_exitcode(status)}")
    record = json.loads(told)
    *coarser, level = record["plan"]["levels"]
    planned = record["plan"]["peak"] / 1e6
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    tiling = level["tiling"]
    how = "at once"
    if tiling is not None:
        tiles = f"{tiling['across']}x{tiling['down']} of {tiling['width']}x{tiling['height']}"
        how = f"to {tiling['up_to']}, {tiles}, halo {tiling['halo']}"
    print(
        f"{level['width']:>4} x {level['height']:<4}  {len(coarser) + 1:<6}  {memory:<6}  "
        f"{how:<36}  "
        f"{level['optimizer']:<13}{planned:6.0f} {peak:6.0f}   {planned / peak:.2f}  "
        f"{record['evaluation_seconds']:6.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
