"""How much memory this process has needed at most."""

from __future__ import annotations

import re
import sys
from pathlib import Path

__all__ = ["peak_rss_mb"]


def peak_rss_mb() -> float | None:
    """The largest resident set so far, in megabytes of 10^6 bytes; None where it is not told."""
    try:
        # getrusage would count the parent's memory too, if it was larger when it started this
        # process.
        status = Path("/proc/self/status").read_text("ascii", "replace")
    except OSError:
        status = ""
    if found := re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE):
        return round(int(found[1]) * 1024 / 1e6, 1)
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)
