"""What programs take of the memory, against what processes take."""

from pathlib import Path

import pytest


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is not told here")
@pytest.mark.parametrize("kind", ["objective", "sums", "pullback"])
def test_no_process_takes_more(kind, run_alone, toy_file):
    """At 700 x 600 pixels, of which a layer of four channels takes 7 MB."""
    code = """
import re, sys
from pathlib import Path
import numpy as np
from impasto.engine.engine import Engine
from impasto.engine.programs import Selection
from impasto.export import program

def told(what):
    return int(re.search(what + r":\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

kind, size = sys.argv[2], (700, 600)
joint = None if kind == "objective" else "pool2"
selection = Selection(("relu3_1",), ("relu1_1", "relu4_1"), "max", "replicate", joint)
engine = Engine(sys.argv[1], threads=1, device="cpu")
graph = getattr(program, kind + "_graph")(engine._programs._network, selection, size)
feeds = {n: np.full(v.shape, 0.5, np.float32) for n, v in graph.inputs.items()}
session = engine._sessions.get(kind, selection, size)
Path("/proc/self/clear_refs").write_text("5")
before = told("VmRSS")
session.run(feeds, list(graph.outputs))
print(told("VmHWM") - before, engine._programs.footprint(kind, selection, size).run)
"""
    taken, told = map(int, run_alone(code, toy_file, kind).split())
    assert 0.6 * told <= taken <= told + 4e6  # of threads' stacks and the like
