import platform
import subprocess
import sys

import pytest

CODE = """
import re, sys
from pathlib import Path
import numpy as np
from impasto.cli.allocation import give_memory_back

def used():
    return int(re.search(r"VmRSS:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

if sys.argv[1] == "yes":
    give_memory_back()
# as large arrays come and go, glibc keeps larger and larger ones in its heap
for megabytes in (4, 8, 16, 30):
    del [np.ones(megabytes << 17)][:]
before = used()
arrays, between = [], []
for _ in range(20):
    arrays.append(np.ones(3 << 17))
    between.append(bytearray(100_000))
del arrays
print(used() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_freed_arrays_go_back_to_the_system():
    told = {}
    for wanted in ("yes", "no"):
        ended = subprocess.run(
            [sys.executable, "-P", "-c", CODE, wanted], capture_output=True, text=True, check=True
        )
        told[wanted] = float(ended.stdout)
    assert told["yes"] < 10 < 40 < told["no"]
