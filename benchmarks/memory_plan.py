"""The plan's estimate of the peak beside the operating system's account, a process for each.

    .venv/bin/python benchmarks/memory_plan.py PHOTOGRAPH PAINTING
    .venv/bin/python benchmarks/memory_plan.py PHOTOGRAPH PAINTING --cases early,mask --size 512

A case is a name of `CASES`, or options of `impasto stylize` in quotes. Steps are few, for memory is
taken by pairs of steps: as many as there are steps are counted. POSIX.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

COMMAND_LINE = "from impasto.cli.main import main; main()"
EARLY = "--style-layer relu1_1 --style-layer relu2_1 --content-layer relu2_1"
CASES = {
    "one step": "--levels 1 --iterations 1",
    "few steps": "--levels 1 --iterations 3",
    "all pairs": "--levels 1 --iterations 42",
    "levels": "--iterations 2",
    "early": f"--levels 1 --iterations 3 {EARLY}",
    "direct": "--levels 1 --iterations 3 --lowering direct",
    "direct levels": "--iterations 2 --lowering direct",
    "colour": "--iterations 2 --color content --strength 0.8",
    "mask": "--levels 1 --iterations 2 --mask {mask}:{style_mask}",
    "keep": "--levels 1 --iterations 2 --keep {grey_mask}",
    "frames": "--iterations 2 --save-every 1 --animate {folder}/way.gif"
    " --checkpoint {folder}/work --checkpoint-every 1",
}


def main() -> None:
    """Print one line for each case."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photograph", type=Path)
    parser.add_argument("painting", type=Path)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--memory", help="as of stylize; the usual one where it is not given")
    parser.add_argument("--cases", default=",".join(CASES))
    arguments = parser.parse_args()
    print(f"{'case':14} {'size':11} {'computed':38}{'optimiser':13}  plan   peak  ratio")
    with tempfile.TemporaryDirectory() as folder:
        names = {"folder": folder}
        for name, picture, color in (
            ("mask", arguments.photograph, "blue"),
            ("style_mask", arguments.painting, "blue"),
            ("grey_mask", arguments.photograph, "black"),
        ):
            names[name] = drawn(picture, f"{folder}/{name}.png", color)
        for case in arguments.cases.split(","):
            options = shlex.split(CASES.get(case, case).format(**names))
            options += ["--size", str(arguments.size), "--output", f"{folder}/picture.png"]
            options += ["--memory", arguments.memory] if arguments.memory else []
            print_case(case, [str(arguments.photograph), str(arguments.painting), *options])


def drawn(picture: Path, path: str, color: str) -> str:
    """A white mask as large as a picture, one half in a colour; by another process, for those that
    are started later count what this one had at most."""
    code = (
        "import sys; from PIL import Image; width, height = Image.open(sys.argv[1]).size;"
        "mask = Image.new('RGB', (width, height), 'white');"
        "mask.paste(sys.argv[3], (0, 0, width // 2, height)); mask.save(sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", code, str(picture), path, color], check=True)
    return path


def print_case(case: str, arguments: list[str]) -> None:
    """Paint, and compare what was planned with what it took; megabytes of 10^6 bytes."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", COMMAND_LINE, "stylize", *arguments, "--json", "--quiet"],
        stdout=subprocess.PIPE,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    told = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise SystemExit(f"a process ended with {process.returncode}")
    plan = json.loads(told)["plan"]
    level = plan["levels"][-1]
    planned = plan["peak"] / 1e6
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    tiling = level["tiling"]
    how = "at once"
    if tiling is not None:
        tiles = f"{tiling['across']}x{tiling['down']} of {tiling['width']}x{tiling['height']}"
        how = f"to {tiling['up_to']}, {tiles}, halo {tiling['halo']}"
    print(
        f"{case[:14]:14} {level['width']:>4} x {level['height']:<4} {how:<38}"
        f"{level['optimizer']:<13}{planned:6.0f} {peak:6.0f}   {planned / peak:.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
