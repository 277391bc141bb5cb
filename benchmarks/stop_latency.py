"""How long a stop takes: SIGINT in each phase of a large picture, until the process has ended.

    .venv/bin/python benchmarks/stop_latency.py PHOTOGRAPH PAINTING --size 4096 --memory 2G

A process for each phase, which says on its error stream when the phase begins; it is then
interrupted after `--after` seconds. Told are the seconds from the signal until the work had
stopped, and those until the picture was written and the process gone. POSIX.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Method of each phase: where it begins. Of methods that run often, a phase is the first of many.
PHASES = {
    "planning": ("planner", "Planner", "plan"),
    "reading": ("studio", "Studio", "sources"),
    "targets": ("objectives", "Objectives", "at"),
    "evaluation": ("objective", "Objective", "measure"),
    "tiles": ("front", "Front", "pull_back"),
}
CHILD = """
import importlib, sys, time
phase, module, owner, method, *command = sys.argv[1:]
kind = getattr(importlib.import_module("impasto.engine." + module), owner)
whole = getattr(kind, method)
told = []
def begun(*args, **kwargs):
    if not told:
        told.append(phase)
        print("BEGUN", file=sys.stderr, flush=True)
    return whole(*args, **kwargs)
setattr(kind, method, begun)
from impasto.engine.stop import Stop
from impasto.engine.studio import Studio
paint = Studio.paint
def painted(*args, **kwargs):
    try:
        return paint(*args, **kwargs)
    finally:
        print("STOPPED", file=sys.stderr, flush=True)
Studio.paint = painted
sys.argv = ["impasto", *command]
from impasto.cli.main import main
main()
"""


def main() -> None:
    """Print one line for each phase."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photograph", type=Path)
    parser.add_argument("painting", type=Path)
    parser.add_argument("--size", default="4096")
    parser.add_argument("--memory", default="2G")
    parser.add_argument("--after", type=float, nargs="+", default=[0.3, 2.0])
    parser.add_argument("--phases", nargs="+", choices=PHASES, default=list(PHASES))
    arguments = parser.parse_args()
    print(f"{'phase':11} after   stopped   ended  exit  written")
    for phase in arguments.phases:
        for after in arguments.after:
            interrupt(arguments, phase, after)


def interrupt(arguments: argparse.Namespace, phase: str, after: float) -> None:
    """One process, interrupted so many seconds after the beginning of that phase."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "picture.png"
        command = ["stylize", str(arguments.photograph), str(arguments.painting), "--quiet"]
        command += ["--size", arguments.size, "--memory", arguments.memory, "--levels", "1"]
        command += ["--iterations", "1", "--threads", "2", "--output", str(output)]
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", CHILD, phase, *PHASES[phase], *command],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )
        assert process.stderr is not None
        wait_for(process, "BEGUN")
        time.sleep(after)
        sent = time.perf_counter()
        process.send_signal(signal.SIGINT)
        wait_for(process, "STOPPED")
        stopped = time.perf_counter() - sent
        process.stderr.read()
        code = process.wait()
        ended = time.perf_counter() - sent
        print(
            f"{phase:11} {after:4.1f} s  {stopped:6.2f} s {ended:6.2f} s  {code:4}  "
            f"{output.exists()}",
            flush=True,
        )


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    """Until the process says that on its error stream."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.strip() == word:
            return
    raise SystemExit(f"the process ended with {process.wait()} before {word}")


if __name__ == "__main__":
    main()
