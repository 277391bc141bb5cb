"""Memory in large pages, where the system gives them to those who ask: evaluations are 4 to 7 %
faster.

glibc reads its tunables once, before the first line of Python, so a program cannot ask for itself;
it can only be started anew.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["are_there", "asking", "not_asking"]

# Of our own: 0 means never, and 1 is set where Impasto has asked.
_VARIABLE = "IMPASTO_LARGE_PAGES"
_TUNABLES = "GLIBC_TUNABLES"
_TUNABLE = "glibc.malloc.hugetlb"
_SINCE = (2, 35)
_TRANSPARENT = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def asking(environment: Mapping[str, str]) -> dict[str, str] | None:
    """The environment to start anew with; None where the user, or we, have decided already."""
    tunables = environment.get(_TUNABLES, "")
    if environment.get(_VARIABLE) == "0" or _TUNABLE in tunables:
        return None
    asked = ":".join(filter(None, (tunables, f"{_TUNABLE}=1")))
    return {**environment, _VARIABLE: "1", _TUNABLES: asked}


def not_asking(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment as it was before `asking`."""
    given = dict(environment)
    if given.get(_VARIABLE) == "1":
        del given[_VARIABLE]
        tunables = given.pop(_TUNABLES, "").split(":")
        if others := ":".join(one for one in tunables if one != f"{_TUNABLE}=1"):
            given[_TUNABLES] = others
    return given


def are_there() -> bool:
    """Whether the kernel gives them to those who ask, and this process's C library can."""
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        able = name == "glibc" and tuple(int(part) for part in version.split(".")[:2]) >= _SINCE
        return able and "[madvise]" in _TRANSPARENT.read_text("ascii")
    except (AttributeError, OSError, ValueError):  # no Linux, or one without them
        return False
