"""Kills `impasto stylize --checkpoint` at random times, and lets `impasto resume` go on each time.

A work is killed (SIGKILL) at one random time of its whole life, from its first save on, and half of
the resumed ones once more. After each kill the output is the old file or a complete picture; in the
end it is complete, nothing else is left, and the loss is near that of the work that nobody killed.
Any other option is passed on to `impasto stylize`.

    python benchmarks/kill_and_resume.py CONTENT STYLE --kills 50 --size 128
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from impasto.engine.errors import StyleError
from impasto.engine.images import read_picture

COMMAND = [sys.executable, "-c", "from impasto.cli.main import main; main()"]
OLD = b"the old file"


def main() -> None:
    """Print one line for each work, and the counts; exit 1 if anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--iterations", default="30")
    parser.add_argument("--every", default="50ms")
    parser.add_argument("--seed", type=int, default=0)
    arguments, rest = parser.parse_known_args()
    chance = random.Random(arguments.seed)
    begun = [*map(str, (arguments.content.resolve(), arguments.style.resolve()))]
    begun += ["--size", str(arguments.size), "--iterations", arguments.iterations]
    begun += [*rest, "-o", "art.png", "--json"]
    folder = Path(tempfile.mkdtemp())
    began = time.perf_counter()
    whole = json.loads(_run(["stylize", *begun], folder).stdout)
    seconds = time.perf_counter() - began
    print(f"nobody killed: {seconds:.1f} s, loss {whole['loss']['final']:.4f}", flush=True)

    kills, works, wrong, worst = 0, 0, [], 0.0
    while kills < arguments.kills:
        shutil.rmtree(folder)
        folder.mkdir()
        (folder / "art.png").write_bytes(OLD)
        kept = ["--checkpoint", "kept", "--checkpoint-every", arguments.every]
        command = ["stylize", *begun, *kept]
        here = 0
        while here == 0 or (chance.random() < 0.5 and kills < arguments.kills):
            killed = _kill(command, folder, chance.uniform(0, seconds))
            if not killed:
                break
            here, kills = here + 1, kills + 1
            if not _is_old_or_whole(folder / "art.png"):
                wrong.append(f"kill {kills}: the output is half-written")
            command = ["resume", "kept", "--json"]
        if here == 0:
            continue
        works += 1
        ended = _run(["resume", "kept", "--json"], folder)
        if ended.returncode != 0:
            wrong.append(f"work {works}: {ended.stderr}")
            continue
        loss = json.loads(ended.stdout)["loss"]["final"]
        worst = max(worst, loss / whole["loss"]["final"])
        left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        if left != ["art.png", "kept", "kept/work.impasto"]:
            wrong.append(f"work {works}: left behind {left}")
        if (folder / "art.png").read_bytes() == OLD:
            wrong.append(f"work {works}: no picture")
        print(f"work {works}: killed {here} times, loss {loss:.4f}", flush=True)
    shutil.rmtree(folder)
    print(f"{kills} kills of {works} works, {len(wrong)} wrong; largest loss {worst:.4f} of whole")
    print("\n".join(wrong))
    sys.exit(bool(wrong))


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *command], cwd=folder, capture_output=True, text=True, check=False
    )


def _kill(command: list[str], folder: Path, after: float) -> bool:
    """Whether it was killed before it ended by itself; `after` its first save."""
    process = subprocess.Popen(
        [*COMMAND, *command], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while process.poll() is None and not (folder / "kept" / "work.impasto").exists():
        time.sleep(0.001)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    return False


def _is_old_or_whole(path: Path) -> bool:
    if path.read_bytes() == OLD:
        return True
    try:
        read_picture(path)
    except StyleError:
        return False
    return True


if __name__ == "__main__":
    main()
