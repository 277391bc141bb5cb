"""Make the pictures of docs/tour.md anew: by the commands that stand under them.

    python tools/make_tour.py

Takes some minutes on two cores. A command that fails ends it.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TOUR = ROOT / "docs" / "tour.md"


def commands(text: str) -> list[list[str]]:
    """Every line of its shell blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def main() -> None:
    """Run them with the interpreter that runs this, whose environment has Impasto."""
    (ROOT / "docs" / "images" / "tour").mkdir(parents=True, exist_ok=True)
    for name, *arguments in commands(TOUR.read_text("utf-8")):
        sys.stderr.write(shlex.join([name, *arguments]) + "\n")
        program = [sys.executable]
        if name == "impasto":
            program += ["-c", "from impasto.cli.main import main; main()"]
        subprocess.run([*program, *arguments], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
